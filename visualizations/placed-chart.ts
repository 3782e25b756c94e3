/** A chart with everything on its picture in place: absolute coordinates, in px. */
import type { ChartState } from './chart-graph.ts';
import type { Block } from './text.ts';
import type { TransitionKind } from './transition-kind.ts';

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface PlacedState extends Box {
  readonly state: ChartState;
  readonly title: Block;
  readonly body: Block;
  /** Left edge of its text. */
  readonly textX: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface PlacedEdge {
  readonly kind: TransitionKind;
  /** Paths of the states that it leads from and to. */
  readonly source: string;
  readonly target: string;
  readonly points: readonly Point[];
  readonly label?: Box & { readonly block: Block };
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly states: readonly PlacedState[];
  readonly edges: readonly PlacedEdge[];
}

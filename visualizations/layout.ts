/**
 * Where everything on a picture goes: boxes, edges and labels with absolute coordinates, worked out by elkjs.
 *
 * The same chart and options give the same layout: ELK is seeded, and every number is rounded.
 * ELK's model-order options are left alone: they crash on hierarchical graphs.
 */
import elkjs, { type ElkExtendedEdge, type ElkLabel, type ElkNode } from 'elkjs';
import type { ChartGraph, ChartState } from './chart-graph.ts';
import { freeLeft } from './head-text.ts';
import { bodyBlock, edgeBlock, type Heads, titleBlock } from './labels.ts';
import { type Bundle, bundlesOf } from './routes.ts';
import type { Block } from './text.ts';
import type { Box, Layout, PlacedEdge, PlacedState } from './placed-chart.ts';
import type { IsCommand } from './transition-kind.ts';

/** Where ELK is free to choose, these settle it; a chart may have its own. */
export type LayoutOptions = Readonly<Record<string, string>>;

export const STATE_PADDING = { x: 12, top: 8, bottom: 9 };
export const LABEL_PADDING = { x: 6, y: 3 };
/** Between the title of a state and what it does. */
export const TITLE_GAP = 6;

const DEFAULTS: LayoutOptions = {
  'elk.algorithm': 'layered',
  'elk.direction': 'DOWN',
  'elk.hierarchyHandling': 'INCLUDE_CHILDREN',
  'elk.edgeRouting': 'ORTHOGONAL',
  'elk.randomSeed': '1',
  'elk.json.shapeCoords': 'ROOT',
  'elk.json.edgeCoords': 'ROOT',
  'elk.layered.thoroughness': '40',
  'elk.layered.nodePlacement.strategy': 'NETWORK_SIMPLEX',
  'elk.layered.nodePlacement.favorStraightEdges': 'true',
};
const SPACING: LayoutOptions = {
  'elk.spacing.nodeNode': '24',
  'elk.spacing.edgeNode': '14',
  'elk.spacing.edgeEdge': '10',
  'elk.spacing.edgeLabel': '4',
  'elk.layered.spacing.nodeNodeBetweenLayers': '18',
  'elk.layered.spacing.edgeNodeBetweenLayers': '14',
  'elk.layered.spacing.edgeEdgeBetweenLayers': '9',
};

const NOTHING: Block = { lines: [], width: 0, height: 0 };

interface Parts {
  readonly titles: Map<string, Block>;
  readonly bodies: Map<string, Block>;
  readonly edges: Map<string, EdgeParts>;
}

interface EdgeParts extends Pick<PlacedEdge, 'kind' | 'source' | 'target'> {
  readonly block: Block;
  readonly forward: boolean;
}

/** Lays `graph` out. Resolves with coordinates from the top left corner, in pixels. */
export async function layOut(
  graph: ChartGraph,
  isCommand: IsCommand,
  options: LayoutOptions = {},
  heads?: Heads,
): Promise<Layout> {
  const parts: Parts = { titles: new Map(), bodies: new Map(), edges: new Map() };
  const bundles = bundlesOf(graph, isCommand);
  for (const state of graph.states) {
    parts.titles.set(state.path, titleBlock(state, heads));
    parts.bodies.set(state.path, bodyBlock(graph, state, bundles));
  }
  const chart: ElkNode = {
    id: 'chart',
    layoutOptions: { ...DEFAULTS, ...SPACING, ...options },
    children: [...everywhere(graph, parts), ...childrenOf(graph, '', parts)],
    edges: transitionEdges(graph, bundles, parts),
  };
  const laidOut = await new elkjs.default().layout(chart);
  return readBack(graph, laidOut, parts);
}

function transitionEdges(graph: ChartGraph, bundles: readonly Bundle[], parts: Parts): ElkExtendedEdge[] {
  return bundles.flatMap((bundle, number) => {
    if (bundle.shownAs !== 'edge') return [];
    const block = edgeBlock(graph, bundle);
    return bundle.targets.map((target, index): ElkExtendedEdge => {
      const id = `edge ${number} ${index}`;
      const forward = isForward(graph, bundle.source, target);
      const { kind, source } = bundle;
      parts.edges.set(id, { kind, source, target, block, forward });
      const [from, to] = forward ? [source, target] : [target, source];
      return {
        id,
        sources: [nodeId(from)],
        targets: [nodeId(to)],
        labels: index === 0 ? [labelOf(id, block)] : [],
      };
    });
  });
}

function labelOf(id: string, block: Block): ElkLabel {
  return {
    id: `${id} label`,
    text: id,
    width: block.width + 2 * LABEL_PADDING.x,
    height: block.height + 2 * LABEL_PADDING.y,
    layoutOptions: { 'elk.edgeLabels.inline': 'true' },
  };
}

/**
 * Document order is the order of the story. An edge against it is handed to ELK the other way round, so that
 * the layout flows as the chart reads.
 */
function isForward(graph: ChartGraph, source: string, target: string): boolean {
  const order = graph.states.map(({ path }) => path);
  return order.indexOf(source) < order.indexOf(target);
}

function nodeId(path: string): string {
  return `state ${path}`;
}

function childrenOf(graph: ChartGraph, parent: string, parts: Parts): ElkNode[] {
  return graph.states.filter((state) => state.parent === parent).map((state) => nodeOf(graph, state, parts));
}

/** The root is the paper itself; what it does by itself has a box of its own. */
function everywhere(graph: ChartGraph, parts: Parts): ElkNode[] {
  const root = graph.states.find(({ path }) => path === '');
  return root && parts.bodies.get('')?.height ? [leafOf(root, parts)] : [];
}

function leafOf(state: ChartState, parts: Parts): ElkNode {
  const { width, height } = sizeOf(state, parts);
  return { id: nodeId(state.path), width: Math.max(84, width), height: Math.max(36, height) };
}

function sizeOf(state: ChartState, parts: Parts): { width: number; height: number } {
  const title = parts.titles.get(state.path) ?? NOTHING;
  const body = parts.bodies.get(state.path) ?? NOTHING;
  return {
    width: Math.max(title.width, body.width) + 2 * STATE_PADDING.x,
    height: headHeight({ title, body }),
  };
}

function nodeOf(graph: ChartGraph, state: ChartState, parts: Parts): ElkNode {
  const children = childrenOf(graph, state.path, parts);
  if (children.length === 0) return leafOf(state, parts);
  const { width, height } = sizeOf(state, parts);
  return {
    id: nodeId(state.path),
    children,
    layoutOptions: {
      ...SPACING,
      'elk.padding': `[top=${height + 12},left=20,bottom=14,right=20]`,
      'elk.nodeSize.constraints': 'MINIMUM_SIZE',
      'elk.nodeSize.minimum': `(${width}, ${height})`,
    },
  };
}

/** What the text of a state takes: all of a leaf, the head of a container. */
export function headHeight({ title, body }: { readonly title: Block; readonly body: Block }): number {
  return (
    STATE_PADDING.top + title.height + (body.height > 0 ? TITLE_GAP + body.height : 0) + STATE_PADDING.bottom
  );
}

export function isContainer({ state }: PlacedState): boolean {
  return state.path !== '' && (state.type === 'compound' || state.type === 'parallel');
}

/** Where the text of a state stands. */
export function textArea(placed: PlacedState): Box {
  const { y, title, body, textX } = placed;
  const [left, top] = [textX - 4, y + STATE_PADDING.top - 2];
  const bottom = y + headHeight(placed) - STATE_PADDING.bottom + 2;
  return { x: left, y: top, width: Math.max(title.width, body.width) + 8, height: bottom - top };
}

function readBack(graph: ChartGraph, laidOut: ElkNode, parts: Parts): Layout {
  const boxes = new Map<string, Box>();
  const visit = (node: ElkNode): void => {
    boxes.set(node.id, boxOf(node));
    node.children?.forEach(visit);
  };
  visit(laidOut);
  const edges = (laidOut.edges ?? []).flatMap((edge) => edgeOf(edge, parts));
  return {
    width: Math.ceil(laidOut.width ?? 0),
    height: Math.ceil(laidOut.height ?? 0),
    states: graph.states.flatMap((state) => {
      const box = boxes.get(nodeId(state.path));
      return box ? [placedState(state, box, edges, parts)] : [];
    }),
    edges,
  };
}

function placedState(
  state: ChartState,
  box: Box,
  edges: readonly PlacedEdge[],
  { titles, bodies }: Parts,
): PlacedState {
  const placed: PlacedState = {
    state,
    ...box,
    title: titles.get(state.path) ?? NOTHING,
    body: bodies.get(state.path) ?? NOTHING,
    textX: box.x + STATE_PADDING.x,
  };
  if (!isContainer(placed)) return placed;
  const area = textArea(placed);
  const left = freeLeft(area, box.x + box.width - STATE_PADDING.x + 4, edges);
  return { ...placed, textX: round(placed.textX + left - area.x) };
}

function edgeOf(edge: ElkExtendedEdge, parts: Parts): PlacedEdge[] {
  const part = parts.edges.get(edge.id);
  if (!part) return [];
  const [label] = edge.labels ?? [];
  const points = (edge.sections ?? []).flatMap(({ startPoint, bendPoints = [], endPoint }) =>
    [startPoint, ...bendPoints, endPoint].map(({ x, y }) => ({ x: round(x), y: round(y) })),
  );
  if (!part.forward) points.reverse();
  const { kind, source, target, block } = part;
  return [{ kind, source, target, points, ...(label ? { label: { ...boxOf(label), block } } : {}) }];
}

function boxOf({
  x = 0,
  y = 0,
  width = 0,
  height = 0,
}: {
  x?: number;
  y?: number;
  width?: number;
  height?: number;
}): Box {
  return { x: round(x), y: round(y), width: round(width), height: round(height) };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/**
 * The best of several layouts of one chart: ELK's result depends on choices that no option gets right for all.
 *
 * Deterministic: the candidates are fixed, and of equals the first wins. Each has a name, so that a picture can
 * say which it is of, and be drawn again without a search.
 */
import type { ChartGraph } from './chart-graph.ts';
import {
  type Box,
  type Layout,
  type LayoutOptions,
  type PlacedEdge,
  type Point,
  isContainer,
  layOut,
  textArea,
} from './layout.ts';
import type { IsCommand } from './transition-kind.ts';

const SEEDS = ['1', '2', '3', '4', '5', '6', '7', '8'];
const PLACEMENTS = ['NETWORK_SIMPLEX', 'LINEAR_SEGMENTS', 'BRANDES_KOEPF'];
const CANDIDATES: ReadonlyMap<string, LayoutOptions> = new Map(
  SEEDS.flatMap((seed) =>
    PLACEMENTS.map((placement): [string, LayoutOptions] => [
      `${placement} ${seed}`,
      {
        'elk.randomSeed': seed,
        'elk.layered.nodePlacement.strategy': placement,
        'elk.layered.compaction.postCompaction.strategy': 'EDGE_LENGTH',
      },
    ]),
  ),
);

export interface NamedLayout extends Layout {
  readonly name: string;
}

/**
 * Lays `graph` out in every way this module knows, and resolves with the one that is easiest to read.
 *
 * @param name that of an earlier search, to lay it out in that way alone; one that is unknown is searched for
 */
export async function bestLayout(
  graph: ChartGraph,
  isCommand: IsCommand,
  name?: string,
): Promise<NamedLayout> {
  const chosen = name === undefined ? undefined : CANDIDATES.get(name);
  const candidates = chosen && name !== undefined ? [[name, chosen] as const] : CANDIDATES;
  let best: NamedLayout | undefined;
  let lowest = Number.POSITIVE_INFINITY;
  for (const [candidate, options] of candidates) {
    const layout = await layOut(graph, isCommand, options);
    const cost = costOf(layout);
    if (cost < lowest) [best, lowest] = [{ ...layout, name: candidate }, cost];
  }
  if (!best) throw new Error(`no layout of ${graph.id} was found`);
  return best;
}

/** What an eye has to do, in pixels of line to follow: long lines, corners, crossings and size cost. */
function costOf({ edges, states, width, height }: Layout): number {
  const lines = edges.map(({ points }) => segmentsOf(points));
  const length = lines
    .flat()
    .reduce((sum, [from, to]) => sum + Math.abs(from.x - to.x) + Math.abs(from.y - to.y), 0);
  const corners = lines.reduce((sum, segments) => sum + segments.length - 1, 0);
  const heads = states.filter(isContainer).map(textArea);
  const overText = lines.flat().filter((segment) => heads.some((head) => doesPass(segment, head))).length;
  return length + 40 * corners + 250 * (crossingsOf(edges) + overText) + 3 * width + height;
}

/** How often two edges cross. */
function crossingsOf(edges: readonly PlacedEdge[]): number {
  const lines = edges.map(({ points }) => segmentsOf(points));
  let crossings = 0;
  lines.forEach((segments, index) => {
    for (const other of lines.slice(index + 1).flat()) {
      crossings += segments.filter((segment) => doCross(segment, other)).length;
    }
  });
  return crossings;
}

type Segment = readonly [Point, Point];

function segmentsOf(points: readonly Point[]): Segment[] {
  return points.slice(1).flatMap((to, index): Segment[] => {
    const from = points[index];
    return from ? [[from, to]] : [];
  });
}

function doCross(one: Segment, other: Segment): boolean {
  const [vertical, level] = isVertical(one) ? [one, other] : [other, one];
  if (!isVertical(vertical) || isVertical(level)) return false;
  return (
    isBetween(vertical[0].x, level[0].x, level[1].x) && isBetween(level[0].y, vertical[0].y, vertical[1].y)
  );
}

function doesPass([from, to]: Segment, { x, y, width, height }: Box): boolean {
  return (
    Math.max(from.x, to.x) > x &&
    Math.min(from.x, to.x) < x + width &&
    Math.max(from.y, to.y) > y &&
    Math.min(from.y, to.y) < y + height
  );
}

function isVertical([from, to]: Segment): boolean {
  return from.x === to.x;
}

function isBetween(value: number, a: number, b: number): boolean {
  return value > Math.min(a, b) && value < Math.max(a, b);
}

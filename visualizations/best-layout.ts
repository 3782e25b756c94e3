/**
 * The best of several layouts of one chart: ELK's result depends on choices that no option gets right for all.
 *
 * Deterministic: the candidates are fixed, and of equals the first wins. Each has a name, so that a picture can
 * say which it is of, and be drawn again without a search.
 */
import type { ChartGraph } from './chart-graph.ts';
import type { Heads } from './labels.ts';
import { type LayoutOptions, isContainer, layOut, textArea } from './layout.ts';
import type { Box, Layout, PlacedEdge, Point } from './placed-chart.ts';
import type { IsCommand } from './transition-kind.ts';

const SEEDS = ['1', '2', '3', '4', '5', '6', '7', '8'];
const PLACEMENTS = ['NETWORK_SIMPLEX', 'LINEAR_SEGMENTS', 'BRANDES_KOEPF'];
interface Candidate {
  readonly heads: Heads;
  readonly options: LayoutOptions;
}

/** Those with narrow heads are for charts of which all others run a line through words. */
const CANDIDATES: Readonly<Record<Heads, ReadonlyMap<string, Candidate>>> = {
  wide: candidatesWith('wide'),
  narrow: candidatesWith('narrow'),
};

function candidatesWith(heads: Heads): ReadonlyMap<string, Candidate> {
  return new Map(
    SEEDS.flatMap((seed) =>
      PLACEMENTS.map((placement): [string, Candidate] => [
        `${placement} ${seed}${heads === 'wide' ? '' : ` ${heads}`}`,
        {
          heads,
          options: {
            'elk.randomSeed': seed,
            'elk.layered.nodePlacement.strategy': placement,
            'elk.layered.compaction.postCompaction.strategy': 'EDGE_LENGTH',
          },
        },
      ]),
    ),
  );
}

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
  const chosen = name === undefined ? undefined : (CANDIDATES.wide.get(name) ?? CANDIDATES.narrow.get(name));
  if (chosen && name !== undefined) {
    return { ...(await layOut(graph, isCommand, chosen.options, chosen.heads)), name };
  }
  const best = await bestOf(graph, isCommand, CANDIDATES.wide);
  return overText(best) === 0 ? best : bestOf(graph, isCommand, CANDIDATES.narrow, best);
}

async function bestOf(
  graph: ChartGraph,
  isCommand: IsCommand,
  candidates: ReadonlyMap<string, Candidate>,
  known?: NamedLayout,
): Promise<NamedLayout> {
  let best = known;
  let lowest = known === undefined ? Number.POSITIVE_INFINITY : costOf(known);
  for (const [name, { options, heads }] of candidates) {
    const layout = await layOut(graph, isCommand, options, heads);
    const cost = costOf(layout);
    if (cost < lowest) [best, lowest] = [{ ...layout, name }, cost];
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
  return (
    length +
    40 * corners +
    250 * crossingsOf(edges) +
    5_000 * overText({ edges, states }) +
    3 * width +
    height
  );
}

/** How many lines run through words: those in the head of a container, or on the label of another edge. */
function overText({ edges, states }: Pick<Layout, 'edges' | 'states'>): number {
  const heads = states.filter(isContainer).map(textArea);
  return edges.reduce((sum, edge) => {
    const labels = edges.flatMap((other) => (other === edge || !other.label ? [] : [other.label]));
    const words = [...heads, ...labels];
    const passed = words.filter((box) => segmentsOf(edge.points).some((segment) => doesPass(segment, box)));
    return sum + passed.length;
  }, 0);
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

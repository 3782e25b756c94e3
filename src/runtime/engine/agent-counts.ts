/**
 * What was taken of the charts that agents are: of those that run in this program, and of those that run in its threads
 * and processes, as these tell it.
 *
 * Knows no agent and no host. What a child tells is taken to be well-formed; how much of it is kept is bounded here.
 */
import type { ChartCounts } from './chart-counts.ts';

/** Where the steps of a chart, and of the charts within it, are counted. */
export interface CountedCharts {
  charts(): readonly ChartCounts[];
  /**
   * What was counted since this was asked last: the first time all of it, what was never taken included. Nothing new
   * is `undefined`.
   */
  changes(): readonly ChartCounts[] | undefined;
}

/** More versions of charts, and more names of one, are not kept of what children tell: an agent can tell anything. */
const MAX_CHARTS = 1_000;
const MAX_NAMES = 20_000;

interface Told {
  readonly chart: string;
  readonly hash: string;
  readonly transitions: Map<string, number>;
  readonly refusals: Map<string, number>;
}

const here = new Set<CountedCharts>();
const elsewhere = new Map<string, Told>();

/** Charts of agents that run in this program, or in this child. */
export function countHere(counted: CountedCharts): void {
  here.add(counted);
}

/** What a child has to tell its program. */
export function changesHere(): readonly ChartCounts[] {
  const changes: ChartCounts[] = [];
  for (const counted of here) changes.push(...(counted.changes() ?? []));
  return changes;
}

/** A child has told what it has counted. */
export function countElsewhere(charts: readonly ChartCounts[]): void {
  for (const { chart, hash, transitions, refusals } of charts) {
    const key = JSON.stringify([chart, hash]);
    let told = elsewhere.get(key);
    if (told === undefined) {
      if (elsewhere.size >= MAX_CHARTS) continue;
      told = { chart, hash, transitions: new Map(), refusals: new Map() };
      elsewhere.set(key, told);
    }
    add(told.transitions, transitions);
    add(told.refusals, refusals);
  }
}

/** A chart that ran in several places is in several of these. */
export function countsOfAgents(): readonly ChartCounts[] {
  const told = [...elsewhere.values()].map(({ chart, hash, transitions, refusals }) => ({
    chart,
    hash,
    transitions: Object.fromEntries(transitions),
    refusals: Object.fromEntries(refusals),
  }));
  return [...[...here].flatMap((counted) => counted.charts()), ...told];
}

function add(counts: Map<string, number>, more: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(more)) {
    if (counts.size >= MAX_NAMES && !counts.has(name)) continue;
    counts.set(name, Math.min((counts.get(name) ?? 0) + count, Number.MAX_SAFE_INTEGER));
  }
}

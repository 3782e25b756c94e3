/**
 * Which transitions and guard outcomes of the charts of agents, supervision, coordination, pools and limits have been taken, by
 * this program and by others: `system.coverage()`, `mergeCoverage`.
 */
import type { AnyStateMachine } from 'xstate';
import { z } from 'zod';
import {
  agentMachine,
  autoscalerMachine,
  budgetMachine,
  consensusMachine,
  coordinatorMachine,
  poolMachine,
  progressMachine,
  quotaMachine,
  supervisorMachine,
} from '../../machines/index.ts';
import { countsOfAgents } from '../engine/agent-counts.ts';
import { type ChartCounts, countsOf } from '../engine/chart-counts.ts';
import { coverageInWords, type CoverageReport, reportOf } from '../engine/coverage-report.ts';
import { parseInput } from '../values/malformed.ts';

/** As it is kept in a file: JSON. */
export interface CoverageData {
  readonly version: 1;
  readonly charts: readonly ChartCounts[];
}

/** What has been taken of each chart. */
export interface Coverage extends CoverageData {
  /** Of one chart by its id, or of all together. */
  report(chart?: string): CoverageReport;
  /** One chart a line: `agent: 61 of 75 transitions, 20 of 31 guard outcomes; never: …`. */
  toString(): string;
  toJSON(): CoverageData;
}

const charts: readonly AnyStateMachine[] = [
  agentMachine,
  supervisorMachine,
  coordinatorMachine,
  consensusMachine,
  poolMachine,
  autoscalerMachine,
  quotaMachine,
  budgetMachine,
  progressMachine,
];

const counts = z.record(z.string(), z.int().min(0));
const dataSchema = z.object({
  version: z.literal(1),
  charts: z.array(
    z.strictObject({ chart: z.string(), hash: z.string(), transitions: counts, refusals: counts }),
  ),
});

/** Of all systems that this program has, or had, and of the charts that its own agents are, in whatever host. */
export function coverageOfProgram(): Coverage {
  const shipped = charts.map(countsOf);
  // An agent can have its child tell anything.
  const own = countsOfAgents().filter(({ hash }) => shipped.every((one) => one.hash !== hash));
  return new CoverageOf(added([...shipped, ...own]));
}

/**
 * Adds up what several programs have taken. Counts of another version of a chart are not mixed with those of this one:
 * it is listed apart.
 *
 * @param kept what `coverage()` gave, or `JSON.parse` of what was written of it
 * @throws AgentSystemError `AGENT_SPEC_INVALID` for an invalid one
 */
export function mergeCoverage(...kept: readonly unknown[]): Coverage {
  const all = kept.map((one) => parseInput(dataSchema, dataOf(one), { what: 'mergeCoverage' }).charts);
  return new CoverageOf(added(all.flat()));
}

/** One for each version of a chart. */
function added(counted: readonly ChartCounts[]): readonly ChartCounts[] {
  const merged = new Map<string, ChartCounts>();
  for (const one of counted) {
    const key = `${one.chart} ${one.hash}`;
    const before = merged.get(key);
    merged.set(key, before === undefined ? one : sumOf(before, one));
  }
  return [...merged.values()];
}

function dataOf(kept: unknown): unknown {
  return kept instanceof CoverageOf ? kept.toJSON() : kept;
}

type Counts = Readonly<Record<string, number>>;

function addedCounts(one: Counts, other: Counts): Counts {
  const sum: Record<string, number> = { ...one };
  for (const [name, count] of Object.entries(other)) sum[name] = (sum[name] ?? 0) + count;
  return sum;
}

function sumOf(one: ChartCounts, other: ChartCounts): ChartCounts {
  return {
    ...one,
    transitions: addedCounts(one.transitions, other.transitions),
    refusals: addedCounts(one.refusals, other.refusals),
  };
}

class CoverageOf implements Coverage {
  readonly version = 1;
  readonly charts: readonly ChartCounts[];

  constructor(counted: readonly ChartCounts[]) {
    this.charts = counted;
  }

  report(chart?: string): CoverageReport {
    const counted = this.charts.filter((one) => chart === undefined || one.chart === chart);
    return reportOf(counted);
  }

  toString(): string {
    return this.charts
      .map((one) => {
        const isOneOfSeveral = this.charts.some((other) => other !== one && other.chart === one.chart);
        const version = isOneOfSeveral ? ` (${one.hash.slice(0, 8)})` : '';
        return `${one.chart}${version}: ${coverageInWords(reportOf([one]))}`;
      })
      .join('\n');
  }

  toJSON(): CoverageData {
    return { version: 1, charts: this.charts };
  }
}

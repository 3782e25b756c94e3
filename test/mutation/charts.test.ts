/**
 * Small faults planted in the charts of lives, permits, quotas, budgets, progress and questions by rule — a transition
 * left out, another target, no guard, an action too few — are found by the tours of the independent models through the
 * real runtime. The drivers of charts take turns: one mutant under each.
 *
 * A sample of them here; all of them with `MUTANTS=all`, those whose name has these words with `MUTANTS='question.ts: answered'`.
 */
import { expect, it, vi } from 'vitest';
import type { AnyStateMachine } from 'xstate';
import {
  agentMachine,
  budgetMachine,
  progressMachine,
  questionMachine,
  quotaMachine,
  supervisorMachine,
} from '../../src/machines/index.ts';
import type { ChartDriverName } from '../../src/runtime/engine/chart.ts';
import { drivers } from '../kit/drivers.ts';
import { type ChartMutant, chartMutantsOf } from './chart-mutants.ts';
import { charts as noFaults } from './no-faults.ts';
import { firstOf, type Plan, planSuite, type runSuite, type Toured } from './suite.ts';

/** One in so many is planted unless all are asked for; a prime, so that each kind has its turn. */
const ASKED = process.env['MUTANTS'];
const EVERY = ASKED === undefined ? 47 : 1;

interface Chart {
  readonly file: Toured;
  readonly exported: string;
  readonly machine: AnyStateMachine;
}
interface Subject extends Chart {
  readonly mutant: ChartMutant;
}

const charts: readonly Chart[] = [
  { file: 'agent.ts', exported: 'agentMachine', machine: agentMachine },
  { file: 'supervisor.ts', exported: 'supervisorMachine', machine: supervisorMachine },
  { file: 'quota.ts', exported: 'quotaMachine', machine: quotaMachine },
  { file: 'progress.ts', exported: 'progressMachine', machine: progressMachine },
  { file: 'budget.ts', exported: 'budgetMachine', machine: budgetMachine },
  { file: 'question.ts', exported: 'questionMachine', machine: questionMachine },
];
const subjects: readonly Subject[] = charts.flatMap((chart) =>
  chartMutantsOf(chart.machine).map((mutant) => ({ ...chart, mutant })),
);
const nameOf = ({ file, mutant }: Subject): string => `${file}: ${mutant.what}`;
const plan = planSuite();
const isAsked = (subject: Subject): boolean =>
  ASKED === undefined || ASKED === 'all' || nameOf(subject).includes(ASKED);
const isFault = (subject: Subject): boolean => !noFaults.some(({ mutant }) => mutant.test(nameOf(subject)));

/** What found the fault, or `undefined`: the whole of the sources is loaded anew around the machine. */
async function found(
  { file, exported }: Chart,
  machine: AnyStateMachine,
  driver: ChartDriverName,
  tours: Plan = plan,
): Promise<string | undefined> {
  vi.resetModules();
  const path = `../../src/machines/${file}`;
  vi.doMock(path, async (original) => ({ ...(await original<object>()), [exported]: machine }));
  try {
    const suite = (await import('./suite.ts')) as { readonly runSuite: typeof runSuite };
    await suite.runSuite(tours, () => {}, file, driver);
    return undefined;
  } catch (thrown) {
    return String(thrown);
  } finally {
    vi.doUnmock(path);
  }
}

it('nothing is found in the charts as they are, which are planted in the same way', {
  timeout: 300_000,
}, async () => {
  // All tours pass on them in the tests of their models.
  for (const chart of charts)
    expect([chart.file, await found(chart, chart.machine, 'table', firstOf(plan))]).toEqual([
      chart.file,
      undefined,
    ]);
});

it('no mutant of the charts of lives, permits, quotas, budgets, progress and questions survives', {
  timeout: 3_600_000,
}, async () => {
  const chosen = subjects
    .filter((_, place) => place % EVERY === 7 % EVERY)
    .filter((subject) => isAsked(subject) && isFault(subject));
  const survived: string[] = [];
  for (const [place, subject] of chosen.entries()) {
    const driver = drivers[place % drivers.length]!;
    if ((await found(subject, subject.mutant.machine, driver)) === undefined) survived.push(nameOf(subject));
    if (EVERY === 1)
      process.stderr.write(`${nameOf(subject)}${survived.includes(nameOf(subject)) ? ' SURVIVED' : ''}\n`);
  }
  expect(chosen.length).toBeGreaterThan(ASKED === undefined ? 7 : 0);
  expect(survived).toEqual([]);
});

/**
 * Small faults planted in the charts of lives, permits, quotas, budgets, progress and questions by rule — a transition
 * left out, another target, no guard, an action too few — are found by the tours of the independent models through the
 * real runtime.
 *
 * A sample of them here; all of them with `MUTANTS=all`, those whose name has these words with `MUTANTS='question.ts: answered'`.
 */
import { expect, it, vi } from 'vitest';
import {
  agentMachine,
  budgetMachine,
  progressMachine,
  questionMachine,
  quotaMachine,
  supervisorMachine,
} from '../../src/machines/index.ts';
import { type ChartMutant, chartMutantsOf } from './chart-mutants.ts';
import { charts as noFaults } from './no-faults.ts';
import { planSuite, type runSuite } from './suite.ts';

/** One in so many is planted unless all are asked for; a prime, so that each kind has its turn. */
const ASKED = process.env['MUTANTS'];
const EVERY = ASKED === undefined ? 47 : 1;

interface Subject {
  readonly file: string;
  readonly exported: string;
  readonly mutant: ChartMutant;
}

const subjects: readonly Subject[] = [
  ...chartMutantsOf(agentMachine).map((mutant) => ({ file: 'agent.ts', exported: 'agentMachine', mutant })),
  ...chartMutantsOf(supervisorMachine).map((mutant) => ({
    file: 'supervisor.ts',
    exported: 'supervisorMachine',
    mutant,
  })),
  ...chartMutantsOf(quotaMachine).map((mutant) => ({ file: 'quota.ts', exported: 'quotaMachine', mutant })),
  ...chartMutantsOf(progressMachine).map((mutant) => ({
    file: 'progress.ts',
    exported: 'progressMachine',
    mutant,
  })),
  ...chartMutantsOf(budgetMachine).map((mutant) => ({
    file: 'budget.ts',
    exported: 'budgetMachine',
    mutant,
  })),
  ...chartMutantsOf(questionMachine).map((mutant) => ({
    file: 'question.ts',
    exported: 'questionMachine',
    mutant,
  })),
];
const nameOf = ({ file, mutant }: Subject): string => `${file}: ${mutant.what}`;
const plan = planSuite();
const isAsked = (subject: Subject): boolean =>
  ASKED === undefined || ASKED === 'all' || nameOf(subject).includes(ASKED);
const isFault = (subject: Subject): boolean => !noFaults.some(({ mutant }) => mutant.test(nameOf(subject)));

/** What found the fault, or `undefined`: the whole of the sources is loaded anew around the mutant. */
async function found({ file, exported, mutant }: Subject): Promise<string | undefined> {
  vi.resetModules();
  const path = `../../src/machines/${file}`;
  vi.doMock(path, async (original) => ({ ...(await original<object>()), [exported]: mutant.machine }));
  try {
    const suite = (await import('./suite.ts')) as { readonly runSuite: typeof runSuite };
    await suite.runSuite(plan, () => {});
    return undefined;
  } catch (thrown) {
    return String(thrown);
  } finally {
    vi.doUnmock(path);
  }
}

it('the tours pass on the charts as they are', { timeout: 300_000 }, async () => {
  vi.resetModules();
  const suite = (await import('./suite.ts')) as { readonly runSuite: typeof runSuite };
  await suite.runSuite(plan, () => {});
});

it('no mutant of the charts of lives, permits, quotas, budgets, progress and questions survives', {
  timeout: 3_600_000,
}, async () => {
  const chosen = subjects
    .filter((_, place) => place % EVERY === 7 % EVERY)
    .filter((subject) => isAsked(subject) && isFault(subject));
  const survived: string[] = [];
  for (const subject of chosen) {
    if ((await found(subject)) === undefined) survived.push(nameOf(subject));
    if (EVERY === 1)
      process.stderr.write(`${nameOf(subject)}${survived.includes(nameOf(subject)) ? ' SURVIVED' : ''}\n`);
  }
  expect(chosen.length).toBeGreaterThan(ASKED === undefined ? 7 : 0);
  expect(survived).toEqual([]);
});

/**
 * Whether a system can take work now: named checks, each of which says yes, or why not.
 *
 * I1  A check that throws, or does not answer in time, counts as failed. None can delay the answer.
 */
import type { AgentSystem } from '../index.ts';
import { unrefTimers, within } from '../runtime/time/deadline.ts';
import { errorInfoOf } from '../runtime/values/errors.ts';

/** `true` when all is well; else why not. */
export type ReadinessCheck = (system: AgentSystem) => boolean | string | Promise<boolean | string>;

export interface Verdict {
  readonly name: string;
  /** `undefined` when all is well. */
  readonly problem: string | undefined;
}

/** What always has to hold: the system takes commands, and its store keeps what it is given. */
export const standardChecks: Readonly<Record<string, ReadinessCheck>> = {
  system: ({ status }) => status === 'open' || `it is ${status}`,
  store: ({ alerts }) => alerts.list().find(({ alert }) => alert === 'store_degraded')?.message ?? true,
};

/** All verdicts, in the order of the checks. @param timeoutMs for all of them */
export function verdictsOf(
  system: AgentSystem,
  checks: Readonly<Record<string, ReadinessCheck>>,
  timeoutMs: number,
): Promise<readonly Verdict[]> {
  return Promise.all(
    Object.entries(checks).map(async ([name, check]) => ({
      name,
      problem: await problemOf(system, check, timeoutMs),
    })),
  );
}

async function problemOf(
  system: AgentSystem,
  check: ReadinessCheck,
  timeoutMs: number,
): Promise<string | undefined> {
  try {
    const late = () => `no answer within ${timeoutMs} ms`;
    const answer = await within(unrefTimers, timeoutMs, Promise.resolve(check(system)), late);
    if (answer === true) return undefined;
    return typeof answer === 'string' && answer !== '' ? answer : 'it says no';
  } catch (thrown) {
    return errorInfoOf(thrown).message;
  }
}

/**
 * The proposers' own fallbacks at work: what to do with a proposal that was not accepted.
 *
 * I1  A fallback ends: by its answer, at its deadline, or when the system closes. What it gives later is dropped.
 */
import { AgentSystemError, errorInfoOf, inWords } from '../../values/errors.ts';
import type { SteadyClock } from '../../time/clock.ts';
import { within } from '../../time/deadline.ts';
import type { VariableRegistry } from '../variables/variables.ts';
import type { Decision } from './proposal.ts';
import type { Round } from './round.ts';

export interface FallbacksOptions {
  readonly clock: SteadyClock;
  readonly variables: VariableRegistry;
  readonly reportFault: (message: string, thrown: unknown) => void;
}

/** How long a decision waits for `sync` agents to acknowledge its value; ms. */
export const CONFIRM_TIMEOUT_MS = 30_000;

export class Fallbacks {
  readonly #options: FallbacksOptions;
  readonly #closing = Promise.withResolvers<never>();

  constructor(options: FallbacksOptions) {
    this.#options = options;
    // At the close there may be no waiting caller.
    this.#closing.promise.catch(() => {});
  }

  /** Those that are at work are not waited for any more. */
  close(): void {
    this.#closing.reject(new Error('the fallback was dropped: the system is closed, or closing'));
  }

  /** What the decision is after the fallback. @throws AgentSystemError `STORE_FAILED` */
  async decide({ id: roundId, change }: Round, decision: Decision): Promise<Decision> {
    const { clock, variables, reportFault } = this.#options;
    const { topic, value, terms, custom, by } = change;
    const { deadlineMs } = terms;
    const answered = async () => {
      const current = topic.current?.value;
      const { outcome } = decision;
      const other: unknown = await custom?.({ roundId, variable: topic.name, value, current, outcome });
      return other === undefined ? undefined : variables.judge(topic, other, deadlineMs);
    };
    const late = (): never => {
      throw new Error(`the fallback was dropped: no answer within ${deadlineMs} ms`);
    };
    try {
      const work = Promise.race([answered(), this.#closing.promise]);
      const fit = await within(clock, deadlineMs, work, late);
      if (fit === undefined) return decision;
      const reason = { by, why: `fallback of ${roundId}`, timeoutMs: CONFIRM_TIMEOUT_MS };
      const { version } = await variables.put(topic, fit.value, reason);
      return { ...decision, version, decidedBy: 'fallback' };
    } catch (thrown) {
      if (thrown instanceof AgentSystemError && thrown.code === 'STORE_FAILED') throw thrown;
      reportFault(`the fallback of ${roundId} on ${inWords(topic.name)} failed`, thrown);
      return { ...decision, problem: errorInfoOf(thrown).message };
    }
  }
}

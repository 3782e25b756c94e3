/**
 * The callers of a simulated fleet: who asked for what, and until when each has to be answered.
 *
 * I1  A caller is answered by its time, unless its program dies or its task waits for a person.
 * I2  A refusal is an `AgentSystemError`; anything else that is thrown breaks a law.
 */
import { AgentSystemError, inWords } from '../../runtime/values/errors.ts';
import type { Target } from './deeds.ts';
import type { FleetJudge } from './fleet-judge.ts';
import { broken } from './laws.ts';

/** How much longer than agreed an answer may take: a store, a stop and a hung body may come on top. */
export const GRACE_MS = 40_000;

interface Call {
  readonly what: string;
  /** When it has to be answered; `Infinity` where nothing was agreed. */
  readonly dueAt: number;
  /** The agent or pool that it waits for. */
  readonly of: Target | undefined;
  isOver: boolean;
}

export class SimulatedCallers {
  readonly #judge: FleetJudge;
  /** Simulated, epoch ms. */
  readonly #now: () => number;
  readonly #calls = new Set<Call>();

  constructor(judge: FleetJudge, now: () => number) {
    this.#judge = judge;
    this.#now = now;
  }

  /** @param told called with the answer, unless the program has died before */
  ask<Value>(
    what: string,
    withinMs: number,
    asked: Promise<Value>,
    told?: (value: Value) => void,
    of?: Target,
  ): void {
    const call: Call = { what, dueAt: this.#now() + withinMs, of, isOver: false };
    this.#calls.add(call);
    asked.then(
      (value) => {
        if (call.isOver) return;
        call.isOver = true;
        if (told) this.#judge.attempt(() => told(value));
      },
      (thrown: unknown) => {
        if (call.isOver) return;
        call.isOver = true;
        if (thrown instanceof AgentSystemError) return;
        this.#judge.attempt(() => broken('only the system refuses', `${what}: ${inWords(thrown)}`, thrown));
      },
    );
  }

  /** The program has died: none of its callers is answered. */
  programDied(): void {
    for (const call of this.#calls) call.isOver = true;
    this.#calls.clear();
  }

  /** The system has closed: every call must have been answered. */
  judgeClosed(): void {
    for (const { isOver, what } of this.#calls)
      if (!isOver) broken('every call is answered', `${what} was not, and its system has closed`);
  }

  judgeQuiet(now: number): void {
    for (const call of this.#calls) {
      if (call.isOver) this.#calls.delete(call);
      else if (call.dueAt < now && !this.#asksPeople(call.of))
        broken('every call is answered', `${call.what} was to be by ${now - call.dueAt} ms ago`);
    }
  }

  /** A task that waits for a person takes as long as that takes. */
  #asksPeople(of: Target | undefined): boolean {
    if (of === undefined) return false;
    const { askers } = this.#judge.told.told;
    return typeof of === 'string' ? askers.has(of) : askers.size > 0;
  }
}

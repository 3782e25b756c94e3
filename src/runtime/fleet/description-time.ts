/**
 * The time that a description of a module may take: one deadline each, on the system's clock.
 *
 * Owns the timers of open descriptions. It loads nothing itself.
 *
 * I1  Every promise settles: with the result of the work, at its deadline, or when all are given up.
 * I2  Time that is spent waiting for the turn of others is not counted.
 */
import type { SteadyClock } from '../time/clock.ts';
import type { DescriptionTurn } from '../hosting/host.ts';

interface Limit {
  readonly timeoutMs: number;
  /** The error at its deadline. */
  readonly late: () => Error;
}

export class DescriptionTime {
  readonly #clock: SteadyClock;
  readonly #underWay = new Set<(why: Error) => void>();

  constructor(clock: SteadyClock) {
    this.#clock = clock;
  }

  within<Value>(
    { timeoutMs, late }: Limit,
    work: (turn: DescriptionTurn) => PromiseLike<Value>,
  ): Promise<Value> {
    const { promise, resolve, reject } = Promise.withResolvers<Value>();
    const controller = new AbortController();
    let timer: unknown;
    const stopTimer = (): void => this.#clock.clearTimeout(timer);
    const giveUp = (why: Error): void => {
      settle();
      controller.abort(why);
      reject(why);
    };
    const settle = (): boolean => {
      stopTimer();
      return this.#underWay.delete(giveUp);
    };
    const begins = (): void => {
      stopTimer();
      if (this.#underWay.has(giveUp)) timer = this.#clock.setTimeout(() => giveUp(late()), timeoutMs);
    };
    this.#underWay.add(giveUp);
    begins();
    const done = async (): Promise<Value> => work({ signal: controller.signal, waits: stopTimer, begins });
    done().then(
      (value) => {
        if (settle()) resolve(value);
      },
      (thrown: unknown) => {
        if (settle()) reject(thrown);
      },
    );
    return promise;
  }

  giveUpAll(why: Error): void {
    for (const giveUp of this.#underWay) giveUp(why);
  }
}

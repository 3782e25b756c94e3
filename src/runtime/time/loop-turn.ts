/**
 * Says when the event loop is owed a turn: a chain of promises or microtasks holds up every timer of the program.
 *
 * I1  Work that asks `isOver` often, and then awaits `next`, blocks the loop for little more than `TURN_MS`.
 * I2  Time that stands still, as a simulated clock's does, makes no turn too long: a simulation stays the same.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { SteadyClock } from './clock.ts';

/** How long one turn may last, ms. */
const TURN_MS = 5;
/** A turn that may have lasted so long is watched: from then on it is known when it ends. Most are over before. */
const UNWATCHED_MS = 2;

export class LoopTurn {
  /** When it was asked first, in this turn or, as long as none is watched, in an earlier one. */
  private beganAt: number | undefined;
  private isWatched = false;

  private readonly over = (): void => {
    this.beganAt = undefined;
    this.isWatched = false;
  };

  /** Whether the turn that goes on has lasted too long. Costs a comparison, and an immediate every few milliseconds. */
  isOver(now: number): boolean {
    if (this.beganAt === undefined) {
      this.beganAt = now;
      return false;
    }
    const lastedMs = now - this.beganAt;
    if (lastedMs >= 0 && lastedMs < UNWATCHED_MS) return false;
    if (!this.isWatched) {
      this.isWatched = true;
      setImmediate(this.over);
      // The turn in which it was asked first is probably long over.
      if (lastedMs >= TURN_MS) {
        this.beganAt = now;
        return false;
      }
    }
    // A wall clock that was put back says nothing of the time that has passed.
    return lastedMs >= TURN_MS || lastedMs < 0;
  }

  /** Resolves in a later turn, after what is due by then: timers, and what has come from elsewhere. */
  async next(): Promise<void> {
    await nextTurn();
  }
}

/** One for all that is settled without a commit, per clock. */
const turns = new WeakMap<SteadyClock, LoopTurn>();

function turnOf(clock: SteadyClock): LoopTurn {
  let turn = turns.get(clock);
  if (turn === undefined) turns.set(clock, (turn = new LoopTurn()));
  return turn;
}

/**
 * Resolves when the loop has had the turn that it is owed; `undefined` where it is owed none. For what is settled
 * without a commit: whoever asks in a loop, until it is no longer refused, waits for what has no turn otherwise.
 */
export function owedTurn(clock: SteadyClock): Promise<void> | undefined {
  const turn = turnOf(clock);
  return turn.isOver(clock.elapsed()) ? turn.next() : undefined;
}

/** A refusal: at once, or after the turn that the loop is owed. */
export function refused(clock: SteadyClock, thrown: unknown): Promise<never> {
  const owed = owedTurn(clock);
  return owed === undefined
    ? Promise.reject(thrown)
    : owed.then(() => {
        throw thrown;
      });
}

/** What is asked for, once the loop has had the turn that it is owed: for what rarely waits for anything. */
export async function answered<Value>(clock: SteadyClock, work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } finally {
    await owedTurn(clock);
  }
}

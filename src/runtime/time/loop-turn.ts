/**
 * Says when the event loop is owed a turn: a chain of promises or microtasks holds up every timer of the program.
 *
 * I1  Work that asks `isOver` often, and then awaits `next`, blocks the loop for little more than `TURN_MS`.
 * I2  Time that stands still, as a simulated clock's does, makes no turn too long: a simulation stays the same.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';

/** How long one turn may last, ms. */
const TURN_MS = 5;

export class LoopTurn {
  private beganAt: number | undefined;

  private readonly over = (): void => {
    this.beganAt = undefined;
  };

  /** Whether the turn that goes on has lasted too long. Costs a comparison, and one immediate a turn. */
  isOver(now: number): boolean {
    if (this.beganAt === undefined) {
      this.beganAt = now;
      setImmediate(this.over);
      return false;
    }
    const lastedMs = now - this.beganAt;
    // A wall clock that was put back says nothing of the time that has passed.
    return lastedMs >= TURN_MS || lastedMs < 0;
  }

  /** Resolves in a later turn, after what is due by then: timers, and what has come from elsewhere. */
  async next(): Promise<void> {
    await nextTurn();
  }
}

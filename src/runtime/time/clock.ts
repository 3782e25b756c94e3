/**
 * Time, as everything in the runtime is given it: nothing else reads a clock or arms a timer.
 *
 * I1  `now` never runs backwards.
 * I2  A delay of `Infinity` never fires, and costs nothing; one beyond what Node's timers hold (2^31 - 1 ms) fires
 *     when it is due.
 * I3  A delay of 0 is no timer: it fires once the program has had its turn, I/O included.
 */
import { type Timer, TimerList } from './timer-list.ts';

export interface Clock {
  /** Epoch ms. */
  now(): number;
  /** Runs `run` once, `delayMs` from now. The handle is for `clearTimeout` alone. */
  setTimeout(run: () => void, delayMs: number): unknown;
  clearTimeout(handle: unknown): void;
}

/** Delays that are remembered when no timer of theirs is armed: most programs use a few, again and again. */
const KEPT_LISTS = 64;

/** The handle of what never fires. */
const NEVER = Object.freeze({ clear: (): void => {}, unref: (): void => {} });

/** A turn of the program. */
class Turn {
  readonly #immediate: NodeJS.Immediate;

  constructor(run: () => void) {
    this.#immediate = setImmediate(run);
  }

  unref(): void {
    this.#immediate.unref();
  }

  clear(): void {
    clearImmediate(this.#immediate);
  }
}

/** The machine's own time. Timers keep the program alive until they are cleared. */
export function systemClock(): Clock {
  let latest = 0;
  const lists = new Map<number, TimerList>();
  const listOf = (delayMs: number): TimerList => {
    let list = lists.get(delayMs);
    if (list === undefined) {
      list = new TimerList(delayMs, () => {
        if (lists.size > KEPT_LISTS) lists.delete(delayMs);
      });
      lists.set(delayMs, list);
    }
    return list;
  };
  return {
    now() {
      latest = Math.max(latest, Date.now());
      return latest;
    },
    setTimeout(run, delayMs) {
      if (delayMs === Infinity) return NEVER;
      return delayMs > 0 ? listOf(delayMs).arm(run) : new Turn(run);
    },
    clearTimeout(handle) {
      (handle as Timer | Turn | typeof NEVER | undefined)?.clear();
    },
  };
}

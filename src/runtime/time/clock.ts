/**
 * Time, as everything in the runtime is given it: nothing else reads a clock or arms a timer.
 *
 * I1  `elapsed` never runs backwards and never jumps: all durations and deadlines are counted by it. `now` is what the
 *     wall clock says, which people and their machines put forward and back: a stamp, and nothing else.
 * I2  A delay of `Infinity` never fires, and costs nothing; one beyond what Node's timers hold (2^31 - 1 ms) fires
 *     when it is due.
 * I3  A delay of 0 is no timer: it fires once the program has had its turn, I/O included.
 */
import { armDelay, clearDelay } from './long-delay.ts';
import { type Timer, TimerList } from './timer-list.ts';

export interface Clock {
  /** Epoch ms, as the wall clock has it at this moment: a stamp. */
  now(): number;
  /**
   * Ms since an origin of its own that is about the epoch, by a clock that is never set: the difference of two is how
   * much time has passed. A clock without it is taken to be never set forward, and to stand still while it is set back.
   */
  elapsed?(): number;
  /** Runs `run` once, `delayMs` from now. The handle is for `clearTimeout` alone. */
  setTimeout(run: () => void, delayMs: number): unknown;
  clearTimeout(handle: unknown): void;
}

/** A clock that can say how much time has passed. */
export interface SteadyClock extends Clock {
  elapsed(): number;
}

/** What waits for a time of the wall clock looks at that clock so often: one that was set ahead is noticed within it, ms. */
export const LOOK_EVERY_MS = 60_000;

/** Clocks that are known to hold all of the above. */
const steadyClocks = new WeakSet<Clock>();

/**
 * The clock itself, or with what it lacks. One that was handed in is mostly Node's own timers, which fire at once
 * where a delay is longer than they hold.
 */
export function steadyClock(clock: Clock): SteadyClock {
  if (steadyClocks.has(clock)) return clock as SteadyClock;
  let latest = -Infinity;
  return markedSteady({
    now: () => clock.now(),
    elapsed: () => clock.elapsed?.() ?? (latest = Math.max(latest, clock.now())),
    setTimeout: (run, delayMs) => armDelay(clock, run, delayMs),
    clearTimeout: (handle) => clearDelay(clock, handle),
  });
}

function markedSteady(clock: SteadyClock): SteadyClock {
  steadyClocks.add(clock);
  return clock;
}

/** Delays that are remembered when no timer of theirs is armed: most programs use a few, again and again. */
const KEPT_LISTS = 64;

/** The handle of what never fires. */
const NEVER = Object.freeze({ clear: (): void => {}, unref: (): void => {} });

/** A turn of the program. */
class Turn {
  private readonly immediate: NodeJS.Immediate;

  constructor(run: () => void) {
    this.immediate = setImmediate(run);
  }

  unref(): void {
    this.immediate.unref();
  }

  clear(): void {
    clearImmediate(this.immediate);
  }
}

/** The machine's own time. Timers keep the program alive until they are cleared. */
export function systemClock(): SteadyClock {
  // The global is a getter, which costs as much as the clock.
  const since = performance;
  const { timeOrigin } = since;
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
  return markedSteady({
    now: () => Date.now(),
    elapsed: () => timeOrigin + since.now(),
    setTimeout(run, delayMs) {
      if (delayMs === Infinity) return NEVER;
      return delayMs > 0 ? listOf(delayMs).arm(run) : new Turn(run);
    },
    clearTimeout(handle) {
      (handle as Timer | Turn | typeof NEVER | undefined)?.clear();
    },
  });
}

/**
 * Time, as everything in the runtime is given it: nothing else reads a clock or arms a timer.
 *
 * I1  `now` never runs backwards.
 * I2  A delay of `Infinity` never fires; one beyond what Node's timers hold (2^31 - 1 ms) fires when it is due.
 */
export interface Clock {
  /** Epoch ms. */
  now(): number;
  /** Runs `run` once, `delayMs` from now. The handle is for `clearTimeout` alone. */
  setTimeout(run: () => void, delayMs: number): unknown;
  clearTimeout(handle: unknown): void;
}

const MAX_TIMER_MS = 2_147_483_647;

interface Timer {
  timeout: NodeJS.Timeout | undefined;
}

/** The machine's own time. Timers keep the program alive until they are cleared. */
export function systemClock(): Clock {
  let latest = 0;
  const arm = (timer: Timer, run: () => void, delayMs: number): void => {
    timer.timeout =
      delayMs > MAX_TIMER_MS
        ? setTimeout(() => arm(timer, run, delayMs - MAX_TIMER_MS), MAX_TIMER_MS)
        : setTimeout(run, delayMs);
  };
  return {
    now() {
      latest = Math.max(latest, Date.now());
      return latest;
    },
    setTimeout(run, delayMs) {
      if (delayMs <= MAX_TIMER_MS) return setTimeout(run, delayMs);
      const timer: Timer = { timeout: undefined };
      if (delayMs !== Infinity) arm(timer, run, delayMs);
      return timer;
    },
    clearTimeout(handle) {
      const timer = handle as NodeJS.Timeout | Timer | undefined;
      if (timer !== undefined) clearTimeout('timeout' in timer ? timer.timeout : timer);
    },
  };
}

/**
 * A delay beyond what timers of JavaScript hold, in steps that they do: given more, they fire at once.
 *
 * Whose timers these are is not asked: of a clock that was handed in it cannot be known how far they reach.
 */

/** 2^31 - 1 ms, some 24.8 days. */
export const LONGEST_TIMER_MS = 2_147_483_647;

/** What arms and clears timers. */
export interface Timers {
  setTimeout(run: () => void, delayMs: number): unknown;
  clearTimeout(handle: unknown): void;
}

/** Runs `run` once, `delayMs` from now, never if that is `Infinity`. The handle is for `clearDelay` alone. */
export function armDelay(timers: Timers, run: () => void, delayMs: number): unknown {
  return delayMs > LONGEST_TIMER_MS ? new LongDelay(timers, run, delayMs) : timers.setTimeout(run, delayMs);
}

export function clearDelay(timers: Timers, handle: unknown): void {
  if (handle instanceof LongDelay) handle.clear();
  else timers.clearTimeout(handle);
}

class LongDelay {
  private readonly timers: Timers;
  private readonly run: () => void;
  private leftMs: number;
  private step: unknown = undefined;
  private isRef = true;

  constructor(timers: Timers, run: () => void, delayMs: number) {
    this.timers = timers;
    this.run = run;
    this.leftMs = delayMs;
    this.goOn();
  }

  /** It no longer keeps the program alive. */
  unref(): void {
    this.isRef = false;
    (this.step as { unref?(): void } | undefined)?.unref?.();
  }

  clear(): void {
    this.timers.clearTimeout(this.step);
    this.leftMs = Infinity;
  }

  private readonly goOn = (): void => {
    if (this.leftMs === Infinity) return;
    if (this.leftMs <= 0) return this.run();
    const stepMs = Math.min(this.leftMs, LONGEST_TIMER_MS);
    this.leftMs -= stepMs;
    this.step = this.timers.setTimeout(this.goOn, stepMs);
    if (!this.isRef) this.unref();
  };
}

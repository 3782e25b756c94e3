/**
 * Time that stands still until a test moves it.
 *
 * Owns its timers and nothing else: between two of them it lets the program's own turns (promises, immediates)
 * run out, so that what a timer began has happened before the next one fires.
 *
 * I1  Timers fire in the order of their due times, and in the order they were armed where these are equal.
 * I2  While a timer runs, `elapsed` is its due time, never earlier, never later; and so is `now`, unless the wall
 *     clock was set.
 * I3  A delay of `Infinity` never fires, and is not pending.
 */
import { z } from 'zod';
import type { Clock } from '../runtime/time/clock.ts';
import { inWords } from '../runtime/values/errors.ts';
import { parseInput } from '../runtime/values/malformed.ts';

export interface SimulatedClock extends Clock {
  elapsed(): number;
  /**
   * Moves time on by `ms`, deadline by deadline.
   *
   * Resolves when everything that became due has run, and what it began has settled.
   */
  advance(ms: number): Promise<void>;
  /** Moves time on to the next deadline and runs that one timer; whether there was one. */
  runNext(): Promise<boolean>;
  /**
   * Sets the wall clock, as people and their machines do: `now` is `at` from here on, and no time has passed.
   *
   * @param at epoch ms
   */
  setWallClock(at: number): void;
  /** What is armed, in the order in which it will fire. */
  pending(): readonly PendingTimer[];
}

export interface PendingTimer {
  /** Epoch ms. */
  readonly dueAt: number;
}

interface Timer extends PendingTimer {
  readonly order: number;
  readonly run: () => void;
}

const optionsSchema = z.strictObject({ startAt: z.number().default(Date.UTC(2026, 0, 1)) });

/**
 * Makes a clock that stands still until the test moves it, for `createAgentSystem({ clock })`.
 *
 * @param options.startAt epoch ms at which time stands first; default 2026-01-01T00:00:00Z
 * @throws AgentSystemError `AGENT_SPEC_INVALID` for invalid options
 */
export function simulatedClock(options: { readonly startAt?: number } = {}): SimulatedClock {
  const { startAt } = parseInput(optionsSchema, options, { what: 'simulatedClock' });
  /** Sorted by due time, then by `order`. */
  const timers: Timer[] = [];
  /** What has passed, by a clock that is never set. */
  let now = startAt;
  let wallOffsetMs = 0;
  let armed = 0;

  const isBefore = (a: Timer, b: Timer): boolean =>
    a.dueAt < b.dueAt || (a.dueAt === b.dueAt && a.order < b.order);
  const placeOf = (timer: Timer): number => {
    let low = 0;
    let high = timers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isBefore(timers[middle]!, timer)) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const runFirst = async (): Promise<void> => {
    const timer = timers.shift()!;
    now = timer.dueAt;
    timer.run();
    await settled();
  };

  return {
    now: () => now + wallOffsetMs,
    elapsed: () => now,
    setTimeout(run, delayMs) {
      if (typeof delayMs !== 'number' || Number.isNaN(delayMs)) {
        throw new TypeError(`expected a delay in ms, got ${inWords(delayMs)}`);
      }
      armed += 1;
      const timer: Timer = { dueAt: now + Math.max(0, delayMs), order: armed, run };
      if (timer.dueAt !== Infinity) timers.splice(placeOf(timer), 0, timer);
      return timer;
    },
    clearTimeout(handle) {
      if (handle === undefined || handle === null) return;
      const place = placeOf(handle as Timer);
      if (timers[place] === handle) timers.splice(place, 1);
    },
    async advance(ms) {
      if (typeof ms !== 'number' || !(ms >= 0 && ms < Infinity)) {
        throw new TypeError(`expected ms to advance by, 0 or more, got ${inWords(ms)}`);
      }
      const until = now + ms;
      await settled();
      while (timers.length > 0 && timers[0]!.dueAt <= until) await runFirst();
      now = until;
    },
    async runNext() {
      await settled();
      if (timers.length === 0) return false;
      await runFirst();
      return true;
    },
    setWallClock(at) {
      if (typeof at !== 'number' || !Number.isFinite(at)) {
        throw new TypeError(`expected epoch ms, got ${inWords(at)}`);
      }
      wallOffsetMs = at - now;
    },
    pending: () => timers.map(({ dueAt }) => ({ dueAt: dueAt + wallOffsetMs })),
  };
}

/** Rounds after which a program that keeps itself busy with immediates is taken to do so for ever. */
const MAX_TURNS = 1_000;

/**
 * Resolves when no promise and no immediate of this program is left to run.
 *
 * Timers of Node and I/O are not waited for: with a simulated clock there are none of the first.
 */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < MAX_TURNS; turn++) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    if (!process.getActiveResourcesInfo().includes('Immediate')) return;
  }
}

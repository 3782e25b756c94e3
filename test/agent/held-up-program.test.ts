/** A program whose event loop was blocked has no right to call others unresponsive. */
import { describe, expect, it } from 'vitest';
import type { SteadyClock } from '../../src/runtime/time/clock.ts';
import { Liveness } from '../../src/runtime/agent/liveness.ts';

/** Timers that fire late, all at once, as they do after a long turn of the event loop. */
function blockedClock() {
  const armed = new Map<number, { readonly dueAt: number; readonly run: () => void }>();
  let now = 0;
  let handle = 0;
  const clock: SteadyClock = {
    now: () => now,
    elapsed: () => now,
    setTimeout(run, delayMs) {
      armed.set(++handle, { dueAt: now + delayMs, run });
      return handle;
    },
    clearTimeout: (timer) => void armed.delete(timer as number),
  };
  /** Time goes on, then one round of timers: those that they arm come in a later one. */
  const turnAfter = (ms: number): void => {
    now += ms;
    for (const [timer, { dueAt, run }] of Array.from(armed)) {
      if (dueAt > now || !armed.delete(timer)) continue;
      run();
    }
  };
  return { clock, turnAfter, armed };
}

function watched() {
  const { clock, turnAfter, armed } = blockedClock();
  const told: string[] = [];
  const asked: number[] = [];
  const liveness = new Liveness(
    {
      clock,
      askHealth: (checkId) => asked.push(checkId),
      changed: () => {},
      healthPassed: () => told.push('passed'),
      healthMissed: () => told.push('missed'),
    },
    { intervalMs: 1_000, timeoutMs: 100, failuresBeforeKill: 1 },
  );
  liveness.watch();
  turnAfter(1_000);
  return { liveness, turnAfter, armed, told, asked };
}

describe('a check whose time ran out while this program was held up', () => {
  it('is no miss when the answer was at the door', () => {
    const { liveness, turnAfter, told, asked } = watched();
    turnAfter(5_000);
    liveness.answered({ type: 'health.answered', checkId: asked[0]! });
    turnAfter(1);
    expect(told).toEqual(['passed']);
    expect(liveness.newest).toMatchObject({ status: 'healthy', misses: 0 });
  });

  it('is a miss when there was none', () => {
    const { liveness, turnAfter, told } = watched();
    turnAfter(5_000);
    expect(told).toEqual([]);
    turnAfter(1);
    expect(told).toEqual(['missed']);
    expect(liveness.newest).toMatchObject({ status: 'unresponsive', misses: 1 });
  });

  it('on time is a miss at once', () => {
    const { turnAfter, told } = watched();
    turnAfter(100);
    expect(told).toEqual(['missed']);
  });

  it('is forgotten when the agent ends meanwhile', () => {
    const { liveness, turnAfter, armed, told } = watched();
    turnAfter(5_000);
    liveness.unwatch();
    expect(armed.size).toBe(0);
    turnAfter(1);
    expect(told).toEqual([]);
  });
});

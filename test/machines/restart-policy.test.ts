/** Laws of restart intensity and of delays, figure by figure. */
import { describe, expect, it } from 'vitest';
import {
  afterUptime,
  asOf,
  exceedsIntensity,
  longestLastDelayMs,
  nextRestart,
  noRestarts,
  restartDelayMs,
  restartPolicy,
  sinceLastFailure,
  withRestart,
} from '../../src/machines/restart-policy.ts';

const policy = restartPolicy.parse({ delayMs: 100, maxDelayMs: 1_000, maxRestarts: 2, withinMs: 60 });

describe('restart intensity', () => {
  it.each([
    { restarts: [], at: 0, isTooMany: false },
    { restarts: [0], at: 59, isTooMany: false },
    { restarts: [0, 1], at: 59, isTooMany: true },
    { restarts: [0, 1], at: 60, isTooMany: false },
    { restarts: [0, 1], at: 61, isTooMany: false },
    { restarts: [30, 31, 32], at: 32, isTooMany: true },
  ])('of two within 60 ms: after $restarts one more at $at is too many: $isTooMany', (given) => {
    expect(exceedsIntensity(policy, { recent: given.restarts, attempt: 0 }, given.at)).toBe(given.isTooMany);
  });

  it('with `maxRestarts: 0` exceeds at the first crash', () => {
    expect(exceedsIntensity({ ...policy, maxRestarts: 0 }, noRestarts, 0)).toBe(true);
  });

  it('counts restarts within the window only, and every attempt', () => {
    const history = [0, 30, 90].reduce((known, at) => withRestart(policy, known, at), noRestarts);
    expect(history).toEqual({ recent: [90], attempt: 3 });
  });

  it('holds no restart of a later time than now after a restore', () => {
    const history = { recent: [5, 50], attempt: 2 };
    expect(asOf(history, 20)).toEqual({ recent: [5, 20], attempt: 2 });
    expect(asOf(history, 50)).toBe(history);
  });
});

describe('the delay before a restart', () => {
  it.each([
    { policy: 'immediate', attempt: 7, chance: 0.5, delayMs: 100 },
    { policy: 'delayed', attempt: 0, chance: 0, delayMs: 50 },
    { policy: 'delayed', attempt: 0, chance: 0.5, delayMs: 75 },
    { policy: 'delayed', attempt: 2, chance: 0, delayMs: 200 },
    { policy: 'delayed', attempt: 4, chance: 0, delayMs: 500 },
    { policy: 'delayed', attempt: 2_000, chance: 0, delayMs: 500 },
  ] as const)('with $policy, attempt $attempt and chance $chance is $delayMs ms', (given) => {
    const history = { recent: [], attempt: given.attempt };
    expect(restartDelayMs({ ...policy, policy: given.policy }, history, given.chance)).toBe(given.delayMs);
  });

  it('is at the most that of the last attempt, after a restore', () => {
    expect(longestLastDelayMs(policy, { recent: [], attempt: 3 })).toBe(400);
    expect(longestLastDelayMs(policy, noRestarts)).toBe(100);
    expect(longestLastDelayMs({ ...policy, policy: 'immediate' }, { recent: [], attempt: 3 })).toBe(100);
  });

  it('comes with the history after the restart', () => {
    const before = { recent: [7], attempt: 1 };
    expect(nextRestart(policy, before, 10, 0)).toEqual({
      delayMs: 100,
      history: { recent: [7, 10], attempt: 2 },
    });
  });
});

describe('a healthy period', () => {
  it.each([
    { uptimeMs: 59, attempt: 4 },
    { uptimeMs: 60, attempt: 0 },
  ])(
    'of $uptimeMs ms leaves attempt $attempt, and the restarts within the window',
    ({ uptimeMs, attempt }) => {
      expect(afterUptime(policy, { recent: [1], attempt: 4 }, uptimeMs)).toEqual({ recent: [1], attempt });
    },
  );

  it('of something without an uptime is the time since its last failure', () => {
    expect(sinceLastFailure(policy, { recent: [1, 10], attempt: 4 }, 69).attempt).toBe(4);
    expect(sinceLastFailure(policy, { recent: [1, 10], attempt: 4 }, 70).attempt).toBe(0);
    expect(sinceLastFailure(policy, { recent: [], attempt: 4 }, 1_000).attempt).toBe(4);
  });
});

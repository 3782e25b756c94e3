import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { systemClock } from '../../src/index.ts';
import { servingAgent } from './plain-agent.ts';

const DAY_MS = 86_400_000;
const SERVING = 'alive.serving.running.coordinated.idle';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('a plain actor of the agent chart lives on with the defaults of a spec', () => {
  using agent = servingAgent({});
  vi.advanceTimersByTime(DAY_MS);
  expect(agent.path()).toBe(SERVING);
});

test('a plain actor of the agent chart ends when its time is over', () => {
  using agent = servingAgent({ maxRuntimeMs: DAY_MS });
  vi.advanceTimersByTime(DAY_MS - 1);
  expect(agent.path()).toBe(SERVING);
  vi.advanceTimersByTime(1);
  expect(agent.path()).toBe('alive.stopping.draining');
});

test('with the clock of the system its time may be longer than a timer of Node holds', () => {
  using agent = servingAgent({ maxRuntimeMs: 40 * DAY_MS }, { clock: systemClock() });
  vi.advanceTimersByTime(40 * DAY_MS - 1);
  expect(agent.path()).toBe(SERVING);
  vi.advanceTimersByTime(1);
  expect(agent.path()).toBe('alive.stopping.draining');
});

import { createActor, fromPromise, waitFor } from 'xstate';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { systemClock } from '../../src/index.ts';
import {
  agentMachine,
  agentSpec,
  type BodyExit,
  type BodyInput,
  lifePolicyOf,
  positionOf,
} from '../../src/machines/index.ts';
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

test('without a body the bare chart says what was forgotten, and its agent is left down', async () => {
  vi.useRealTimers();
  const policy = lifePolicyOf(agentSpec.parse({ module: {} }));
  const actor = createActor(agentMachine, { input: { id: 'ada', policy } }).start();
  actor.send({ type: 'agent.start', at: 0 });
  const { context } = await waitFor(actor, ({ value }) => positionOf(value).status === 'crashed');
  expect(context.reason).toMatchObject({
    error: { message: expect.stringContaining('no actor "body" was provided') as string },
  });
  actor.stop();
});

test('a body that resolves with its exit ends its agent', async () => {
  vi.useRealTimers();
  const exit = { reason: 'normal', at: 7, chance: 0 } as const;
  const body = fromPromise<BodyExit, BodyInput>(() => Promise.resolve(exit));
  const policy = lifePolicyOf(agentSpec.parse({ module: {} }));
  const life = agentMachine.provide({ actors: { body } });
  const actor = createActor(life, { input: { id: 'ada', policy } }).start();
  actor.send({ type: 'agent.start', at: 0 });
  actor.send({ type: 'body.ready', at: 1 });
  const { context, value } = await waitFor(actor, (state) => !positionOf(state.value).isAlive);
  expect([positionOf(value).status, context.reason, context.endedAt]).toEqual(['completed', 'normal', 7]);
  actor.stop();
});

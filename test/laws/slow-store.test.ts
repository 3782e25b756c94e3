/** Laws of supervision: a start whose saved state is long in coming can be ended like any other. */
import { expect, test } from 'vitest';
import { memoryStore, type SavedState, type Store } from '../../src/index.ts';
import { scriptedHost, settled } from '../../src/testing/index.ts';
import { mortal } from '../kit/mortal.ts';
import { rig, type Rig } from '../kit/rig.ts';

interface SlowStart extends Rig {
  readonly id: string;
  readonly host: ReturnType<typeof scriptedHost>;
  /** What came of the start. */
  readonly outcome: Promise<unknown>;
  /** The store answers at last, or fails. */
  readonly answer: (with_: 'a state' | 'a failure') => Promise<void>;
}

/** A start that waits for its store, and has no body yet. */
async function slowStart(): Promise<SlowStart> {
  const kept = memoryStore();
  const asked: PromiseWithResolvers<SavedState | undefined>[] = [];
  const store: Store = {
    isDurable: false,
    recover: () => kept.recover(),
    append: (batch) => kept.append(batch),
    read: (query) => kept.read(query),
    state: () => {
      const answer = Promise.withResolvers<SavedState | undefined>();
      asked.push(answer);
      return answer.promise;
    },
    close: () => kept.close(),
  };
  const host = scriptedHost({ onOpen: (body) => body.ready() });
  const made = await rig({ store, hosts: { 'in-process': host } });
  const id = await made.agents.register({ module: mortal(), restart: { policy: 'never' } });
  const started = made.agents.start(id);
  const outcome = started.then(
    ({ incarnation }) => incarnation,
    ({ code }: { code: string }) => code,
  );
  await settled();
  expect(made.agents.get(id).status).toBe('starting');
  expect(host.live).toEqual([]);
  return {
    ...made,
    id,
    host,
    outcome,
    answer: async (with_) => {
      const oldest = asked.shift()!;
      if (with_ === 'a state') oldest.resolve({ json: '{"count":7}', stateVersion: 1 });
      else oldest.reject(new Error('no such table'));
      await settled();
    },
  };
}

test('a start goes on when its store has answered, with what that had', async () => {
  const start = await slowStart();
  await start.answer('a state');
  expect(await start.outcome).toBe(1);
  expect(start.host.live.map((body) => body.start.restored)).toEqual([
    { json: '{"count":7}', stateVersion: 1 },
  ]);
});

test('a start whose store fails is a start that failed, and says so', async () => {
  const start = await slowStart();
  await start.answer('a failure');
  expect(await start.outcome).toBe('AGENT_START_FAILED');
  expect(start.agents.get(start.id).status).toBe('registered');
  expect(start.system.resources().agents).toBe(0);
});

test('a stop ends it, and no body is opened when the answer comes', async () => {
  const start = await slowStart();
  expect(await start.agents.stop(start.id)).toMatchObject({ status: 'stopped', reason: 'shutdown' });
  await start.answer('a state');
  expect(start.host.bodiesOf(start.id)).toEqual([]);
  expect(await start.outcome).toBe('AGENT_START_FAILED');
  expect(start.system.resources().agents).toBe(0);
});

test('a kill ends it, and no body is opened when the answer comes', async () => {
  const start = await slowStart();
  expect(await start.agents.kill(start.id)).toMatchObject({ status: 'registered' });
  await start.answer('a state');
  expect(start.host.bodiesOf(start.id)).toEqual([]);
  expect(await start.outcome).toBe('AGENT_START_FAILED');
});

test('its deadline ends it, and no body is opened when the answer comes', async () => {
  const start = await slowStart();
  await start.clock.advance(30_000);
  expect(await start.outcome).toBe('AGENT_START_TIMED_OUT');
  await start.answer('a state');
  expect(start.host.bodiesOf(start.id)).toEqual([]);
});

test('the answer for a start that was ended is nothing to the next one', async () => {
  const start = await slowStart();
  await start.agents.stop(start.id);
  const next = start.agents.start(start.id);
  await settled();
  await start.answer('a state');
  expect(start.host.bodiesOf(start.id)).toEqual([]);
  await start.answer('a state');
  expect((await next).incarnation).toBe(2);
  expect(start.host.bodiesOf(start.id)).toHaveLength(1);
});

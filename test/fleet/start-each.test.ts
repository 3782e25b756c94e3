import { expect, it } from 'vitest';
import { AgentSystemError } from '../../src/index.ts';
import { startEach } from '../../src/runtime/fleet/start-each.ts';
import { settled } from '../../src/testing/index.ts';
import { awaited, gate } from '../kit/rig.ts';

it('each is started, 32 at a time, and one that fails is told apart and keeps no other from it', async () => {
  const ids = Array.from({ length: 70 }, (_, number) => `a${number}`);
  const starts = new Map<string, PromiseWithResolvers<void>>();
  const report = startEach(ids, (id) => {
    const start = gate();
    starts.set(id, start);
    return start.promise;
  });
  expect([...starts.keys()]).toEqual(ids.slice(0, 32));
  const error = new AgentSystemError('AGENT_START_FAILED', 'no');
  starts.get('a3')!.reject(error);
  await settled();
  expect([...starts.keys()]).toEqual(ids.slice(0, 33));
  while (starts.size < ids.length) {
    for (const start of starts.values()) start.resolve();
    await settled();
  }
  for (const start of starts.values()) start.resolve();
  const { started, failed } = await report;
  expect(failed).toEqual([{ agentId: 'a3', error }]);
  expect(started.toSorted()).toEqual(ids.filter((id) => id !== 'a3').toSorted());
});

it('a very large fleet is gone through in one go: none of its ids costs more for those that wait behind it', async () => {
  const ids = Array.from({ length: 300_000 }, (_, number) => `a${number}`);
  expect((await startEach(ids, () => Promise.resolve())).started).toHaveLength(ids.length);
});

it('nobody to start is a report of nobody', async () => {
  expect(await startEach([], () => Promise.reject(new Error('nobody asked')))).toEqual({
    started: [],
    failed: [],
  });
});

it('what is no refusal is a bug, and thrown', async () => {
  const bug = new TypeError('x is not a function');
  await expect(awaited(startEach(['a', 'b'], () => Promise.reject(bug)))).rejects.toBe(bug);
});

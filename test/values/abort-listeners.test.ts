/** Many who wait for one signal: each is told once, and none costs more for the others. */
import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { listenForAbort, unlistenForAbort } from '../../src/runtime/values/abort-listeners.ts';
import { defineAgent } from '../../src/index.ts';
import { codeOf, rig } from '../kit/rig.ts';

test('each is called once, in order, and nothing is left on the signal', () => {
  const controller = new AbortController();
  const { signal } = controller;
  const told: number[] = [];
  const all = [1, 2, 3, 4].map((n) => ({ handleEvent: () => void told.push(n) }));
  for (const listener of [...all, all[0]!]) listenForAbort(signal, listener);
  expect(getEventListeners(signal, 'abort')).toHaveLength(1);
  unlistenForAbort(signal, all[1]!);
  controller.abort();
  expect(told).toEqual([1, 3, 4]);
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

test('the last one that is removed takes the listener of the signal along, and another may come', () => {
  const controller = new AbortController();
  const { signal } = controller;
  let told = 0;
  const listener = { handleEvent: () => void (told += 1) };
  for (let turn = 0; turn < 2; turn += 1) {
    listenForAbort(signal, listener);
    unlistenForAbort(signal, listener);
    unlistenForAbort(signal, listener);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  }
  listenForAbort(signal, listener);
  controller.abort();
  expect(told).toBe(1);
});

test('one that another removes, or adds, while they are called is not called', () => {
  const controller = new AbortController();
  const { signal } = controller;
  const told: string[] = [];
  const later = { handleEvent: () => void told.push('later') };
  const removed = { handleEvent: () => void told.push('removed') };
  listenForAbort(signal, {
    handleEvent: () => {
      told.push('first');
      unlistenForAbort(signal, removed);
      listenForAbort(signal, later);
    },
  });
  listenForAbort(signal, removed);
  controller.abort();
  expect(told).toEqual(['first']);
});

test('tasks of agents and pools that share a signal have one listener, and are cancelled by it', async () => {
  const { agents, system } = await rig();
  const module = defineAgent({
    type: 'worker',
    init: () => ({}),
    tasks: { hang: { run: () => new Promise(() => {}) } },
  });
  await agents.register({ id: 'ada', module, tasks: { queueLimit: 100_000 } });
  await agents.start('ada');
  await system.pools.create({ name: 'pool', spec: { module }, min: 1, max: 1, queueLimit: 100_000 });
  const controller = new AbortController();
  const { signal } = controller;
  const tasks = Array.from({ length: 500 }, () => [
    codeOf(agents.execute('ada', { type: 'hang', signal })),
    codeOf(system.pools.execute('pool', { type: 'hang', signal })),
  ]).flat();
  expect(getEventListeners(signal, 'abort')).toHaveLength(1);
  controller.abort();
  expect(new Set(await Promise.all(tasks))).toEqual(new Set(['TASK_ABANDONED']));
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

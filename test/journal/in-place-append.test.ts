/** Which stores are given a batch as it was gathered, and which their own. */
import { expect, it } from 'vitest';
import { memoryStore, type Store, type SystemEvent } from '../../src/index.ts';
import { Batch } from '../../src/runtime/journal/batch.ts';
import { appenderOf } from '../../src/runtime/journal/in-place-append.ts';

function batch(sequence: number): Batch {
  const made = new Batch();
  const event = { type: 'agent.forgotten', sequence, at: 1, agentId: 'a', incarnation: 1 } as SystemEvent;
  made.addEvent(event, sequence);
  return made;
}

it.each([
  ['without a prototype', () => Object.create(null) as object],
  ['of another class', () => ({})],
  ['that stands in front of one of this package', () => Object.create(memoryStore()) as object],
])('a store %s is given its own, frozen', async (_, make) => {
  const given: unknown[] = [];
  const store = Object.assign(make(), { append: (own: unknown) => void given.push(own) }) as unknown as Store;
  const one = batch(1);
  await appenderOf(store)(one);
  expect(given).toEqual([{ events: [one.events[0]], states: undefined, facts: undefined }]);
  expect(Object.isFrozen(one.events[0])).toBe(true);
});

it('a store of this package takes it as it is, until its append is replaced', async () => {
  const store = memoryStore();
  const append = appenderOf(store);
  const one = batch(1);
  await append(one);
  // It was not made fit for other hands.
  expect(Object.isFrozen(one.events[0])).toBe(false);
  const given: unknown[] = [];
  store.append = (own) => void given.push(own);
  await append(batch(2));
  expect([(await store.read({ limit: 9 })).length, given.length]).toEqual([1, 1]);
});

it.each([1, 2])(
  'a sequence that is not beyond the last one, %i, is refused, whoever gives it',
  async (again) => {
    const store = memoryStore();
    await appenderOf(store)(batch(2));
    expect(() => appenderOf(store)(batch(again))).toThrow();
    expect(() => store.append(batch(again).forStore())).toThrow();
    await appenderOf(store)(batch(3));
    expect((await store.read({ limit: 9 })).map(({ sequence }) => sequence)).toEqual([2, 3]);
  },
);

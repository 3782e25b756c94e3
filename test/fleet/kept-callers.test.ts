/** Laws of who waits for a task, as the store has it. */
import { expect, test } from 'vitest';
import fc from 'fast-check';
import { KeptCallers } from '../../src/runtime/fleet/kept-callers.ts';
import type { Journal } from '../../src/runtime/journal/journal.ts';
import type { Store } from '../../src/runtime/journal/store.ts';

/** What is kept, and how often it was written. */
function rig() {
  const states = new Map<string, { readonly json: string } | null>();
  const written: string[] = [];
  const keepState: Journal['keepState'] = (owner, state) => {
    written.push(owner);
    if (state === null) states.delete(owner);
    else states.set(owner, state);
  };
  const journal = { keepState } as Journal;
  const store = { state: (owner) => states.get(owner) ?? undefined } as Store;
  return {
    states,
    written: () => written.splice(0).length,
    made: (ids: readonly string[]) => new KeptCallers('task-1', ids, false, journal),
    recalled: () => KeptCallers.recall('task-1', store, journal),
  };
}

test('the first caller, whom the event names, is stored with the next change; one that is there already is none', async () => {
  const { made, recalled, written } = rig();
  const kept = made(['a']);
  kept.add('a');
  kept.remove('b');
  expect(written()).toBe(0);
  expect(await recalled()).toBeUndefined();
  kept.add('b');
  expect((await recalled())!.all).toEqual(['a', 'b']);
});

test('the next program finds those that wait, whoever came and left; each takes two writes at the most', async () => {
  const changes = fc.array(
    fc.record({ id: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), isAdded: fc.boolean() }),
  );
  await fc.assert(
    fc.asyncProperty(changes, async (all) => {
      const { made, recalled, states, written } = rig();
      const kept = made([]);
      const expected = new Set<string>();
      for (const { id, isAdded } of all) {
        if (isAdded) kept.add(id);
        else kept.remove(id);
        if (isAdded) expected.add(id);
        else expected.delete(id);
        expect(written()).toBeLessThanOrEqual(2);
        expect([...((await recalled())?.all ?? [])].toSorted()).toEqual([...expected].toSorted());
        expect(kept.has(id)).toBe(isAdded);
      }
      (await recalled())?.clear();
      expect([...states]).toEqual([]);
    }),
  );
});

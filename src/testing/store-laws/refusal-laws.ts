/** What is refused, and that it harms nothing else. */
import assert from 'node:assert/strict';
import { all, same } from './comparison.ts';
import { numbered, registered, accepted, changed, state } from './sample-events.ts';
import { every, durable, type StoreLaw } from './store-law.ts';

export const refusalLaws: readonly StoreLaw[] = [
  every('a sequence that is not beyond the last one is refused, with all of its batch', async (place) => {
    const { store } = await place.enter();
    const events = numbered([registered('a'), registered('b')]);
    await store.append({ events });
    for (const wrong of [
      [...numbered([registered('c')], 2), ...numbered([registered('d')], 1)],
      numbered([registered('c')], 1),
      numbered([registered('c')], -1),
      numbered([registered('c')], 2.5),
      numbered([registered('c')], NaN),
    ]) {
      const states = new Map([['c', state('c')]]);
      await assert.rejects(async () => store.append({ events: wrong, states }), /sequence/);
    }
    const { store: after, recovery } = await place.enter();
    assert.equal(recovery.lastSequence, 2);
    same(await all(after), events);
    assert.equal(await after.state('c'), undefined);
  }),

  durable('what cannot be kept is refused by event type and field, and by nothing else', async (place) => {
    const { store } = await place.enter();
    const cycle: unknown[] = [];
    cycle.push({ cycle });
    const bad: [unknown, string][] = [
      [() => 1, 'input'],
      [{ deep: [0, { call() {} }] }, 'input.deep[1].call'],
      [{ list: cycle }, 'input.list[0].cycle'],
      [[1n], 'input[0]'],
      [new Map(), 'input'],
      [{ when: new Date(0) }, 'input.when'],
      [{ bytes: new Uint8Array(2) }, 'input.bytes'],
      [{ name: Symbol('s') }, 'input.name'],
      [{ [Symbol('s')]: 1 }, 'input'],
      // oxlint-disable-next-line no-sparse-arrays -- that is what is refused
      [{ holes: [1, , 2] }, 'input.holes'],
      [Object.assign([1], { extra: 1 }), 'input'],
    ];
    for (const [input, path] of bad) {
      const event = accepted('a', 'bad', input);
      const refused = Promise.resolve().then(() =>
        store.append({ events: numbered([registered('a'), event]), states: new Map([['a', state('a')]]) }),
      );
      await assert.rejects(refused, (error: Error) => {
        assert.ok(error.message.includes('task.accepted'), error.message);
        assert.ok(error.message.includes(path), `expected ${path} in: ${error.message}`);
        return true;
      });
    }
    same(await all(store), []);
    assert.equal(await store.state('a'), undefined);
    const events = numbered([accepted('a', 'good', 1)]);
    await store.append({ events });
    same(await all(store), events);
  }),

  durable('one caller who is refused harms no other', async (place) => {
    const { store } = await place.enter();
    const good = numbered([registered('a'), registered('b')]);
    const results = await Promise.allSettled([
      store.append({ events: good.slice(0, 1) }),
      store.append({ events: numbered([accepted('a', 'bad', () => 1)], 1) }),
      store.append({ events: good.slice(1) }),
    ]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    const { store: after } = await place.enter();
    same(await all(after), good);
  }),

  durable('closing waits for what was appended before, and refuses what comes after', async (place) => {
    const { store } = await place.enter();
    const events = numbered(Array.from({ length: 2_000 }, (_, at) => changed('v', at, at + 1)));
    const kept = events.map(async (event) => store.append({ events: [event] }));
    const closed = store.close();
    await assert.rejects(async () => store.append({ events: numbered([changed('v', 0, 0)], 5_000) }));
    await Promise.all(kept);
    await closed;
    await assert.rejects(async () => store.append({ events: numbered([changed('v', 0, 0)], 5_000) }));
    await assert.rejects(async () => store.read({ limit: 1 }));
    const { store: after } = await place.enter();
    same(await all(after), events);
  }),

  durable('a second system on the same place is refused, and the first works on', async (place) => {
    const { store } = await place.enter();
    await store.append({ events: numbered([registered('a')]) });
    await assert.rejects(async () => store.recover());
    await store.append({ events: numbered([registered('b')], 1) });
    const { recovery } = await place.enter();
    assert.equal(recovery.agents.length, 2);
  }),
];

/** Events come back as they were given, in order, all of them and no others. */
import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Store } from '../../runtime/journal/store.ts';
import { all, assertIsEnd, overwrite, same } from './comparison.ts';
import {
  IDS,
  VALUES,
  numbered,
  registered,
  life,
  accepted,
  changed,
  state,
  filled,
} from './sample-events.ts';
import { every, durable, type StoreLaw } from './store-law.ts';

const findsNothing = (store: Store) => assert.doesNotReject(async () => store.check?.());

export const eventLaws: readonly StoreLaw[] = [
  every('a new store is empty', async (place) => {
    const { store, recovery } = await place.enter();
    const { taskProgress = [], endedTasks = [], budgets = [], schedules = [], ...required } = recovery;
    assert.deepEqual([...taskProgress, ...endedTasks, ...budgets, ...schedules], []);
    assert.deepEqual(required, {
      lastSequence: 0,
      facts: new Map(),
      agents: [],
      tasks: [],
      variables: [],
      rounds: [],
    });
    assert.deepEqual(await all(store), []);
    assert.equal(await store.state('nobody'), undefined);
  }),

  every('events come back in order, value for value', async (place) => {
    const { store } = await place.enter();
    const events = numbered(VALUES.map((value, at) => accepted('agent', `task-${at}`, { value })));
    await store.append({ events });
    same(await all(store), events);
  }),

  durable('events come back value for value from another program', async (place) => {
    const { store } = await place.enter();
    const events = numbered([
      ...VALUES.map((value, at) => accepted('agent', `task-${at}`, { value })),
      ...IDS.map(registered),
    ]);
    await store.append({ events });
    const again = await place.enter();
    same(await all(again.store), events);
    same(
      again.recovery.agents.map((agent) => agent.registered),
      events.slice(VALUES.length),
    );
  }),

  durable('what a caller changes after it has given it is not changed in the store', async (place) => {
    const { store } = await place.enter();
    const input = { list: [1], name: 'given' };
    const events = numbered([accepted('agent', 'task', input)]);
    const states = new Map([['agent', state('given')]]);
    const kept = store.append({ events, states });
    input.list.push(2);
    input.name = 'changed';
    events.length = 0;
    states.clear();
    await kept;
    same(await all(store), numbered([accepted('agent', 'task', { list: [1], name: 'given' })]));
    assert.deepEqual(await store.state('agent'), state('given'));
  }),

  every('what a reader does with what was read is not changed in the store', async (place) => {
    const first = await place.enter();
    const events = numbered([
      registered('a'),
      accepted('a', 'task', { list: [1], inner: { name: 'given' } }),
    ]);
    await first.store.append({ events: structuredClone(events) });
    const { store, recovery } = await place.enter();
    const { agents, tasks } = recovery;
    for (const event of [...agents.map((agent) => agent.registered), ...tasks]) overwrite(event);
    for (const event of await all(store)) overwrite(event);
    same(await all(store), events);
    const again = await place.enter();
    same(again.recovery.tasks, events.slice(1));
    same(again.recovery.agents, [{ registered: events[0], latest: events[0] }]);
  }),

  every('a store that can be asked finds nothing wrong with itself while it is open', async (place) => {
    const { store } = await place.enter();
    await findsNothing(store);
    await filled(store, 300);
    await findsNothing(store);
    const { store: after } = await place.enter();
    await findsNothing(after);
  }),

  every('reading goes on after a sequence, up to a limit', async (place) => {
    const { store } = await place.enter();
    const events = await filled(store, 3_000);
    same(await store.read({ after: 10, limit: 5 }), events.slice(10, 15));
    same(await store.read({ after: 2_998, limit: 5 }), events.slice(2_998));
    same(await store.read({ after: 3_000, limit: 5 }), []);
    same(await store.read({ after: 9_000, limit: 5 }), []);
    same(await store.read({ limit: 1 }), events.slice(0, 1));
    same(await store.read({ limit: Infinity }), events);
  }),

  every('reading one agent finds all its events and no others', async (place) => {
    const { store } = await place.enter();
    const events = await filled(store, 3_000);
    for (const agentId of IDS) {
      const own = events.filter((event) => event.agentId === agentId);
      assert.ok(own.length > 2);
      same(await store.read({ agentId, limit: Infinity }), own);
      same(await store.read({ agentId, limit: 2 }), own.slice(0, 2));
      same(await store.read({ agentId, after: own[1]!.sequence, limit: Infinity }), own.slice(2));
      same(await store.read({ agentId, after: own.at(-1)!.sequence, limit: Infinity }), []);
    }
    same(await store.read({ agentId: 'nobody', limit: 10 }), []);
  }),

  durable('reading one agent finds all its events in another program', async (place) => {
    const { store } = await place.enter();
    const before = await filled(store, 2_500);
    const again = await place.enter();
    const events = [...before, ...(await filled(again.store, 100, before.length))];
    const { store: third } = await place.enter();
    for (const agentId of IDS) {
      const own = events.filter((event) => event.agentId === agentId);
      same(await third.read({ agentId, limit: Infinity }), own);
    }
  }),

  every('batches of many callers are kept in the order in which they were given', async (place) => {
    const { store } = await place.enter();
    const answered: number[] = [];
    const events = numbered(Array.from({ length: 1_000 }, (_, at) => changed('v', at, at + 1)));
    await Promise.all(
      events.map(async (event) => {
        await store.append({ events: [event] });
        answered.push(event.sequence);
      }),
    );
    assert.deepEqual(
      answered,
      events.map(({ sequence }) => sequence),
    );
    same(await all(store), events);
  }),

  every('a large batch is kept whole, and nothing of it is read before', async (place) => {
    const { store } = await place.enter();
    const first = numbered([changed('v', 'first', 1)]);
    await store.append({ events: first, states: new Map([['a', state('first')]]) });
    const rest = numbered(
      Array.from({ length: 5_000 }, (_, at) => changed('v', at, at + 2)),
      1,
    );
    const others = Array.from({ length: 600 }, (_, at) => [`other-${at}`, state('other')] as const);
    const kept = Promise.resolve(
      store.append({ events: rest, states: new Map([['a', state('last')], ...others]) }),
    );
    // Waits some turns more after the first event is kept: by then all of the batch has to be there.
    for (let turn = 0; turn < 60; turn++) {
      const seen = await store.state('a');
      const { length } = await all(store);
      const isThere = length === 5_001 || (length === 1 && isDeepStrictEqual(seen, state('first')));
      assert.ok(isThere, `expected all of the batch or nothing, got ${length} events, and a's ${seen?.json}`);
      await nextTurn();
    }
    await kept;
    same(await all(store), [...first, ...rest]);
    assert.deepEqual(await store.state('a'), state('last'));
  }),

  every('sequences may be missing where events were lost', async (place) => {
    const { store } = await place.enter();
    const events = [
      ...numbered([registered('a'), registered('b')]),
      ...numbered([life('a', 'agent.started')], 700),
      ...numbered([life('b', 'agent.started')], 12_345),
    ];
    for (const event of events) await store.append({ events: [event] });
    same(await all(store), events);
    same(await store.read({ after: 2, limit: 1 }), events.slice(2, 3));
    same(await store.read({ agentId: 'b', limit: 5 }), [events[1], events[3]]);
    const { recovery } = await place.enter();
    assert.equal(recovery.lastSequence, 12_346);
  }),

  every('where events were lost, none of an earlier time is read in their place', async (place) => {
    const { store } = await place.enter({ retainEvents: 8 });
    const events = [
      ...numbered(Array.from({ length: 8 }, (_, at) => changed('v', at, at + 1))),
      ...numbered([changed('v', 8, 9)], 11),
    ];
    for (const event of events) await store.append({ events: [event] });
    assertIsEnd(await all(store), events);
  }),
];

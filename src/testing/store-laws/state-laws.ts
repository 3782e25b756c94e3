/** The newest state of each agent, and the newest fact of each name. */
import assert from 'node:assert/strict';
import { IDS, numbered, registered, state } from './sample-events.ts';
import { every, durable, type StoreLaw } from './store-law.ts';

export const stateLaws: readonly StoreLaw[] = [
  every('the newest state of an agent is kept, null drops it', async (place) => {
    const { store } = await place.enter();
    await store.append({ events: [], states: new Map(IDS.map((id) => [id, state(`first of ${id}`)])) });
    await store.append({ events: [], states: new Map(IDS.map((id) => [id, state(`of ${id}`, 2)])) });
    for (const id of IDS) assert.deepEqual(await store.state(id), state(`of ${id}`, 2));
    await store.append({ events: [], states: new Map([[IDS[0]!, null]]) });
    assert.equal(await store.state(IDS[0]!), undefined);
    assert.deepEqual(await store.state(IDS[1]!), state(`of ${IDS[1]}`, 2));
  }),

  every('a forgotten agent leaves no state, one registered anew under its id has its own', async (place) => {
    const { store } = await place.enter();
    await store.append({ events: numbered([registered('a')]), states: new Map([['a', state('old')]]) });
    await store.append({ events: numbered([{ type: 'agent.forgotten', agentId: 'a', incarnation: 1 }], 1) });
    assert.equal(await store.state('a'), undefined);
    await store.append({
      events: numbered([{ type: 'agent.forgotten', agentId: 'a', incarnation: 1 }, registered('a')], 2),
      states: new Map([['a', state('new')]]),
    });
    assert.deepEqual(await store.state('a'), state('new'));
  }),

  every('facts are kept, the newest of each name', async (place) => {
    const { store } = await place.enter();
    await store.append({
      events: [],
      facts: new Map([
        ['chart', '1'],
        ['__proto__', 'x\ud800y\0'],
      ]),
    });
    await store.append({ events: [], facts: new Map([['chart', '2']]) });
    const { recovery } = await place.enter();
    assert.deepEqual(
      recovery.facts,
      new Map([
        ['chart', '2'],
        ['__proto__', 'x\ud800y\0'],
      ]),
    );
  }),

  durable('a state is kept to the letter, or refused', async (place) => {
    const { store } = await place.enter();
    for (const text of [
      '{"n":1}',
      ' 1 ',
      '"\\u0000\\ud800"',
      '"😀"',
      '"\ud800"',
      '"nul\0l"',
      'x'.repeat(100_000),
    ]) {
      const kept = { json: text, stateVersion: 1 };
      const answer = await Promise.resolve()
        .then(() => store.append({ events: [], states: new Map([['a', kept]]) }))
        .then(
          () => kept,
          () => undefined,
        );
      assert.deepEqual(await store.state('a'), answer);
      await store.append({ events: [], states: new Map([['a', null]]) });
    }
  }),
];

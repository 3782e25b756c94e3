/**
 * What every store has to keep, as laws that any implementation can be run against.
 *
 * ```ts
 * for (const law of storeLaws) {
 *   test(law.name, () => law.keep(openStore));
 * }
 * ```
 */
import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { AgentLife, RoundTerms } from '../machines/index.ts';
import type { AgentManifest } from '../runtime/definition/manifest.ts';
import type { SavedState } from '../runtime/definition/saved-state.ts';
import type { EndedTask, Recovery, Store, TaskProgress } from '../runtime/journal/store.ts';
import type { EventBody, SystemEvent } from '../runtime/journal/system-event.ts';
import { seededRandom } from './seeded-random.ts';

export interface OpenStoreOptions {
  /** About so many of the newest events are to be kept; all, when it is left out. */
  readonly retainEvents?: number;
}

/**
 * Opens a store, not yet recovered from. Each law needs a place of its own, empty at first; what it opens after
 * it has closed the one before is the same place again.
 */
export type OpenStore = (options?: OpenStoreOptions) => Store | Promise<Store>;

export interface StoreLaw {
  readonly name: string;
  /** `durable` laws are for stores that outlive their program, and say so. */
  readonly appliesTo: 'every store' | 'durable stores';
  /** Rejects with an AssertionError when the store does not keep the law. */
  keep(open: OpenStore): Promise<void>;
}

const laws: StoreLaw[] = [];

function law(name: string, run: (place: Place) => Promise<void>, appliesTo: StoreLaw['appliesTo']): void {
  laws.push({
    name,
    appliesTo,
    keep: async (open) => {
      const place = new Place(open);
      try {
        await run(place);
      } finally {
        await place.leave();
      }
    },
  });
}

function every(name: string, run: (place: Place) => Promise<void>): void {
  law(name, run, 'every store');
}

function durable(name: string, run: (place: Place) => Promise<void>): void {
  law(name, run, 'durable stores');
}

/** One store at a time, closed at the end whatever happens. */
class Place {
  readonly #open: OpenStore;
  #store: Store | undefined;

  constructor(open: OpenStore) {
    this.#open = open;
  }

  async enter(options?: OpenStoreOptions): Promise<{ store: Store; recovery: Recovery }> {
    await this.leave();
    const store = await this.#open(options);
    const recovery = await store.recover();
    this.#store = store;
    return { store, recovery };
  }

  async leave(): Promise<void> {
    const store = this.#store;
    this.#store = undefined;
    await store?.close();
  }
}

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
});

every('events come back in order, value for value', async (place) => {
  const { store } = await place.enter();
  const events = numbered(VALUES.map((value, at) => accepted('agent', `task-${at}`, { value })));
  await store.append({ events });
  same(await all(store), events);
});

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
});

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
});

every('what a reader does with what was read is not changed in the store', async (place) => {
  const first = await place.enter();
  const events = numbered([registered('a'), accepted('a', 'task', { list: [1], inner: { name: 'given' } })]);
  await first.store.append({ events: structuredClone(events) });
  const { store, recovery } = await place.enter();
  const { agents, tasks } = recovery;
  for (const event of [...agents.map((agent) => agent.registered), ...tasks]) overwrite(event);
  for (const event of await all(store)) overwrite(event);
  same(await all(store), events);
  const again = await place.enter();
  same(again.recovery.tasks, events.slice(1));
  same(again.recovery.agents, [{ registered: events[0], latest: events[0] }]);
});

every('a store that can be asked finds nothing wrong with itself while it is open', async (place) => {
  const { store } = await place.enter();
  await store.check?.();
  await filled(store, 300);
  await store.check?.();
  const { store: after } = await place.enter();
  await after.check?.();
});

every('reading goes on after a sequence, up to a limit', async (place) => {
  const { store } = await place.enter();
  const events = await filled(store, 3_000);
  same(await store.read({ after: 10, limit: 5 }), events.slice(10, 15));
  same(await store.read({ after: 2_998, limit: 5 }), events.slice(2_998));
  same(await store.read({ after: 3_000, limit: 5 }), []);
  same(await store.read({ after: 9_000, limit: 5 }), []);
  same(await store.read({ limit: 1 }), events.slice(0, 1));
  same(await store.read({ limit: Infinity }), events);
});

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
});

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
});

every('the newest state of an agent is kept, null drops it', async (place) => {
  const { store } = await place.enter();
  await store.append({ events: [], states: new Map(IDS.map((id) => [id, state(`first of ${id}`)])) });
  await store.append({ events: [], states: new Map(IDS.map((id) => [id, state(`of ${id}`, 2)])) });
  for (const id of IDS) assert.deepEqual(await store.state(id), state(`of ${id}`, 2));
  await store.append({ events: [], states: new Map([[IDS[0]!, null]]) });
  assert.equal(await store.state(IDS[0]!), undefined);
  assert.deepEqual(await store.state(IDS[1]!), state(`of ${IDS[1]}`, 2));
});

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
});

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
});

every(
  'agents are recovered in the order of registration, each with the latest event of its life',
  async (place) => {
    const { store } = await place.enter();
    const events = numbered([
      registered('b'),
      registered('a'),
      registered('c'),
      life('b', 'agent.starting'),
      life('b', 'agent.started'),
      life('nobody', 'agent.started'),
      { type: 'agent.state_saved', agentId: 'b', incarnation: 1, bytes: 2, stateVersion: 1 },
      accepted('a', 'task-1', 1),
      { type: 'agent.forgotten', agentId: 'c', incarnation: 0 },
    ]);
    await store.append({ events });
    const { recovery } = await place.enter();
    same(recovery.agents, [
      { registered: events[0], latest: events[4] },
      { registered: events[1], latest: events[1] },
    ]);
    assert.equal(recovery.lastSequence, 9);
  },
);

every(
  'an agent whose spec has changed is recovered with the newest, at its place and with the latest event of its life',
  async (place) => {
    const { store } = await place.enter({ retainEvents: 1 });
    const events = numbered([
      registered('b'),
      registered('a'),
      registered('c'),
      life('b', 'agent.started'),
      updated('b', { size: 1 }, 1),
      updated('b', { size: 2 }, 1),
      updated('a', { size: 3 }, 2),
      updated('nobody', { size: 4 }, 1),
      { type: 'agent.forgotten', agentId: 'c', incarnation: 0 },
      updated('c', { size: 5 }, 3),
    ]);
    await store.append({ events });
    const kept = [
      { registered: events[5], latest: events[3] },
      { registered: events[6], latest: events[6] },
    ];
    const { store: second, recovery } = await place.enter({ retainEvents: 1 });
    same(recovery.agents, kept);
    const later = [life('b', 'agent.unresponsive'), updated('a', { size: 6 }, 2)];
    const more = numbered([...later, ...Array.from({ length: 3_000 }, (_, at) => changed('v', at, at))], 10);
    for (let at = 0; at < more.length; at += 500) await second.append({ events: more.slice(at, at + 500) });
    const third = await place.enter({ retainEvents: 1 });
    same(third.recovery.agents, [
      { registered: events[5], latest: more[0] },
      { registered: more[1], latest: more[1] },
    ]);
  },
);

every(
  'a task is unfinished until any of its ends, and one that is to be repeated has none yet',
  async (place) => {
    const { store } = await place.enter();
    const ends: EventBody[] = [
      { type: 'task.completed', ...task('a', 'completed'), waitedMs: 0, ranMs: 1 },
      {
        type: 'task.failed',
        ...task('a', 'failed'),
        waitedMs: 0,
        ranMs: 1,
        code: 'TASK_FAILED',
        error: { name: 'E', message: 'm' },
      },
      { type: 'task.timed_out', ...task('a', 'timed_out'), timeoutMs: 1 },
      { type: 'task.abandoned', ...task('a', 'abandoned'), why: 'stopped' },
      { type: 'task.unknown', ...task('a', 'unknown'), input: 1, retry: false },
      { type: 'task.unknown', ...task('a', 'repeated'), input: 1, retry: true },
    ];
    const names = ['completed', 'failed', 'open', 'timed_out', 'abandoned', 'unknown', 'started', 'repeated'];
    const events = numbered([
      ...names.map((name) => accepted('a', name, name)),
      { type: 'task.started', ...task('a', 'started'), attempt: 1 },
      retryScheduled('a', 'started', 1),
      ...ends,
      accepted('a', 'unknown', 'again'),
    ]);
    await store.append({ events });
    const { recovery } = await place.enter();
    same(recovery.tasks, [events[2], events[6], events[7], events.at(-1)]);
    if (recovery.taskProgress) same([...recovery.taskProgress], [['started', events[9]]]);
  },
);

every(
  'the last change of every variable is recovered, and every round that was not closed',
  async (place) => {
    const { store } = await place.enter();
    const events = numbered([
      changed('rate', 0.1, 1),
      changed('mode', 'fast', 1),
      opened('r1'),
      changed('rate', 0.2, 2),
      opened('r2'),
      closed('r1'),
    ]);
    await store.append({ events });
    const { recovery } = await place.enter();
    same(recovery.variables, [events[1], events[3]]);
    same(recovery.rounds, [events[4]]);
  },
);

every(
  'the last event of every account of a budget is recovered, but for those of single tasks',
  async (place) => {
    const { store } = await place.enter();
    const events = numbered([
      spent('fleet', undefined, 1),
      spent('each', 'a1', 2),
      spent('each', 'a2', 3),
      spent('task', 'paid', 4),
      spent('fleet', undefined, 5),
      { type: 'budget.refilled', budget: 'each', of: 'a1', spent: {}, reserved: {} },
    ]);
    await store.append({ events });
    const { recovery } = await place.enter();
    if (recovery.budgets !== undefined) same(recovery.budgets, [events[2], events[4], events[5]]);
  },
);

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
});

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
  // Once it is kept there are some more turns, and all of it has to be there.
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
});

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
});

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
});

every('where events were lost, none of an earlier time is read in their place', async (place) => {
  const { store } = await place.enter({ retainEvents: 8 });
  const events = [
    ...numbered(Array.from({ length: 8 }, (_, at) => changed('v', at, at + 1))),
    ...numbered([changed('v', 8, 9)], 11),
  ];
  for (const event of events) await store.append({ events: [event] });
  assertIsEnd(await all(store), events);
});

every('what a recovery finds is what all events together say', async (place) => {
  const random = seededRandom(4);
  const history: SystemEvent[] = [];
  for (let program = 0; program < 8; program++) {
    const { store, recovery } = await place.enter();
    sameRecovery(recovery, history);
    while (history.length < (program + 1) * 50) {
      const events = referring(history, numbered(randomEvents(random, 7), history.length));
      await store.append({ events });
      history.push(...events);
    }
  }
});

every('retention drops old events, and nothing that a recovery needs', async (place) => {
  const random = seededRandom(5);
  const history: SystemEvent[] = [];
  const { store } = await place.enter({ retainEvents: 500 });
  for (const id of IDS) {
    const events = numbered([registered(id), accepted(id, `first of ${id}`, id)], history.length);
    await store.append({ events });
    history.push(...events);
  }
  while (history.length < 12_000) {
    const events = referring(history, numbered(randomEvents(random, 150), history.length));
    await store.append({ events });
    history.push(...events);
  }
  const left = await all(store);
  assert.ok(left.length >= 500 && left.length < 6_000, `expected about 500 events, got ${left.length}`);
  assertIsEnd(left, history);
  // More may have been dropped since: a store may do that whenever it has the time.
  const own = await store.read({ agentId: IDS[0]!, limit: Infinity });
  assertIsEnd(
    own,
    left.filter(({ agentId }) => agentId === IDS[0]),
  );
  const again = await place.enter({ retainEvents: 500 });
  sameRecovery(again.recovery, history);
  assertIsEnd(await all(again.store), history);
});

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
});

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
});

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
});

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
});

durable('a second system on the same place is refused, and the first works on', async (place) => {
  const { store } = await place.enter();
  await store.append({ events: numbered([registered('a')]) });
  await assert.rejects(async () => store.recover());
  await store.append({ events: numbered([registered('b')], 1) });
  const { recovery } = await place.enter();
  assert.equal(recovery.agents.length, 2);
});

/** Every law, in the order from the simple to the hard. */
export const storeLaws: readonly StoreLaw[] = laws;

// What the laws are told with.

const AT = Date.UTC(2026, 0, 1);

const MANIFEST: AgentManifest = {
  type: 'worker',
  capabilities: ['work'],
  variables: [],
  votes: false,
  stateVersion: 1,
  hash: 'h',
  tasks: { work: { requires: [], retry: false } },
};

/** Two ids that have the same hash, by FNV-1a in 32 bits. */
const ALIKE = ['costarring', 'liquid'];

/** Ids that stores have confused: empty, alike when badly encoded, or names of their own. */
const IDS = [
  'a',
  'b',
  '',
  '__proto__',
  '\ud800',
  '\ud801',
  'nul\0l',
  'nul',
  '"a"',
  "it's",
  'ключ',
  '$',
  'A',
  ...ALIKE,
];

/** Values that JSON, or a database, would change. */
const VALUES: readonly unknown[] = [
  null,
  true,
  '',
  'nul\0l',
  '\ud800',
  '😀\u2028',
  'x'.repeat(100_000),
  0,
  -0,
  1.5e-300,
  Number.MAX_SAFE_INTEGER,
  Infinity,
  -Infinity,
  NaN,
  [],
  [undefined, null, [Infinity]],
  {},
  JSON.parse('{ "__proto__": { "a": 1 }, "constructor": 2, "toString": 3, "": 4, "10": 5, "9": 6 }'),
  { $: 'Infinity' },
  { $: { $: 1 }, of: [{ $: 'plain', of: {} }, -0] },
  { $: 'undefined', deep: { $: NaN } },
  Object.assign(Object.create(null) as object, { bare: [Object.create(null), 1], $: 0 }),
];

const TERMS: RoundTerms = { rule: 'majority', tie: 'reject', deadlineMs: 1_000, fallback: 'keep' };

function numbered(bodies: readonly EventBody[], after = 0): SystemEvent[] {
  return bodies.map((body, at) => ({ sequence: after + at + 1, at: AT + after + at, ...body }));
}

function registered(agentId: string): EventBody {
  return {
    type: 'agent.registered',
    agentId,
    incarnation: 0,
    agentType: 'worker',
    spec: { module: { type: 'worker' }, resources: { maxRuntimeMs: Infinity } },
    manifest: MANIFEST,
  };
}

function updated(agentId: string, initArgs: object, since = 0): EventBody {
  return {
    type: 'agent.updated',
    agentId,
    incarnation: 1,
    agentType: 'worker',
    spec: { module: { type: 'worker' }, initArgs, resources: { maxRuntimeMs: Infinity } },
    manifest: MANIFEST,
    changes: [{ field: 'initArgs', from: {}, to: initArgs }],
    registered: since,
  };
}

/** A change refers to the registration of its agent; of one that there is not, to what there never was. */
function referring(history: readonly SystemEvent[], events: readonly SystemEvent[]): SystemEvent[] {
  const since = new Map<string, number>();
  for (const event of history)
    if (event.type === 'agent.registered') since.set(event.agentId, event.sequence);
  return events.map((event) => {
    if (event.type === 'agent.registered') since.set(event.agentId, event.sequence);
    return event.type === 'agent.updated'
      ? { ...event, registered: since.get(event.agentId) ?? event.sequence }
      : event;
  });
}

function life(agentId: string, type: 'agent.starting' | 'agent.started' | 'agent.unresponsive'): EventBody {
  const life: AgentLife = {
    at: type === 'agent.starting' ? 'starting' : 'serving',
    incarnation: 1,
    startedFrom: 'registered',
    restarts: 0,
    history: { recent: [], attempt: 0 },
    reason: undefined,
    startedAt: AT,
    endedAt: undefined,
    restartAt: undefined,
  };
  const of = { agentId, incarnation: 1, life };
  return type === 'agent.unresponsive' ? { type, ...of, misses: 1 } : { type, ...of };
}

function task(agentId: string, taskId: string) {
  return { agentId, incarnation: 1, taskId, task: 'work' };
}

function accepted(agentId: string, taskId: string, input: unknown): EventBody {
  return { type: 'task.accepted', ...task(agentId, taskId), input, retry: false };
}

function changed(name: string, value: unknown, version: number): EventBody {
  return { type: 'variable.changed', name, value, version, by: 'suite' };
}

/** @param of the agent or the task of the account, where each has its own */
function spent(budget: string, of: string | undefined, tokens: number): EventBody {
  const account = { budget, ...(of === undefined ? {} : { of }), spent: { tokens }, reserved: {} };
  const spender = { agentId: 'a1', incarnation: 1, taskId: 'paid' };
  return { type: 'budget.settled', ...account, ...spender, amount: { tokens }, how: 'settled' };
}

function opened(roundId: string): EventBody {
  const asked = { variable: 'rate', value: 1, by: 'suite', terms: TERMS, electorate: ['a'] };
  return { type: 'round.opened', roundId, ...asked, deadlineAt: AT + 1_000 };
}

function closed(roundId: string): EventBody {
  const result = { variable: 'rate', outcome: 'expired', tally: null, decidedBy: 'voters' } as const;
  return { type: 'round.closed', roundId, ...result };
}

function scheduled(name: string): EventBody {
  return { type: 'schedule.set', name, everyMs: 1_000, missed: 'once', target: 'a', task: { type: 'work' } };
}

function retryScheduled(agentId: string, taskId: string, number: number): EventBody {
  const failed = { attempt: 1, code: 'TASK_FAILED', error: { name: 'Error', message: 'luck' } } as const;
  const times = { startedAt: number, delayMs: 5, dueAt: number + 5 };
  return { type: 'task.retry_scheduled', ...task(agentId, taskId), ...failed, ...times };
}

function state(text: string, stateVersion = 1): SavedState {
  return { json: JSON.stringify({ text }), stateVersion };
}

function randomEvents(random: () => number, atMost: number): EventBody[] {
  const below = (bound: number) => Math.floor(random() * bound);
  return Array.from({ length: 1 + below(atMost) }, () => {
    const id = IDS[below(IDS.length)]!;
    const number = below(40);
    const kinds: (() => EventBody)[] = [
      () => registered(id),
      () => ({ type: 'agent.forgotten', agentId: id, incarnation: 1 }),
      () => updated(id, { number }),
      () => life(id, 'agent.starting'),
      () => life(id, 'agent.started'),
      () => life(id, 'agent.unresponsive'),
      () => accepted(id, `task-${number}`, number),
      () => ({ type: 'task.started', ...task(id, `task-${number}`), attempt: 1 + below(3) }),
      () => retryScheduled(id, `task-${number}`, number),
      () => ({ type: 'task.parked', ...task(id, `task-${number}`), until: 9, why: 'limited' }),
      () => ({ type: 'task.completed', ...task(id, `task-${number}`), waitedMs: 0, ranMs: 0 }),
      () => ({ type: 'task.abandoned', ...task(id, `task-${number}`), why: 'stopped' }),
      () => ({ type: 'task.unknown', ...task(id, `task-${number}`), input: 1, retry: random() < 0.5 }),
      () => changed(`variable ${number}`, number, number),
      () => scheduled(`schedule ${number % 5}`),
      () => ({ type: 'schedule.fired', name: `schedule ${number % 5}`, dueAt: number }),
      () => ({ type: 'schedule.removed', name: `schedule ${number % 5}` }),
      () => opened(`round ${number}`),
      () => closed(`round ${number}`),
      () => spent(`budget ${number % 3}`, number % 2 === 0 ? id : undefined, number),
      () => ({ type: 'budget.refilled', budget: `budget ${number % 3}`, spent: {}, reserved: {} }),
    ];
    return kinds[below(kinds.length)]!();
  });
}

/** What a store tells of tasks that had begun or have ended, and of budgets, is optional; what it tells has to be right. */
function sameRecovery(recovery: Recovery, history: readonly SystemEvent[]): void {
  const { taskProgress, endedTasks, budgets, schedules, ...required } = recovery;
  const all = recoveryOf(history);
  const { taskProgress: progress, endedTasks: ended, budgets: spending, schedules: set, ...expected } = all;
  same(required, { ...expected, facts: new Map() });
  if (taskProgress !== undefined) same(inOrder(taskProgress), inOrder(progress!));
  if (endedTasks !== undefined) same(endedTasks, ended);
  if (budgets !== undefined) same(budgets, spending);
  if (schedules !== undefined) same(schedules, set);
}

function inOrder(events: ReadonlyMap<string, SystemEvent>) {
  return [...events].toSorted(([one], [other]) => (one < other ? -1 : 1));
}

const TASK_ENDS: ReadonlySet<string> = new Set([
  'task.completed',
  'task.failed',
  'task.timed_out',
  'task.abandoned',
  'task.unknown',
]);

function isProgress(event: SystemEvent): event is TaskProgress {
  return (
    event.type === 'task.started' || event.type === 'task.parked' || event.type === 'task.retry_scheduled'
  );
}

/** What the contract says of a history, looked up in all of it anew for every question. */
function recoveryOf(history: readonly SystemEvent[]): Omit<Recovery, 'facts'> {
  type Of<Type extends SystemEvent['type']> = Extract<SystemEvent, { type: Type }>;
  const after = ({ sequence }: SystemEvent) => history.filter((event) => event.sequence > sequence);
  const of = <Type extends SystemEvent['type']>(type: Type) =>
    history.filter((event): event is Of<Type> => event.type === type);
  const ofTask = (event: Of<'task.accepted'>) =>
    after(event).filter((later) => 'taskId' in later && later.taskId === event.taskId);
  const tasks = of('task.accepted').filter(
    (event) =>
      !ofTask(event).some((later) => !isProgress(later) && !(later.type === 'task.unknown' && later.retry)),
  );
  const endOf = (event: Of<'task.accepted'>) => {
    const later = ofTask(event);
    if (later.some(({ type }) => type === 'task.accepted' || type === 'task.forgotten')) return undefined;
    const end = later.findLast(({ type }) => TASK_ENDS.has(type));
    const isEnd = end !== undefined && 'submitted' in end && end.submitted && !('retry' in end && end.retry);
    return isEnd ? end : undefined;
  };
  return {
    lastSequence: history.at(-1)?.sequence ?? 0,
    agents: of('agent.registered')
      .filter(
        (event) =>
          !after(event).some(
            ({ type, agentId }) =>
              agentId === event.agentId && (type === 'agent.registered' || type === 'agent.forgotten'),
          ),
      )
      .map((event) => ({
        registered:
          of('agent.updated').findLast(
            ({ agentId, sequence }) => agentId === event.agentId && sequence > event.sequence,
          ) ?? event,
        event,
      }))
      .map(({ registered, event }) => ({
        registered,
        latest:
          after(event).findLast((later) => later.agentId === event.agentId && 'life' in later) ?? registered,
      })),
    tasks,
    taskProgress: new Map(
      tasks.flatMap((event) => {
        const latest = ofTask(event).findLast(isProgress);
        return latest ? [[event.taskId, latest]] : [];
      }),
    ),
    endedTasks: of('task.accepted').flatMap((accepted) => {
      const end = endOf(accepted);
      return end ? [{ accepted, end: end as EndedTask['end'] }] : [];
    }),
    schedules: of('schedule.set').flatMap((set) => {
      const later = after(set).filter((event) => 'name' in event && event.name === set.name);
      if (later.some(({ type }) => type === 'schedule.set' || type === 'schedule.removed')) return [];
      const fired = later.findLast((event): event is Of<'schedule.fired'> => event.type === 'schedule.fired');
      return [{ set, fired }];
    }),
    variables: of('variable.changed').filter(
      (event) => !after(event).some((later) => later.type === event.type && later.name === event.name),
    ),
    rounds: of('round.opened').filter(
      (event) =>
        !after(event).some(
          (later) =>
            (later.type === 'round.opened' || later.type === 'round.closed') &&
            later.roundId === event.roundId,
        ),
    ),
    budgets: history
      .filter(isSpending)
      .filter(
        (event) =>
          !after(event).some(
            (later) => isSpending(later) && later.budget === event.budget && later.of === event.of,
          ),
      ),
  };
}

/** The last event of an account says how it stands; that of one task alone is not kept. */
function isSpending(event: SystemEvent): event is NonNullable<Recovery['budgets']>[number] {
  if (event.type === 'budget.refilled') return true;
  return (event.type === 'budget.reserved' || event.type === 'budget.settled') && event.of !== event.taskId;
}

async function filled(store: Store, count: number, after = 0): Promise<SystemEvent[]> {
  const events = numbered(
    Array.from({ length: count }, (_, at) =>
      at % 4 === 0 ? changed('v', at, at) : accepted(IDS[at % IDS.length]!, `task-${at}`, at),
    ),
    after,
  );
  for (let at = 0; at < count; at += 250) await store.append({ events: events.slice(at, at + 250) });
  return events;
}

function all(store: Store): Promise<readonly SystemEvent[]> {
  return Promise.resolve(store.read({ limit: Infinity }));
}

function assertIsEnd(read: readonly SystemEvent[], history: readonly SystemEvent[]): void {
  assert.ok(read.length > 0);
  same(read, history.slice(-read.length));
}

/** Writes to every place of it that lets one. */
function overwrite(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  for (const inner of Object.values(value)) overwrite(inner);
  for (const key of [...Object.keys(value), 'forged']) Reflect.set(value, key, 'forged');
}

/** Deep equality in which a field that is undefined is the same as none. */
function same(actual: unknown, expected: unknown): void {
  assert.deepEqual(defined(actual), defined(expected));
}

function defined(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(defined);
  if (typeof value !== 'object' || value === null || value instanceof Map) return value;
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  const copy = Object.fromEntries(fields.map(([key, field]) => [key, defined(field)]));
  return Object.getPrototypeOf(value) === null ? Object.setPrototypeOf(copy, null) : copy;
}

/** Stores with one flaw each: the law that is about it finds it, as a broken law, and a store without it keeps that law. */
import { AssertionError } from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { memoryStore, type Store, type SystemEvent } from '../../../src/index.ts';
import { sqliteStore } from '../../../src/sqlite.ts';
import { type OpenStore, storeLaws } from '../../../src/testing/index.ts';

type Recovery = Awaited<ReturnType<Store['recover']>>;
type Batch = Parameters<Store['append']>[0];
type Query = Parameters<Store['read']>[0];

/** What a flawed store does otherwise. @param opening which of the openings of its place it is, from 1 */
interface Flaw {
  readonly recover?: (recovery: Recovery, opening: number) => Recovery | Promise<Recovery>;
  readonly append?: (batch: Batch, append: (batch: Batch) => Promise<void>, store: Store) => unknown;
  readonly read?: (
    query: Query,
    read: (query: Query) => Promise<readonly SystemEvent[]>,
    opening: number,
  ) => Promise<readonly SystemEvent[]>;
  readonly state?: (
    id: string,
    state: (id: string) => Promise<{ json: string; stateVersion: number } | undefined>,
  ) => unknown;
  readonly check?: (times: number) => void;
  readonly close?: (close: () => Promise<void>) => Promise<void>;
}

function flawed(open: OpenStore, flaw: Flaw): OpenStore {
  let opening = 0;
  let checks = 0;
  return async (options) => {
    const store = await open(options);
    opening += 1;
    const at = opening;
    const append = async (batch: Batch) => store.append(batch);
    const read = async (query: Query) => store.read(query);
    const state = async (id: string) => store.state(id);
    return {
      isDurable: store.isDurable,
      recover: async () => {
        const recovery = await store.recover();
        return flaw.recover ? flaw.recover(recovery, at) : recovery;
      },
      append: (batch) =>
        (flaw.append ? flaw.append(batch, append, store) : store.append(batch)) as Promise<void>,
      read: (query) => (flaw.read ? flaw.read(query, read, at) : store.read(query)),
      state: (id) => (flaw.state ? flaw.state(id, state) : store.state(id)) as ReturnType<Store['state']>,
      check: () => flaw.check?.((checks += 1)),
      close: () => (flaw.close ? flaw.close(async () => store.close()) : store.close()),
    };
  };
}

function opener(appliesTo: string): OpenStore {
  if (appliesTo === 'every store') {
    let store: Store | undefined;
    return ({ retainEvents } = {}) =>
      (store ??= memoryStore(retainEvents === undefined ? {} : { maxEvents: retainEvents }));
  }
  const directory = mkdtempSync(join(tmpdir(), 'mabeam-flawed-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return () => sqliteStore(join(directory, 'fleet.db'));
}

const someone = { registered: { type: 'agent.registered' }, latest: { type: 'agent.registered' } } as never;
const something = { type: 'alert.raised', sequence: 1 } as never;
const withRecovery = (more: object): Flaw => ({ recover: (recovery) => ({ ...recovery, ...more }) });
const inSecond = (more: (recovery: Recovery) => object): Flaw => ({
  recover: (recovery, opening) => (opening === 1 ? recovery : { ...recovery, ...more(recovery) }),
});
const reads = (change: (events: readonly SystemEvent[], query: Query) => readonly SystemEvent[]): Flaw => ({
  read: async (query, read) => change(await read(query), query),
});
const asks = (change: (query: Query) => Query): Flaw => ({ read: (query, read) => read(change(query)) });
const keeps = (change: (batch: Batch) => Batch): Flaw => ({
  append: (batch, append) => append(change(batch)),
});
const withoutLast = reads((events) => events.slice(0, -1));
const backwards = reads((events) => events.toReversed());

/** Reads each event as one object, whoever asks. */
function sharing(): Flaw {
  const known = new Map<number, SystemEvent>();
  return reads((events) =>
    events.map((event) => {
      const copy = known.get(event.sequence) ?? structuredClone(event);
      known.set(event.sequence, copy);
      return copy;
    }),
  );
}
/** Gives the objects of its first full recovery again. */
function remembering(): Flaw {
  let known: Recovery | undefined;
  return {
    recover: (recovery, opening) => (opening === 1 ? recovery : (known ??= structuredClone(recovery))),
  };
}
const failsCheck = (at: number): Flaw => ({
  check: (times) => {
    if (times === at) throw new Error('not well');
  },
});
const refuses = (say: (error: Error) => string): Flaw => ({
  append: (batch, append) =>
    append(batch).catch((error: Error) => {
      throw new Error(say(error));
    }),
});
/** What is refused is kept in part. */
const halfKept = (half: (batch: Batch) => Batch): Flaw => ({
  append: async (batch, append) => {
    try {
      await append(batch);
    } catch (error) {
      await append(half(batch));
      throw error;
    }
  },
});
const isOf = (type: string) => (event: SystemEvent) => event.type === type;

const flaws: Readonly<Record<string, Readonly<Record<string, () => Flaw>>>> = {
  'a new store is empty': {
    'it has a last sequence': () => withRecovery({ lastSequence: 1 }),
    'it has a fact': () => withRecovery({ facts: new Map([['chart', '1']]) }),
    'it has an agent': () => withRecovery({ agents: [someone] }),
    'it has progress of a task': () => withRecovery({ taskProgress: new Map([['t', something]]) }),
    'it has an ended task': () => withRecovery({ endedTasks: [something] }),
    'it has an account': () => withRecovery({ budgets: [something] }),
    'it has a schedule': () => withRecovery({ schedules: [something] }),
    'it has an event': () => reads(() => [something]),
    'it has a state': () => ({ state: () => ({ json: '1', stateVersion: 0 }) }),
  },
  'events come back in order, value for value': {
    'the last is left out': () => withoutLast,
    'they come backwards': () => backwards,
    'one value is another': () =>
      reads((events) => events.map((event) => JSON.parse(JSON.stringify(event)) as SystemEvent)),
  },
  'events come back value for value from another program': {
    'the last is left out': () => ({
      read: async (query, read, opening) => (await read(query)).slice(0, opening === 1 ? undefined : -1),
    }),
    'an agent is not recovered': () => inSecond(({ agents }) => ({ agents: agents.slice(1) })),
    'agents are recovered backwards': () => inSecond(({ agents }) => ({ agents: agents.toReversed() })),
  },
  'what a caller changes after it has given it is not changed in the store': {
    'events are taken later': () => ({
      append: async ({ events, states }, append) => {
        const kept = { events, states: new Map(states) };
        await nextTurn();
        return append(kept);
      },
    }),
    'fields of events are taken later': () => ({
      append: async ({ events, states }, append) => {
        const kept = { events: [...events], states: new Map(states) };
        await nextTurn();
        return append(kept);
      },
    }),
    'states are taken later': () => ({
      append: async ({ events, states }, append) => {
        const kept = { events: structuredClone(events), states };
        await nextTurn();
        return append(kept);
      },
    }),
  },
  'what a reader does with what was read is not changed in the store': {
    'readers share what they read': sharing,
    'programs share what they recover': remembering,
    'tasks are not recovered again': () => ({
      recover: (recovery, opening) => (opening === 3 ? { ...recovery, tasks: [] } : recovery),
    }),
  },
  'a store that can be asked finds nothing wrong with itself while it is open': {
    'a new one does': () => failsCheck(1),
    'one with events does': () => failsCheck(2),
    'one that is opened again does': () => failsCheck(3),
  },
  'reading goes on after a sequence, up to a limit': {
    'it begins at the beginning': () => asks(({ after: _, ...query }) => query),
    'it begins with the sequence itself': () =>
      asks((query) => (query.after === 10 ? { ...query, after: 9 } : query)),
    'it stops before the last': () =>
      reads((events, { after }) => (after === 2_998 ? events.slice(0, -1) : events)),
    'it goes on after the last': () =>
      asks((query) => (query.after === 3_000 ? { ...query, after: 2_999 } : query)),
    'it begins again far beyond the last': () =>
      asks((query) => (query.after === 9_000 ? { ...query, after: 0 } : query)),
    'it takes one more than its limit': () => asks((query) => ({ ...query, limit: query.limit + 1 })),
    'it takes one more than a limit of 1': () =>
      asks((query) => (query.limit === 1 ? { ...query, limit: 2 } : query)),
    'it always has a limit': () => asks((query) => ({ ...query, limit: Math.min(query.limit, 2_999) })),
  },
  'reading one agent finds all its events and no others': {
    'it finds one of another': () =>
      reads((events, { agentId }) => (agentId === undefined ? events : [...events, something])),
    'it leaves out its last': () =>
      reads((events, { agentId, after, limit }) =>
        agentId !== undefined && after === undefined && limit === Infinity ? events.slice(0, -1) : events,
      ),
    'it has no limit': () => asks((query) => (query.limit === 2 ? { ...query, limit: Infinity } : query)),
    'it does not go on': () =>
      asks(({ after, ...query }) =>
        after !== undefined && query.limit === Infinity ? query : { after, ...query },
      ),
    'it finds something of nobody': () =>
      asks((query) => (query.agentId === 'nobody' ? { ...query, agentId: 'a' } : query)),
  },
  'reading one agent finds all its events in another program': {
    'it finds those of the last program alone': () => ({
      read: async (query, read, opening) =>
        (await read(query)).filter(({ sequence }) => opening < 3 || sequence > 2_500),
    }),
  },
  'batches of many callers are kept in the order in which they were given': {
    'they are answered in another': () => ({
      append: async (batch, append) => {
        await append(batch);
        if (batch.events[0]!.sequence % 2 === 0) await nextTurn();
      },
    }),
    'they are read in another': () =>
      reads((events) => [...events.slice(0, -2), ...events.slice(-2).toReversed()]),
  },
  'a large batch is kept whole, and nothing of it is read before': {
    'it is kept in two halves': () => ({
      append: async (batch, append) => {
        await append({ ...batch, events: batch.events.slice(0, 1) });
        for (let turn = 0; turn < 10; turn++) await nextTurn();
        await append({ events: batch.events.slice(1) });
      },
    }),
    'its states are kept first': () => ({
      append: async ({ events, states }, append) => {
        await append({ events: [], states });
        for (let turn = 0; turn < 10; turn++) await nextTurn();
        await append({ events });
      },
    }),
    'its last state is lost': () =>
      keeps(({ events, states }) => (events.length > 1 ? { events } : { events, states })),
  },
  'sequences may be missing where events were lost': {
    'reading stops there': () => reads((events, { after }) => (after === undefined ? events : [])),
    'reading all stops there': () =>
      reads((events, { limit }) => (limit === Infinity ? events.slice(0, 2) : events)),
    'reading one agent stops there': () =>
      reads((events, { agentId }) => (agentId === undefined ? events : events.slice(0, 1))),
    'the last sequence is how many there are': () => inSecond(() => ({ lastSequence: 4 })),
  },
  'where events were lost, none of an earlier time is read in their place': {
    'one is': () => reads((events) => [{ ...events[0]!, sequence: 1 }, ...events.slice(2)]),
    'nothing is read at all': () => reads(() => []),
  },
  'the newest state of an agent is kept, null drops it': {
    'the first is kept': () =>
      keeps(({ events, states }) => ({
        events,
        states: new Map([...(states ?? [])].filter(([, kept]) => kept === null || kept.stateVersion !== 2)),
      })),
    'that of one odd id is lost': () => ({
      state: async (id, state) => (id === '$' ? undefined : state(id)),
    }),
    'null drops nothing': () =>
      keeps(({ events, states }) => ({
        events,
        states: new Map([...(states ?? [])].filter(([, kept]) => kept !== null)),
      })),
    'null drops those of all': () => {
      let isDropped = false;
      return {
        append: ({ events, states }, append) => {
          isDropped ||= [...(states ?? [])].some(([, kept]) => kept === null);
          return append({ events, states });
        },
        state: async (id, state) => (isDropped ? undefined : state(id)),
      };
    },
  },
  'a forgotten agent leaves no state, one registered anew under its id has its own': {
    'it leaves its own': () => {
      const kept = new Map<string, unknown>();
      return {
        append: ({ events, states }, append) => {
          for (const [id, one] of states ?? []) kept.set(id, one);
          return append({ events, states });
        },
        state: async (id, state) => (await state(id)) ?? kept.get(id),
      };
    },
    'one that is registered anew has none': () =>
      keeps(({ events, states }) => (events.length > 1 ? { events } : { events, states })),
  },
  'facts are kept, the newest of each name': {
    'the oldest is': () =>
      keeps(({ events, facts }) => ((facts?.size ?? 0) > 1 ? { events, facts } : { events })),
    'one of an odd name is not': () =>
      inSecond(({ facts }) => ({ facts: new Map([...facts].filter(([name]) => name !== '__proto__')) })),
  },
  'a state is kept to the letter, or refused': {
    'its spaces are not': () =>
      keeps(({ events, states }) => ({
        events,
        states: new Map(
          [...(states ?? [])].map(([id, kept]) => [id, kept && { ...kept, json: kept.json.trim() }]),
        ),
      })),
    'one that is refused is kept': () => ({
      append: async (batch, append) => {
        await append(batch);
        if ([...(batch.states ?? [])].some(([, kept]) => kept?.json === ' 1 ')) throw new Error('refused');
      },
    }),
  },
  'a sequence that is not beyond the last one is refused, with all of its batch': {
    'it is taken': () => ({ append: (batch, append) => append(batch).catch(() => {}) }),
    'it is refused for no reason': () => refuses(() => 'no'),
    'its state is kept': () => halfKept(({ states }) => ({ events: [], states })),
    'its last sequence counts': () => inSecond(() => ({ lastSequence: 3 })),
    'an event of it is kept': () => ({
      read: async (query, read, opening) => [...(await read(query)), ...(opening === 2 ? [something] : [])],
    }),
  },
  'what cannot be kept is refused by event type and field, and by nothing else': {
    'it is taken': () => ({ append: (batch, append) => append(batch).catch(() => {}) }),
    'it is refused without its type': () =>
      refuses(({ message }) => message.replaceAll('task.accepted', 'the event')),
    'it is refused without its field': () => refuses(({ message }) => message.replaceAll('input', 'a field')),
    'its events are kept in part': () => halfKept(({ events }) => ({ events: events.slice(0, 1) })),
    'its state is kept': () => halfKept(({ states }) => ({ events: [], states })),
    'what can be kept is not read': () => reads(() => []),
  },
  'one caller who is refused harms no other': {
    'the one after it is refused, too': () => {
      let hasRefused = false;
      return {
        append: async (batch, append) => {
          if (hasRefused) throw new Error('refused');
          hasRefused = batch.events.some(isOf('task.accepted'));
          return append(batch);
        },
      };
    },
    'it is not refused': () => ({ append: (batch, append) => append(batch).catch(() => {}) }),
    'the one after it is answered, and not kept': () => ({
      append: async (batch, append) => (batch.events[0]!.sequence === 2 ? undefined : append(batch)),
    }),
  },
  'closing waits for what was appended before, and refuses what comes after': {
    'what comes after is taken': () => ({
      append: (batch, append) => append(batch).catch(() => {}),
    }),
    'what is read after is read': () => ({ read: (query, read) => read(query).catch(() => []) }),
    'what came before is lost': () => ({
      read: async (query, read, opening) => (await read(query)).slice(0, opening === 2 ? 1_999 : undefined),
    }),
  },
  'a second system on the same place is refused, and the first works on': {
    'it is let in': () => {
      let first: Recovery | undefined;
      return { recover: (recovery) => (first ??= recovery) };
    },
    'the first works on, and nothing is kept': () => ({
      append: async (batch, append) => (batch.events[0]!.sequence === 2 ? undefined : append(batch)),
    }),
  },
  'agents are recovered in the order of registration, each with the latest event of its life': {
    'in another order': () => inSecond(({ agents }) => ({ agents: agents.toReversed() })),
    'with the first event of its life': () =>
      inSecond(({ agents }) => ({ agents: agents.map((agent) => ({ ...agent, latest: agent.registered })) })),
    'and a forgotten one, too': () => inSecond(({ agents }) => ({ agents: [...agents, someone] })),
    'with another last sequence': () => inSecond(() => ({ lastSequence: 8 })),
  },
  'a task is unfinished until any of its ends, and one that is to be repeated has none yet': {
    'one has an end too many': () => inSecond(({ tasks }) => ({ tasks: tasks.slice(1) })),
    'one has an end too few': () => inSecond(({ tasks }) => ({ tasks: [tasks[0], ...tasks] })),
    'progress is lost': () => inSecond(() => ({ taskProgress: new Map() })),
    'it is in another order': () => inSecond(({ tasks }) => ({ tasks: tasks.toReversed() })),
  },
  'a task that was submitted is recovered with its end, until it is forgotten or accepted again': {
    'it is lost': () => inSecond(({ endedTasks = [] }) => ({ endedTasks: endedTasks.slice(1) })),
    'it is there twice': () =>
      inSecond(({ endedTasks = [] }) => ({ endedTasks: [...endedTasks, ...endedTasks] })),
    'one that has not ended is lost': () => inSecond(({ tasks }) => ({ tasks: tasks.slice(1) })),
  },
  'the last change of every variable is recovered, and every round that was not closed': {
    'one variable is lost': () => inSecond(({ variables }) => ({ variables: variables.slice(1) })),
    'the round is lost': () => inSecond(() => ({ rounds: [] })),
  },
  'the last event of every account of a budget is recovered, but for those of single tasks and of forgotten agents':
    {
      'one account is lost': () => inSecond(({ budgets = [] }) => ({ budgets: budgets.slice(1) })),
      'one is there twice': () => inSecond(({ budgets = [] }) => ({ budgets: [...budgets, ...budgets] })),
    },
  'what a recovery finds is what all events together say': {
    'a fact is made up': () => inSecond(() => ({ facts: new Map([['chart', '1']]) })),
    'an agent is lost': () => inSecond(({ agents }) => ({ agents: agents.slice(1) })),
    'a task is lost': () => inSecond(({ tasks }) => ({ tasks: tasks.slice(1) })),
    'progress is lost': () => inSecond(() => ({ taskProgress: new Map() })),
    'a schedule is lost': () => inSecond(({ schedules = [] }) => ({ schedules: schedules.slice(1) })),
    'a variable is lost': () => inSecond(({ variables }) => ({ variables: variables.slice(1) })),
    'a round is lost': () => inSecond(({ rounds }) => ({ rounds: rounds.slice(1) })),
    'an account is lost': () => inSecond(({ budgets = [] }) => ({ budgets: budgets.slice(1) })),
    'the last sequence is another': () =>
      inSecond(({ lastSequence }) => ({ lastSequence: lastSequence + 1 })),
  },
};

describe.each(Object.entries(flaws))('%s', (name, of) => {
  const law = storeLaws.find((one) => one.name === name)!;
  test('is kept by a store without a flaw', () => law.keep(flawed(opener(law.appliesTo), {})));
  test.each(Object.entries(of))('is broken where %s', async (_, flaw) => {
    await expect(law.keep(flawed(opener(law.appliesTo), flaw()))).rejects.toThrow(AssertionError);
  });
});

test('a store is closed once after each opening, also where its law is broken', async () => {
  const law = storeLaws.find(({ name }) => name === 'a new store is empty')!;
  for (const flaw of [{}, withoutLast, withRecovery({ lastSequence: 1 })]) {
    const opened: Store[] = [];
    const closed: Store[] = [];
    const open: OpenStore = () => {
      const store = memoryStore();
      opened.push(store);
      return { ...bound(store), close: () => void closed.push(store) };
    };
    await law.keep(flawed(open, flaw)).catch(() => {});
    expect(closed).toEqual(opened);
  }
});

test('a store is closed once, also where the next opening of its place fails', async () => {
  const law = storeLaws.find(({ name }) => name === 'facts are kept, the newest of each name')!;
  let openings = 0;
  let closings = 0;
  const open: OpenStore = () => {
    openings += 1;
    if (openings === 2) throw new Error('no second time');
    return { ...bound(memoryStore()), close: () => void (closings += 1) };
  };
  await expect(law.keep(open)).rejects.toThrow('no second time');
  expect(closings).toBe(1);
});

function bound(store: Store): Store {
  return {
    isDurable: store.isDurable,
    recover: () => store.recover(),
    append: (batch) => store.append(batch),
    read: (query) => store.read(query),
    state: (id) => store.state(id),
    close: () => store.close(),
  };
}

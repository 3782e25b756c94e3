import { describe, expect, test } from 'vitest';
import {
  createAgentSystem,
  defineAgent,
  memoryStore,
  type Store,
  type SystemEvent,
  variable,
} from '../../../src/index.ts';
import { FleetIndex } from '../../../src/runtime/journal/fleet-index.ts';
import { silent } from '../../kit/rig.ts';
import { firstBatches, knownBatches } from './known-history.ts';

async function all(store: Store): Promise<readonly SystemEvent[]> {
  return store.read({ limit: Infinity });
}

async function sequencesOf(store: Store): Promise<number[]> {
  return (await all(store)).map(({ sequence }) => sequence);
}

/** A change of a variable that holds about so many bytes. */
function bulky(sequence: number, bytes = 20_000): SystemEvent {
  const value = 'x'.repeat(bytes / 2);
  return { sequence, at: 0, type: 'variable.changed', name: 'v', value, version: sequence, by: 't' };
}

/** The end of a submitted task, with an output of about 20,000 bytes. */
function ended(sequence: number): SystemEvent {
  const of = {
    agentId: 'a',
    incarnation: 1,
    taskId: `task-${sequence}`,
    task: 'work',
    waitedMs: 1,
    ranMs: 1,
  };
  const output = 'x'.repeat(10_000);
  return { sequence, at: 0, type: 'task.completed', ...of, submitted: true, attempts: 1, output };
}

function ofAgent(sequence: number, agentId: string, type: 'round.voted' | 'agent.forgotten'): SystemEvent {
  const of = { sequence, at: 0, agentId, incarnation: 1 };
  if (type === 'agent.forgotten') return { ...of, type };
  return { ...of, type, roundId: 'x'.repeat(10_000), vote: 'accept' };
}

test.each([1, 10, 511, 512, 513, 2_000])(
  'a memory store holds exactly the newest %i events',
  async (maxEvents) => {
    const store = memoryStore({ maxEvents });
    const events: SystemEvent[] = [];
    for (const batch of knownBatches()) {
      await store.append(batch);
      events.push(...batch.events);
      if (events.length > 4_000) break;
      if (batch.number % 20 === 0) expect(await all(store)).toEqual(events.slice(-maxEvents));
    }
    expect(await all(store)).toEqual(events.slice(-maxEvents));
    expect(await store.read({ after: events.length - 3, limit: 2 })).toEqual(
      events.slice(-3).slice(-Math.min(3, maxEvents)).slice(0, 2),
    );
  },
);

test('by default it holds 10,000 events', async () => {
  const store = memoryStore();
  const events = firstBatches(700).flatMap((batch) => batch.events);
  expect(events.length).toBeGreaterThan(12_000);
  for (const event of events) await store.append({ events: [event] });
  expect(await all(store)).toEqual(events.slice(-10_000));
});

test.each([0, -1, 1.5, NaN, Infinity])('a memory store of %d events is refused', (maxEvents) => {
  expect(() => memoryStore({ maxEvents })).toThrow(
    expect.objectContaining({ code: 'AGENT_SPEC_INVALID', message: expect.stringContaining('maxEvents') }),
  );
});

test.each([0, -1, 1.5, NaN])('a memory store of %d bytes is refused', (maxBytes) => {
  expect(() => memoryStore({ maxBytes })).toThrow(
    expect.objectContaining({ code: 'AGENT_SPEC_INVALID', message: expect.stringContaining('maxBytes') }),
  );
});

describe('a memory store that is bounded in bytes', () => {
  test('drops the oldest events, and keeps to its bound', async () => {
    const store = memoryStore({ maxBytes: 1_000_000 });
    for (let sequence = 1; sequence <= 500; sequence++) {
      await store.append({ events: [bulky(sequence)] });
      const kept = await sequencesOf(store);
      expect(kept).toEqual(Array.from(kept, (_, at) => sequence - kept.length + 1 + at));
      expect(kept.length).toBeLessThanOrEqual(50);
      if (sequence > 50) expect(kept.length).toBeGreaterThan(40);
    }
  });

  test('count the output of a task that is kept with its end', async () => {
    const store = memoryStore({ maxBytes: 1_000_000 });
    for (let sequence = 1; sequence <= 200; sequence++) await store.append({ events: [ended(sequence)] });
    const kept = await all(store);
    expect(kept.length).toBeGreaterThan(30);
    expect(kept.length).toBeLessThanOrEqual(50);
    expect(kept.at(-1)?.sequence).toBe(200);
  });

  test('keeps the newest event, however large it is', async () => {
    const store = memoryStore({ maxBytes: 1_000 });
    for (let sequence = 1; sequence <= 3; sequence++) {
      await store.append({ events: [bulky(sequence)] });
      expect(await sequencesOf(store)).toEqual([sequence]);
    }
    await store.append({ events: [bulky(4), bulky(5)] });
    expect(await sequencesOf(store)).toEqual([5]);
  });

  test('drops what belongs to forgotten agents first, the oldest of it first, and no more than it has to', async () => {
    const store = memoryStore({ maxBytes: 1_000_000 });
    const events: SystemEvent[] = [];
    const add = (make: (sequence: number) => SystemEvent) => void events.push(make(events.length + 1));
    for (let count = 0; count < 10; count++) {
      add((sequence) => ofAgent(sequence, 'gone', 'round.voted'));
      add((sequence) => ofAgent(sequence, 'here', 'round.voted'));
      add((sequence) => ofAgent(sequence, 'again', 'round.voted'));
    }
    add((sequence) => ofAgent(sequence, 'gone', 'agent.forgotten'));
    add((sequence) => ofAgent(sequence, 'again', 'agent.forgotten'));
    add((sequence) => ofAgent(sequence, 'again', 'round.voted'));
    await store.append({ events });
    expect(await all(store)).toEqual(events);

    const forgotten = events.filter(
      ({ agentId, sequence }) => agentId === 'gone' || (agentId === 'again' && sequence < 33),
    );
    let last = events.length;
    const dropped = async () => {
      const kept = new Set(await sequencesOf(store));
      return events.filter(({ sequence }) => !kept.has(sequence));
    };
    while ((await dropped()).length === 0) {
      await store.append({ events: [bulky(last + 1)] });
      last += 1;
    }
    // A tenth of the bound is freed, and each holds a fiftieth.
    expect((await dropped()).length).toBeGreaterThanOrEqual(5);
    expect((await dropped()).length).toBeLessThanOrEqual(7);
    for (; (await dropped()).length < 18; last += 1) {
      await store.append({ events: [bulky(last + 1)] });
      // As long as there is something of forgotten agents, nothing else goes.
      const gone = await dropped();
      expect(gone).toEqual(forgotten.slice(0, gone.length));
    }
    for (; (await dropped()).length < events.length; last += 1) {
      await store.append({ events: [bulky(last + 1)] });
    }
    expect(await store.read({ agentId: 'again', limit: 10 })).toEqual([]);
  });

  test('and in number keeps to both bounds', async () => {
    const store = memoryStore({ maxBytes: 1_000_000, maxEvents: 300 });
    for (let sequence = 1; sequence <= 1_500; sequence++) {
      await store.append({ events: [bulky(sequence, sequence <= 100 ? 20_000 : 20)] });
      if (sequence < 100 || sequence % 50 !== 0) continue;
      const kept = await sequencesOf(store);
      expect(kept).toEqual(Array.from(kept, (_, at) => sequence - kept.length + 1 + at));
      if (sequence <= 300) expect(kept.length).toBeLessThan(sequence - 50);
      if (sequence >= 400) expect(kept.length).toBe(300);
      expect(await store.read({ after: sequence - 4, limit: 2 })).toHaveLength(2);
    }
  });

  test('lets go of what it has dropped', async () => {
    const store = memoryStore({ maxBytes: 1_000_000 });
    const before = process.memoryUsage().arrayBuffers;
    // 640 MB in all.
    for (let sequence = 1; sequence <= 10_000; sequence++) {
      await store.append({ events: [{ ...bulky(sequence), value: new Uint8Array(64_000) } as SystemEvent] });
      if (sequence % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(320_000_000);
  });

  test.each([{ maxBytes: 20_000, maxEvents: 100 }, { maxBytes: 20_000 }, { maxEvents: 100 }])(
    'has all that a recovery needs, whatever was dropped: %j',
    async (bounds) => {
      const store = memoryStore(bounds);
      const index = new FleetIndex();
      for (const batch of firstBatches(300)) {
        await store.append(batch);
        for (const event of batch.events) index.note(event);
        if (batch.number % 30 !== 0) continue;
        const { facts, lastSequence, ...fleet } = await store.recover();
        expect(fleet).toEqual(index.recovery());
        expect(lastSequence).toBe(batch.events.at(-1)!.sequence);
        expect(facts.get('batch')).toBe(String(batch.number));
      }
      expect((await all(store)).length).toBeLessThanOrEqual(100);
    },
  );

  test.each<[string, unknown, number]>([
    ['an array, by a sample', Array.from({ length: 1_000 }, () => 'x'.repeat(100)), 233],
    ['text at a depth', { deep: { deep: [{ text: 'x'.repeat(10_000) }] } }, 20],
    ['bytes', new Uint8Array(20_000), 20],
    [
      'many fields, by a sample',
      Object.fromEntries(Array.from({ length: 1_000 }, (_, at) => [`k${at}`, at])),
      39,
    ],
    ['objects in an array', Array.from({ length: 50 }, () => ({ text: 'x'.repeat(100) })), 17],
    ['bytes in an array in an object', { list: [new Uint8Array(10_000), new Uint8Array(10_000)] }, 20],
  ])('sees the size of %s', async (_, value, kilobytes) => {
    const store = memoryStore({ maxBytes: 1_000_000 });
    for (let sequence = 1; sequence <= 200; sequence++) {
      await store.append({ events: [{ ...bulky(sequence), value } as SystemEvent] });
    }
    // Bytes run out at a million, and a tenth is then freed.
    const { length } = await all(store);
    expect(length).toBeLessThanOrEqual(1_000 / kilobytes);
    expect(length).toBeGreaterThanOrEqual((0.9 * 1_000) / (kilobytes + 2) - 1);
  });
});

/** All events within what a recovery gives, by the field they are in. */
function eventsIn(value: unknown): SystemEvent[] {
  if (typeof value !== 'object' || value === null) return [];
  if ('sequence' in value) return [value as SystemEvent];
  return (value instanceof Map ? [...value.values()] : Object.values(value)).flatMap(eventsIn);
}

test('nobody can write an event that a memory store recovers, whatever it is recovered for', async () => {
  const store = memoryStore();
  for (const batch of firstBatches(300)) await store.append(batch);
  const { facts: _, lastSequence: _last, ...recovered } = await store.recover();
  const found = Object.entries(recovered).map(([field, value]) => [field, eventsIn(value)] as const);
  expect(found.filter(([, events]) => events.length === 0).map(([field]) => field)).toEqual([]);
  for (const [field, events] of found)
    for (const event of events)
      expect([field, event.type, Object.isFrozen(event)]).toEqual([field, event.type, true]);
});

describe('with its defaults a system that runs for long', () => {
  const hoarder = defineAgent({
    type: 'hoarder',
    init: ({ initArgs }) => initArgs as object,
    tasks: {
      again: { retry: 'on_host_loss', run: () => undefined },
      fail: {
        run: () => {
          throw Object.assign(new Error('x'.repeat(8_000)), { stack: 'y'.repeat(16_000) });
        },
      },
    },
  });
  const BULK = 250_000;

  test('holds no more of it than its bound, whatever its events hold', async () => {
    const store = memoryStore();
    await using system = await createAgentSystem({ store, logger: silent });
    const { agents, variables } = system;
    const id = await agents.register({ module: hoarder, initArgs: {} });
    await agents.start(id);
    await variables.define('v', variable.json({ default: '' }));
    const rounds: ((text: string) => Promise<unknown>)[] = [
      async (text) => agents.forget(await agents.register({ module: hoarder, initArgs: { text } })),
      (text) => agents.execute(id, { type: 'again', input: { text } }),
      (text) => variables.set('v', text),
      () => agents.execute(id, { type: 'fail' }).catch(() => undefined),
    ];
    for (const [at, round] of rounds.entries()) {
      // 125 MB of each, but for the errors.
      for (let count = 0; count < 500; count++) await round(`${at} ${count} ${'x'.repeat(BULK)}`);
      const held = JSON.stringify(await all(store)).length;
      expect(held).toBeLessThan(40 * 1024 * 1024);
    }
  });
});

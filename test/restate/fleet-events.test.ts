/** Readers and subscribers of a fleet's events, by a log that now and then cannot be read. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { SystemEvent } from '../../src/index.ts';
import { FleetEvents } from '../../src/restate/client/fleet-events.ts';
import type { EngineClient } from '../../src/restate/engine/engine-client.ts';
import type { EventPage, EventQuestion } from '../../src/restate/events/events-object.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function log() {
  const kept: SystemEvent[] = [];
  const asked: EventQuestion[] = [];
  let isAway = false;
  let isOpen = true;
  const read = ({ after, limit }: EventQuestion): EventPage => {
    if (isAway) throw new Error('away');
    return {
      events: kept.filter(({ sequence }) => sequence > after).slice(0, limit),
      last: kept.length,
    };
  };
  const call = (_: object, question: EventQuestion) => {
    asked.push(question);
    return Promise.resolve().then(() => read(question));
  };
  const assertOpen = (): void => {
    if (!isOpen) throw new Error('it is closed');
  };
  const faults: string[] = [];
  const events = new FleetEvents({ call, assertOpen } as unknown as EngineClient, (message) =>
    faults.push(message),
  );
  const keep = (type: string): void =>
    void kept.push({ type, sequence: kept.length + 1, at: 0 } as unknown as SystemEvent);
  return {
    events,
    faults,
    asked,
    keep,
    keepMany: (count: number) => Array.from({ length: count }, () => keep('many')),
    close: () => void (isOpen = false),
    /** Sequences of what is read. */
    read: async (options?: object, each: () => void = () => undefined) => {
      const sequences: number[] = [];
      for await (const { sequence } of events.read(options)) {
        sequences.push(sequence);
        each();
      }
      return sequences;
    },
    away: (is: boolean) => void (isAway = is),
  };
}

test('what is kept while the log cannot be read is heard once it can, each event once and in order', async () => {
  const { events, faults, keep, away } = log();
  const heard: string[] = [];
  keep('before');
  events.subscribe(({ type }) => void heard.push(type));
  await vi.advanceTimersByTimeAsync(150);
  keep('one');
  await vi.advanceTimersByTimeAsync(150);
  away(true);
  keep('two');
  await vi.advanceTimersByTimeAsync(5_000);
  expect(heard).toEqual(['one']);
  expect(new Set(faults)).toEqual(new Set(['events could not be read']));
  keep('three');
  away(false);
  await vi.advanceTimersByTimeAsync(1_200);
  expect(heard).toEqual(['one', 'two', 'three']);
  events.close();
});

test('a subscriber of some types hears these alone, and none once it has left; malformed options are refused', async () => {
  const { events, keep } = log();
  const heard: string[] = [];
  const leave = events.subscribe(({ type }) => void heard.push(type), {
    types: ['agent.started', 'agent.stopped'],
  });
  await vi.advanceTimersByTimeAsync(150);
  for (const type of ['agent.started', 'task.started', 'agent.stopped']) keep(type);
  await vi.advanceTimersByTimeAsync(150);
  leave();
  keep('agent.started');
  await vi.advanceTimersByTimeAsync(150);
  expect(heard).toEqual(['agent.started', 'agent.stopped']);
  expect(() => events.subscribe(() => undefined, { type: [] } as never)).toThrow(/type/);
  expect(() => events.subscribe(1 as never)).toThrow(/expected a function/);
  events.close();
});

const upTo = (last: number, first = 1) => Array.from({ length: last - first + 1 }, (_, at) => first + at);

test('a reader gets all that there is when it begins, page by page, and nothing that comes meanwhile', async () => {
  const { read, keepMany, keep, asked } = log();
  expect(await read()).toEqual([]);
  keepMany(1_203);
  asked.length = 0;
  expect(await read({}, () => keep('later'))).toEqual(upTo(1_203));
  expect(asked).toMatchObject([
    { after: 0, limit: 0 },
    { after: 0, limit: 500 },
    { after: 500, limit: 500 },
    { after: 1_000, limit: 500 },
  ]);
});

test.each([
  [{ after: 3 }, upTo(700, 4)],
  [{ after: 3, limit: 2 }, [4, 5]],
  [{ limit: 0 }, []],
  [{ limit: 500 }, upTo(500)],
  [{ limit: 501 }, upTo(501)],
  [{ after: 699 }, [700]],
  [{ after: 700 }, []],
  [{ after: 900 }, []],
])('a reader that asks for %j gets that, and no more', async (options, sequences) => {
  const { read, keepMany, asked } = log();
  keepMany(700);
  expect(await read({ ...options, agentId: 'ada' })).toEqual(sequences);
  expect(asked.every(({ agentId }) => agentId === 'ada')).toBe(true);
});

test.each([{ after: -1 }, { after: 0.5 }, { limit: -1 }, { limit: 1.5 }, { lmit: 1 }, { agentId: 7 }])(
  'a reader that asks for %j is refused',
  async (options) => {
    const { read, asked } = log();
    await expect(read(options)).rejects.toMatchObject({ code: 'AGENT_SPEC_INVALID' });
    expect(asked).toEqual([]);
  },
);

test('a closed fleet reads nothing, and says so before what else is wrong', async () => {
  const { read, events, close, asked } = log();
  close();
  await expect(read({ limit: -1 })).rejects.toThrow('it is closed');
  await expect(events.replay(7 as never)).rejects.toThrow('it is closed');
  expect(asked).toEqual([]);
});

test('a subscriber that is far behind catches up at once, and its look is the only one', async () => {
  const { events, keepMany, asked } = log();
  const heard: number[] = [];
  const other: number[] = [];
  events.subscribe(({ sequence }) => void heard.push(sequence));
  events.subscribe(({ sequence }) => void other.push(sequence));
  await vi.advanceTimersByTimeAsync(0);
  expect(asked).toHaveLength(1);
  keepMany(1_203);
  await vi.advanceTimersByTimeAsync(100);
  expect([heard, other]).toEqual([upTo(1_203), upTo(1_203)]);
  expect(asked).toHaveLength(4);
  events.close();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(asked).toHaveLength(4);
});

test('a subscriber that throws is told of, and the others hear the event all the same', async () => {
  const { events, keep, faults } = log();
  const heard: string[] = [];
  events.subscribe(() => {
    throw new Error('no');
  });
  events.subscribe(({ type }) => void heard.push(type));
  await vi.advanceTimersByTimeAsync(0);
  keep('one');
  await vi.advanceTimersByTimeAsync(100);
  expect([heard, faults]).toEqual([['one'], ['a listener of events threw']]);
  events.close();
});

test('nothing is read while nobody listens, and one that comes later hears from then on', async () => {
  const { events, keep, asked } = log();
  events.subscribe(() => undefined)();
  await vi.advanceTimersByTimeAsync(200);
  asked.length = 0;
  await vi.advanceTimersByTimeAsync(1_000);
  expect(asked).toEqual([]);
  keep('before');
  const heard: string[] = [];
  events.subscribe(({ type }) => void heard.push(type));
  await vi.advanceTimersByTimeAsync(0);
  keep('after');
  await vi.advanceTimersByTimeAsync(100);
  expect(heard).toEqual(['after']);
  events.close();
});

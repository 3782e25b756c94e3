/** Laws of the object that keeps what happened in a fleet, over state that is data. */
import { describe, expect, it } from 'vitest';
import { eventsObject, type EventPage } from '../../src/restate/events/events-object.ts';
import { objectContext } from './object-context.ts';

function rig() {
  const object = objectContext(eventsObject);
  const { does } = object;
  return {
    ...object,
    append: (count: number, agentId = 'a') =>
      does('append', {
        events: Array.from({ length: count }, () => ({ type: 'agent.started', agentId, at: 0 })),
      }),
    read: async (after: number, limit = 1_000, agentId?: string) => {
      const { events, last } = (await does('read', { after, limit, agentId })) as EventPage;
      return { sequences: events.map(({ sequence }) => sequence), last };
    },
  };
}
const upTo = (last: number, from = 1): number[] =>
  Array.from({ length: last - from + 1 }, (_, at) => from + at);

describe('a sequence', () => {
  it('is numbered from 1, with no gap between batches', async () => {
    const { append, read } = rig();
    expect(await read(0)).toEqual({ sequences: [], last: 0 });
    await append(2);
    await append(0);
    await append(3);
    expect(await read(0)).toEqual({ sequences: [1, 2, 3, 4, 5], last: 5 });
  });

  it.each([31, 32, 33, 64, 65, 70])('of %i events is read whole, and from any', async (count) => {
    const { append, read } = rig();
    await append(count);
    for (const after of [0, 1, 30, 31, 32, 33, 63, 64])
      expect(await read(after)).toEqual({ sequences: upTo(count, after + 1), last: count });
  });

  it('grown one by one is the same as one batch', async () => {
    const { append, read, keys } = rig();
    for (let n = 0; n < 66; n++) await append(1);
    expect(await read(0)).toEqual({ sequences: upTo(66), last: 66 });
    expect(keys().toSorted()).toEqual(['head', 'segment 0', 'segment 1']);
  });
});

describe('a page', () => {
  it.each([1, 31, 32, 33, 40])('has %i at the most, and the next goes on after it', async (limit) => {
    const { append, read } = rig();
    await append(80);
    const read1 = await read(5, limit);
    expect(read1).toEqual({ sequences: upTo(5 + limit, 6), last: 80 });
    expect((await read(5 + limit, limit)).sequences[0]).toBe(6 + limit);
  });

  it('of one agent has its events alone, however far apart they are', async () => {
    const { append, read } = rig();
    await append(1, 'b');
    await append(70);
    await append(1, 'b');
    await append(40);
    await append(1, 'b');
    expect(await read(0, 10, 'b')).toEqual({ sequences: [1, 72, 113], last: 113 });
    expect(await read(0, 2, 'b')).toEqual({ sequences: [1, 72], last: 113 });
    expect(await read(1, 2, 'b')).toEqual({ sequences: [72, 113], last: 113 });
  });
});

it('the newest 100,000 are kept: a full segment more drops the oldest one', async () => {
  const { keep, append, read, keys } = rig();
  await append(64);
  keep('head', { last: 99_968, newest: [] });
  await append(32);
  expect((await read(0, 2)).sequences).toEqual([1, 2]);
  await append(31);
  expect(keys()).toContain('segment 0');
  await append(1);
  expect(keys()).not.toContain('segment 0');
  expect(keys()).toContain('segment 1');
  expect(await read(0, 2)).toEqual({ sequences: [33, 34], last: 100_032 });
});

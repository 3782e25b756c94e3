/** Laws of what tasks have told, until their callers have fetched it. */
import { expect, it } from 'vitest';
import { ProgressBuffer, type Told } from '../../src/restate/tasks/progress-buffer.ts';
import { steadyClock } from '../../src/runtime/time/clock.ts';
import { simulatedClock } from '../../src/testing/index.ts';
import { fateOf } from '../kit/rig.ts';

const KEPT_MS = 60_000;
const value = (n: number): Told => ({ progress: n });
function rig() {
  const clock = simulatedClock();
  return { clock, buffer: new ProgressBuffer(steadyClock(clock)) };
}

it('a caller gets what came after what it has seen, in its order', async () => {
  const { buffer } = rig();
  for (const n of [1, 2, 3]) buffer.tell('c', value(n));
  buffer.tell('other', value(9));
  expect(await buffer.fetch('c', 0, 0)).toEqual({ values: [value(1), value(2), value(3)], count: 3 });
  expect(await buffer.fetch('c', 2, 100)).toEqual({ values: [value(3)], count: 3 });
  expect(await buffer.fetch('c', 3, 0)).toEqual({ values: [], count: 3 });
  expect(await buffer.fetch('c', 7, 0)).toEqual({ values: [], count: 3 });
  buffer.close();
});

it('where there is nothing new it waits for something, and no longer than it may', async () => {
  const { buffer, clock } = rig();
  const first = buffer.fetch('c', 0, 100);
  expect(await fateOf(first)).toBe('pending');
  buffer.tell('c', value(1));
  expect(await first).toEqual({ values: [value(1)], count: 1 });
  const second = buffer.fetch('c', 1, 100);
  await clock.advance(99);
  expect(await fateOf(second)).toBe('pending');
  await clock.advance(1);
  expect(await second).toEqual({ values: [], count: 1 });
  buffer.close();
  expect(clock.pending()).toEqual([]);
});

it('of more than 1,000 the newest are kept', async () => {
  const { buffer } = rig();
  for (let n = 1; n <= 1_000; n++) buffer.tell('c', value(n));
  expect((await buffer.fetch('c', 0, 0)).values.at(0)).toEqual(value(1));
  buffer.tell('c', value(1_001));
  const { values, count } = await buffer.fetch('c', 0, 0);
  expect([values.length, values[0], count]).toEqual([1_000, value(2), 1_001]);
  buffer.close();
});

const MIB = 1_048_576;
const sized = (mib: number): string => 'x'.repeat(mib * MIB);

it('of progress of more than 32 MiB the newest is kept, and all of that once some was fetched', async () => {
  const { buffer } = rig();
  const fetched = async (seen: number) => {
    const { values, count } = await buffer.fetch('c', seen, 0);
    return [values.map((told) => ('progress' in told ? (told.progress as string).at(0) : told)), count];
  };
  const tell = (letters: string, mib: number): void => {
    for (const letter of letters) buffer.tell('c', { progress: letter.repeat(mib * MIB) });
  };
  tell('abcd', 10);
  expect(await fetched(0)).toEqual([['b'], 2]);
  expect(await fetched(2)).toEqual([['c'], 3]);
  tell('e', 10);
  expect(await fetched(3)).toEqual([['d'], 4]);
  tell('fghi', 1);
  expect(await fetched(4)).toEqual([['e'], 5]);
  expect(await fetched(5)).toEqual([['f', 'g', 'h'], 8]);
  buffer.close();
});

it('chunks that were not fetched are kept, however much progress comes after them', async () => {
  const { buffer } = rig();
  buffer.tell('c', { chunk: 'first' });
  for (let n = 1; n <= 1_001; n++) buffer.tell('c', value(n));
  buffer.tell('c', { chunk: 'second' });
  const { values, count } = await buffer.fetch('c', 0, 0);
  expect([values.length, values[0], values[1], values.at(-1), count]).toEqual([
    1_002,
    { chunk: 'first' },
    value(2),
    { chunk: 'second' },
    1_003,
  ]);
  buffer.close();
});

it('what came after a value is given again, until somebody has that too', async () => {
  const { buffer } = rig();
  for (const n of [1, 2, 3]) buffer.tell('c', value(n));
  for (const seen of [1, 1]) {
    expect(await buffer.fetch('c', seen, 0)).toEqual({ values: [value(2), value(3)], count: 3 });
  }
  buffer.close();
});

it('a page of large values ends before it is larger than the engine takes, and says that there are more', async () => {
  const { buffer } = rig();
  for (const mib of [3, 2, 20, 1]) buffer.tell('c', { chunk: sized(mib) });
  const lengths: number[][] = [];
  for (let seen = 0, isMore = true; isMore; ) {
    const page = await buffer.fetch('c', seen, 0);
    lengths.push(page.values.map((told) => ('chunk' in told ? (told.chunk as string).length / MIB : NaN)));
    seen = page.count;
    isMore = page.isMore === true;
  }
  expect(lengths).toEqual([[3], [2], [20], [1]]);
  buffer.close();
});

it('a page takes what is small together, however much there is', async () => {
  const { buffer } = rig();
  for (let n = 1; n <= 5; n++) buffer.tell('c', { progress: sized(1) });
  expect((await buffer.fetch('c', 0, 0)).count).toBe(3);
  expect(await buffer.fetch('c', 3, 0)).toEqual({
    values: [{ progress: sized(1) }, { progress: sized(1) }],
    count: 5,
  });
  buffer.close();
});

const circle: Record<string, unknown> = {};
circle['self'] = circle;
it.each([
  ['too large', sized(32), 'it takes more bytes than the engine takes at once'],
  ['a BigInt', 10n, 'JSON cannot write it: Do not know how to serialize a BigInt'],
  ['a circle', circle, 'JSON cannot write it: Maximum call stack size exceeded'],
])('in the place of a chunk that is %s stands why; such progress is left out', async (_, odd, why) => {
  const { buffer } = rig();
  for (const told of [{ chunk: 1 }, { chunk: odd }, { progress: odd }, value(4)]) buffer.tell('c', told);
  expect(await buffer.fetch('c', 0, 0)).toEqual({
    values: [{ chunk: 1 }, { unsendable: expect.stringContaining(why) as unknown }, value(4)],
    count: 4,
  });
  buffer.close();
});

it('what JSON has no word for is null', async () => {
  const { buffer } = rig();
  buffer.tell('c', { chunk: undefined });
  buffer.tell('c', { progress: () => 1 });
  expect(await buffer.fetch('c', 0, 0)).toEqual({ values: [{ chunk: null }, { progress: null }], count: 2 });
  buffer.close();
});

it('a minute after the last that was told, or asked, it is dropped', async () => {
  const { buffer, clock } = rig();
  buffer.tell('c', value(1));
  await clock.advance(KEPT_MS - 1);
  expect(await buffer.fetch('c', 0, 0)).toMatchObject({ count: 1 });
  await clock.advance(KEPT_MS - 1);
  buffer.tell('c', value(2));
  await clock.advance(KEPT_MS - 1);
  expect(await buffer.fetch('c', 0, 0)).toMatchObject({ count: 2 });
  await clock.advance(KEPT_MS);
  expect(clock.pending()).toEqual([]);
  expect(await buffer.fetch('c', 0, 0)).toMatchObject({ count: 0 });
  buffer.close();
});

it('closed, it lets go of who waits, and has no timer left', async () => {
  const { buffer, clock } = rig();
  const waiting = buffer.fetch('c', 0, 100);
  buffer.close();
  expect(await waiting).toEqual({ values: [], count: 0 });
  expect(clock.pending()).toEqual([]);
});

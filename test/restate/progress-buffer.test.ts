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

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { KeptReads } from '../../src/dashboard/kept-reads.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Reads a number that grows, and takes as long as is said. */
function counting(tookMs = 0) {
  let count = 0;
  const load = async () => {
    const told = (count += 1);
    await vi.advanceTimersByTimeAsync(tookMs);
    return told;
  };
  return { load, times: () => count };
}

it('a report is made once all that it reads is there, and reads of it are made at the same time', async () => {
  const reads = new KeptReads();
  let [open, most] = [0, 0];
  const load = async () => {
    most = Math.max(most, (open += 1));
    await Promise.resolve();
    open -= 1;
    return 'told';
  };
  const report = () => ['a', 'b', 'c'].map((name) => reads.read(name, load, 'nothing'));
  expect(await reads.settled(report)).toEqual(['told', 'told', 'told']);
  expect(most).toBe(3);
});

it('what was read is new for a second, what an event names is read again, and what took long rests', async () => {
  const reads = new KeptReads();
  const quick = counting();
  const look = () => reads.settled(() => reads.read('quick one', quick.load, 0));
  expect([await look(), await look()]).toEqual([1, 1]);
  reads.told('quick');
  expect(await look()).toBe(2);
  await vi.advanceTimersByTimeAsync(1_100);
  expect(await look()).toBe(3);
  const slow = counting(300);
  const wait = () => reads.settled(() => reads.read('slow', slow.load, 0));
  expect(await wait()).toBe(1);
  reads.told('slow');
  await vi.advanceTimersByTimeAsync(1_400);
  expect(await wait()).toBe(1);
  await vi.advanceTimersByTimeAsync(200);
  expect(await wait()).toBe(2);
});

it('after somebody has acted nothing of before is shown, not even what was being read', async () => {
  const reads = new KeptReads();
  const gate = Promise.withResolvers<string>();
  const loads = [() => gate.promise, () => Promise.resolve('after')];
  const look = () => reads.settled(() => reads.read('one', () => loads.shift()!(), ''));
  const early = look();
  await Promise.resolve();
  reads.outdate();
  expect(await look()).toBe('after');
  gate.resolve('before');
  expect(await early).toBe('after');
});

it('what fails is thrown by the report that reads it, and read again later', async () => {
  const reads = new KeptReads();
  const loads = [() => Promise.reject(new Error('away')), () => Promise.resolve('there')];
  const look = () => reads.settled(() => reads.read('one', () => loads.shift()!(), ''));
  await expect(look()).rejects.toThrow('away');
  await vi.advanceTimersByTimeAsync(1_100);
  expect(await look()).toBe('there');
});

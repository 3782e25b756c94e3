/** The table of agents is there while somebody holds it, and for half a minute after the last has let go. */
import { afterEach, expect, it, vi } from 'vitest';
import { Chronicle } from '../../src/dashboard/chronicle.ts';
import { Watch } from '../../src/dashboard/watch.ts';
import { running, system } from '../kit/dashboard.ts';

afterEach(() => void vi.useRealTimers());

async function rig() {
  const fleet = await system();
  await running(fleet, 'ada');
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  return new Watch(fleet, new Chronicle());
}

it('two hold the same, and it is there until 30 s after both have let go', async () => {
  const watch = await rig();
  const first = watch.hold();
  expect(watch.hold()).toBe(first);
  watch.release();
  vi.advanceTimersByTime(60_000);
  expect(watch.hold()).toBe(first);
  watch.release();
  watch.release();
  vi.advanceTimersByTime(29_999);
  expect(watch.hold()).toBe(first);
  // A later hold is no reason to let go earlier.
  vi.advanceTimersByTime(60_000);
  expect(watch.hold()).toBe(first);
  watch.release();
  watch.release();
  vi.advanceTimersByTime(30_000);
  const next = watch.hold();
  expect(next.table).not.toBe(first.table);
  expect(next.epoch).not.toBe(first.epoch);
  watch.close();
});

it('one answer has the whole table, and holds it no longer', async () => {
  const watch = await rig();
  const table = await watch.table();
  expect([...table.rows()].map(({ row }) => row.id)).toEqual(['ada']);
  expect(vi.getTimerCount()).toBe(1);
  watch.close();
  expect(vi.getTimerCount()).toBe(0);
  expect(watch.hold().table).not.toBe(table);
  watch.close();
});

import { expect, test } from 'vitest';
import { costOf, measure, median, timesOf, together } from '../../bench/measurement.ts';

test('what was allocated is counted, collected or not', async () => {
  const held: unknown[] = [];
  const times = 400_000;
  const { allocatedBytes } = await costOf(() => {
    // Some are kept, most are garbage: several collections come in between.
    for (let index = 0; index < times; index++) held[index % 1_000] = [index, index, index, index];
  });
  // An array of four: a header of four words, and its elements with a header of two.
  expect(allocatedBytes / times).toBeGreaterThan(75);
  expect(allocatedBytes / times).toBeLessThan(110);
});

test('the longest wait of a timer is that of the work that did not let go', async () => {
  const { wallMs, loopDelayMaxMs } = await costOf(async () => {
    const until = performance.now() + 50;
    while (performance.now() < until) await Promise.resolve();
  });
  expect(loopDelayMaxMs).toBeGreaterThan(wallMs - 10);
});

test('each operation is done once, by its client; what one does for many counts for many', async () => {
  const done: number[] = [];
  const measured = await measure('work', {
    times: 10,
    clients: 4,
    perOperation: 100,
    n: 100,
    operation: async (index) => void done.push(index),
  });
  expect(done.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(measured).toMatchObject({ bench: 'work', n: 100, clients: 4 });
  expect(measured.ops_per_s).toBeGreaterThan((1_000 * 1_000) / measured.wall_ms / 2);
  expect(measured.p50_us).toBeLessThanOrEqual(measured.p99_us!);
});

test('several series together took the sum of each cost, the longest of each wait, and all of their operations', async () => {
  const series = [];
  for (const times of [3, 2]) series.push(await timesOf({ times, operation: () => Promise.resolve() }));
  const [one, other] = series;
  const { cost, tookUs } = together(series);
  for (const what of ['wallMs', 'cpuUs', 'threadCpuUs', 'allocatedBytes'] as const)
    expect(cost[what]).toBe(one!.cost[what] + other!.cost[what]);
  expect(cost.loopDelayMaxMs).toBe(Math.max(one!.cost.loopDelayMaxMs, other!.cost.loopDelayMaxMs));
  expect([...tookUs]).toEqual([...one!.tookUs, ...other!.tookUs].toSorted((a, b) => a - b));
});

test.each([
  [[3, 1, 2], 2],
  [[1], 1],
  [[4, 1, 3, 2], 2],
  [[10, 9], 9],
])('the median of %j is %d', (values, expected) => {
  expect(median(values)).toBe(expected);
});

import { expect, test } from 'vitest';
import { compare, comparisonOf, markdownOf } from '../../bench/comparison.ts';
import { fleetBenchNames } from '../../bench/fleets.ts';
import type { Measurement } from '../../bench/measurement.ts';

const measured = (bench: string, n: number, more: Record<string, number> = {}): Measurement => ({
  bench,
  n,
  ops_per_s: 1_000,
  p50_us: 1,
  p99_us: 1,
  wall_ms: 1,
  cpu_us_per_op: 10,
  thread_cpu_us_per_op: 5,
  allocated_per_op: 100,
  loop_delay_max_ms: 1,
  ...more,
});

const linesOf = (name: (typeof fleetBenchNames)[number]) => comparisonOf(true, [name]).lines;
const reads = (ops_per_s: number, cpu_us_per_op = 10) => [
  measured('read_status_1client', 200_000, { ops_per_s, cpu_us_per_op }),
];
const fleet = (bytes: number) => [
  measured('spawn_1client', 10_000, { bytes_per_agent_after_gc: bytes, ops_per_s: 1 }),
];
const fleets = (bench: string, small: Record<string, number>, large: Record<string, number>) => [
  measured(bench, 1_000, small),
  measured(bench, 10_000, large),
];

test('who does more a second is ahead: the ratio is of the medians, the ends are of single rounds', () => {
  const [row] = compare(linesOf('read'), {
    ours: [reads(100), reads(900), reads(300)],
    reference: [reads(200), reads(100), reads(50)],
  });
  expect(row).toMatchObject({ ours: 300, reference: 100, ratio: 3, ratios: [0.5, 9] });
});

test('who needs fewer bytes is ahead', () => {
  const heap = linesOf('spawn').filter(({ title }) => title === 'heap of an agent, 10,000 agents');
  const [row] = compare(heap, { ours: [fleet(2_000)], reference: [fleet(5_000)] });
  expect(row).toMatchObject({ ours: 2_000, reference: 5_000, ratio: 2.5 });
});

test('growth is the cost of an agent of the large fleet, of one of the small; who grows less is ahead', () => {
  const small = { ops_per_s: 1_200, thread_cpu_us_per_op: 5 };
  const large = { ops_per_s: 1_000, thread_cpu_us_per_op: 10 };
  const { thread_cpu_us_per_op: _, ...reference } = measured('', 0, { ops_per_s: 3_000, cpu_us_per_op: 4 });
  const [time, cpuTime] = compare(linesOf('growth'), {
    ours: [fleets('growth_1client', small, large)],
    reference: [
      [
        { ...reference, bench: 'spawn_1client', n: 1_000 },
        { ...reference, bench: 'spawn_1client', n: 10_000, ops_per_s: 1_000, cpu_us_per_op: 12 },
      ] as unknown as Measurement[],
    ],
  });
  expect(time).toMatchObject({ ours: 1.2, reference: 3, ratio: 2.5 });
  expect(cpuTime).toMatchObject({ ours: 2, reference: 3, ratio: 1.5 });
});

test('CPU time of both and what was allocated stand beside the speed', () => {
  const rows = compare(linesOf('read'), { ours: [reads(1_000, 4)], reference: [reads(1_000, 6)] });
  expect(rows[0]).toMatchObject({ cpuUs: { thread: 5, program: 4, reference: 6 }, allocatedBytes: 100 });
  expect(markdownOf(rows).split('\n').slice(2)).toEqual([
    '| status reads | a second | 1,000 | 1,000 | 1.00 | 1.00–1.00 | 5 | 6 | 1.20 | 4 | 100 |',
    '',
  ]);
});

test('a measurement that is missing is named, on either side', () => {
  const missing = 'status reads: no measurement read_status_1client with 200000';
  expect(() => compare(linesOf('read'), { ours: [[]], reference: [reads(1)] })).toThrow(missing);
  expect(() => compare(linesOf('read'), { ours: [reads(1)], reference: [[]] })).toThrow(missing);
});

test.each([true, false])(
  'quick: %s: every line is of a program that runs, and no program runs twice',
  (isQuick) => {
    const all = comparisonOf(isQuick, []);
    const programs = all.programs.map(({ name, size }) => `${name} ${size}`);
    expect(new Set(programs).size).toBe(programs.length);
    expect(new Set(all.programs.map(({ name }) => name))).toEqual(new Set(fleetBenchNames));
    const sizes = all.programs.map(({ size }) => size);
    for (const { ours, reference } of all.lines) {
      expect(
        sizes.includes(ours.n) || ours.bench.startsWith('variable') || ours.bench.startsWith('consensus'),
      ).toBe(true);
      expect(reference.n).toBe(ours.n);
    }
  },
);

import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import { Vitals } from '../../src/dashboard/vitals.ts';
import type { SystemEvent } from '../../src/index.ts';

const done = (latencyMs: number): SystemEvent => ({
  type: 'task.completed',
  sequence: 1,
  at: 1,
  agentId: 'ada',
  incarnation: 1,
  taskId: 't',
  task: 'add',
  waitedMs: latencyMs / 2,
  ranMs: latencyMs / 2,
});

it('percentiles are those of the latencies, to 5 percent', () => {
  const latency = fc.double({ min: 0.01, max: 100_000, noNaN: true });
  fc.assert(
    fc.property(fc.array(latency, { minLength: 1, maxLength: 300 }), (latencies) => {
      const vitals = new Vitals();
      for (const ms of latencies) vitals.note(done(ms));
      vitals.take(1);
      const sorted = latencies.toSorted((a, b) => a - b);
      const exact = (share: number) => sorted[Math.ceil(share * sorted.length) - 1]!;
      const { p50, p95, p99 } = vitals.after(0)[0]!.latencyMs!;
      for (const [got, wanted] of [
        [p50, exact(0.5)],
        [p95, exact(0.95)],
        [p99, exact(0.99)],
      ] as const) {
        expect(Math.abs(got - wanted)).toBeLessThanOrEqual(wanted * 0.05 + 0.05);
      }
    }),
  );
});

it('a second without tasks has no latency, and what was counted in one is not in the next', () => {
  const vitals = new Vitals();
  vitals.note(done(5));
  vitals.take(1_000);
  vitals.take(2_000);
  const [first, second] = vitals.after(0);
  expect(first!.tasksDone).toBeGreaterThan(0);
  expect(second).toMatchObject({ at: 2_000, tasksDone: 0, events: 0, latencyMs: null });
});

it('keeps the last 15 minutes, and gives those that a viewer has not seen', () => {
  const vitals = new Vitals();
  for (let at = 1; at <= 2_000; at++) vitals.take(at);
  expect(vitals.taken).toBe(2_000);
  expect(vitals.after(0)).toHaveLength(900);
  expect(vitals.after(1_998).map(({ at }) => at)).toEqual([1_999, 2_000]);
  expect(vitals.after(2_000)).toEqual([]);
});

it('shares of a second are of the time that has passed: half a processor is 0.5, and tasks are told a second', () => {
  let [now, user] = [0, 0];
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  vi.spyOn(process, 'cpuUsage').mockImplementation((since) =>
    since === undefined ? { user, system: 0 } : { user: user - since.user, system: 0 },
  );
  const vitals = new Vitals();
  now += 2_000;
  user += 1_000_000;
  for (let count = 0; count < 5; count++) vitals.note(done(5));
  vitals.take(2_000);
  expect(vitals.after(0)).toMatchObject([{ cpuShare: 0.5, tasksDone: 2.5 }]);
});

it('the share of a processor is what the program and the kernel for it took of the time', () => {
  const now = vi.spyOn(performance, 'now').mockReturnValue(1_000);
  const vitals = new Vitals();
  now.mockReturnValue(3_000);
  vi.spyOn(process, 'cpuUsage').mockReturnValue({ user: 500_000, system: 100_000 });
  vitals.take(1);
  expect(vitals.after(0)[0]!.cpuShare).toBe(0.3);
});

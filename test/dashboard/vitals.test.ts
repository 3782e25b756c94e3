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

/** Events that come one after the other, from a sequence on. */
function eventsFrom(first: number, ...events: readonly object[]): SystemEvent[] {
  return events.map((event, place) => ({ at: 1, sequence: first + place, ...event }) as SystemEvent);
}
const failed = { type: 'task.failed', waitedMs: 60, ranMs: 40 };
const crashed = { type: 'agent.crashed' };
const restarting = { type: 'agent.starting', life: { startedFrom: 'restart' } };

it('a second tells what happened in it, each kind by itself, and how the program was busy', () => {
  let now = 5_000;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  vi.spyOn(process.memoryUsage, 'rss').mockReturnValue(70);
  let loop = { idle: 100, active: 100, utilization: 0.5 };
  vi.spyOn(performance, 'eventLoopUtilization').mockImplementation((one, other) => {
    if (one === undefined) return loop;
    const active = one.active - other!.active;
    return { idle: 0, active, utilization: active / 200 };
  });
  const vitals = new Vitals();
  const second = (...events: readonly SystemEvent[]) => {
    for (const event of events) vitals.note(event);
    now += 1_000;
    loop = { idle: 0, active: loop.active + 25, utilization: 1 };
    vitals.take(now);
    return vitals.after(vitals.taken - 1)[0];
  };
  const started = { type: 'agent.started' };
  const asked = { type: 'agent.starting', life: { startedFrom: 'registered' } };
  expect(
    second(
      ...eventsFrom(11, { ...failed, type: 'task.completed', waitedMs: 0.5, ranMs: 0.5 }, failed),
      ...eventsFrom(13, { type: 'task.timed_out' }, { type: 'task.abandoned' }, { type: 'task.abandoned' }),
      ...eventsFrom(16, restarting, asked, restarting, started, started, started),
      ...eventsFrom(22, crashed, crashed, crashed, crashed, crashed),
    ),
  ).toEqual({
    at: 6_000,
    tasksDone: 1,
    tasksFailed: 4,
    latencyMs: { p50: expect.closeTo(1, 1), p95: expect.closeTo(100, -1), p99: expect.closeTo(100, -1) },
    started: 3,
    restarted: 2,
    crashed: 5,
    events: 16,
    rssBytes: 70,
    heapBytes: expect.any(Number),
    cpuShare: expect.any(Number),
    loopShare: 0.13,
  });
  expect(second(...eventsFrom(40, started))).toMatchObject({ tasksFailed: 0, started: 1, events: 14 });
  const none = { tasksDone: 0, started: 0, restarted: 0, crashed: 0, events: 0, latencyMs: null };
  expect(second()).toMatchObject({ ...none, loopShare: 0.13 });
});

const told = (latencyMs: number) => {
  const vitals = new Vitals();
  vitals.note(done(latencyMs));
  vitals.take(1);
  return vitals.after(0)[0]!.latencyMs!.p50;
};

it('a latency is told whatever it is: of less than a microsecond as one, of more than 19 hours as 19', () => {
  expect([0, 0.0001, 0.001].map(told)).toEqual([0.001, 0.001, 0.001]);
  for (const ms of [0.25, 0.5, 0.9]) expect(Math.abs(told(ms) / ms - 1)).toBeLessThan(0.04);
  expect(told(2 ** 35 / 1_000)).toBeGreaterThan(34_000_000);
  expect([1.5, 1_000, 1e12, 1e15].map(told)).toEqual([1.5, 982.6, 67_246_960.1, 67_246_960.1]);
});

it('each second is of itself alone: its latencies, its processor time, and a rate also where it is over at once', () => {
  let now = 1_000;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  let user = 0;
  vi.spyOn(process, 'cpuUsage').mockImplementation((since) => ({
    user: user - (since?.user ?? 0),
    system: 0,
  }));
  const vitals = new Vitals();
  const second = (ms: number, ...latencies: number[]) => {
    for (const latency of latencies) vitals.note(done(latency));
    now += ms;
    user += 250_000;
    vitals.take(now);
    return vitals.after(vitals.taken - 1)[0]!;
  };
  expect(second(1_000)).toMatchObject({ events: 0, latencyMs: null, cpuShare: 0.25 });
  expect(second(1_000, 5, 5, 5)).toMatchObject({ latencyMs: { p50: expect.closeTo(5, 0) }, cpuShare: 0.25 });
  expect(second(1_000, 100)).toMatchObject({ latencyMs: { p50: expect.closeTo(100, -1) }, cpuShare: 0.25 });
  expect(second(0, 5, 5)).toMatchObject({ tasksDone: 2_000 });
});

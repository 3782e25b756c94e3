/**
 * One measurement: what a number of operations took, as one line of JSON.
 *
 * Beside the time on the clock it has what drifts less with the machine: the CPU time of the thread that did the work
 * (on a machine that does nothing else, the clock would say about that), the CPU time of the whole program (V8's
 * compiler and collector threads too), and the bytes that were allocated. Fields with a name of the OTP reference's
 * mean the same as there.
 */
import { loadavg } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { GCProfiler, getHeapStatistics } from 'node:v8';

export interface Measurement {
  readonly bench: string;
  /** How often, or with how many agents, it was done. */
  readonly n: number;
  readonly ops_per_s: number;
  readonly p50_us: number | null;
  readonly p99_us: number | null;
  readonly wall_ms: number;
  /** Of the whole program. */
  readonly cpu_us_per_op: number;
  readonly thread_cpu_us_per_op: number;
  /** Bytes allocated, whether collected since or not. */
  readonly allocated_per_op: number;
  /** The longest that a timer of the program had to wait. */
  readonly loop_delay_max_ms: number;
  readonly [more: string]: number | string | null;
}

/** What a piece of work took. */
export interface Cost {
  readonly wallMs: number;
  readonly cpuUs: number;
  readonly threadCpuUs: number;
  readonly allocatedBytes: number;
  readonly loopDelayMaxMs: number;
}

/** What many operations took, and each of them: in µs, in ascending order. */
export interface Times {
  readonly cost: Cost;
  readonly tookUs: Float64Array;
}

const LOOP_TURNS_MS = 5;

export type Emit = (measurement: Measurement) => void;
type More = Readonly<Record<string, number | string>>;

/** Something that is done many times. */
export interface Series {
  readonly times: number;
  /** How many callers share the work, each with a part of its own; default 1. */
  readonly clients?: number;
  readonly operation: (index: number) => Promise<unknown>;
}

export async function costOf(work: () => unknown): Promise<Cost> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const collections = new GCProfiler();
  delay.enable();
  // Delays are counted from one turn of the loop to the next.
  await sleep(LOOP_TURNS_MS);
  collections.start();
  const heapBefore = heapBytes();
  const cpuBefore = process.cpuUsage();
  const threadBefore = process.threadCpuUsage();
  const startedAt = performance.now();
  await work();
  const wallMs = performance.now() - startedAt;
  const thread = process.threadCpuUsage(threadBefore);
  const program = process.cpuUsage(cpuBefore);
  const heldBytes = heapBytes() - heapBefore;
  const collectedBytes = bytesCollected(collections);
  await sleep(LOOP_TURNS_MS);
  delay.disable();
  return {
    wallMs,
    cpuUs: program.user + program.system,
    threadCpuUs: thread.user + thread.system,
    allocatedBytes: heldBytes + collectedBytes,
    loopDelayMaxMs: delay.max / 1e6,
  };
}

/** What pieces of work took together. */
function sumOf(costs: readonly Cost[]): Cost {
  const total = (of: (cost: Cost) => number) => costs.reduce((sum, cost) => sum + of(cost), 0);
  return {
    wallMs: total((cost) => cost.wallMs),
    cpuUs: total((cost) => cost.cpuUs),
    threadCpuUs: total((cost) => cost.threadCpuUs),
    allocatedBytes: total((cost) => cost.allocatedBytes),
    loopDelayMaxMs: Math.max(...costs.map((cost) => cost.loopDelayMaxMs)),
  };
}

/** What a series took. */
export async function timesOf(series: Series): Promise<Times> {
  const { times, clients = 1, operation } = series;
  const tookUs = new Float64Array(times);
  const share = Math.ceil(times / clients);
  const client = async (_: unknown, which: number): Promise<void> => {
    const end = Math.min(times, (which + 1) * share);
    for (let index = which * share; index < end; index++) {
      const startedAt = performance.now();
      await operation(index);
      tookUs[index] = (performance.now() - startedAt) * 1_000;
    }
  };
  const cost = await costOf(() => Promise.all(Array.from({ length: clients }, client)));
  return { cost, tookUs: tookUs.toSorted() };
}

/** What several series took together. */
export function together(series: readonly Times[]): Times {
  const tookUs = Float64Array.from(series.flatMap((times) => [...times.tookUs]));
  return { cost: sumOf(series.map(({ cost }) => cost)), tookUs: tookUs.toSorted() };
}

/**
 * @param n with how many it is listed; default how often it was done
 * @param perOperation how many of what is counted one operation does, as one change reaches many agents
 */
export async function measure(
  bench: string,
  { n, perOperation = 1, ...series }: Series & { readonly n?: number; readonly perOperation?: number },
  more: More = {},
): Promise<Measurement> {
  const { times, clients = 1 } = series;
  const { cost, tookUs } = await timesOf(series);
  return measurement(bench, {
    n: n ?? times,
    operations: times * perOperation,
    cost,
    tookUs,
    more: { clients, ...more },
  });
}

export interface Measured {
  readonly n: number;
  readonly operations: number;
  readonly cost: Cost;
  /** In ascending order. */
  readonly tookUs?: Float64Array;
  readonly more?: More;
}

export function measurement(bench: string, { n, operations, cost, tookUs, more }: Measured): Measurement {
  return {
    bench,
    n,
    ops_per_s: Math.round((operations * 1_000) / cost.wallMs),
    p50_us: tookUs ? rounded(quantile(tookUs, 0.5)) : null,
    p99_us: tookUs ? rounded(quantile(tookUs, 0.99)) : null,
    wall_ms: rounded(cost.wallMs),
    cpu_us_per_op: rounded(cost.cpuUs / operations),
    thread_cpu_us_per_op: rounded(cost.threadCpuUs / operations),
    allocated_per_op: Math.round(cost.allocatedBytes / operations),
    loop_delay_max_ms: rounded(cost.loopDelayMaxMs),
    ...more,
    load1: rounded(loadavg()[0]!),
    calib_ms: (calibratedMs ??= calibrate()),
  };
}

/** After a full collection: what is left is what is held. */
export async function settledMemory(): Promise<{ heapBytes: number; residentBytes: number }> {
  if (!globalThis.gc) throw new Error('run with --expose-gc: what is held is read after a collection');
  globalThis.gc();
  // V8 gives pages back on threads of its own.
  await sleep(200);
  globalThis.gc();
  return { heapBytes: heapBytes(), residentBytes: process.memoryUsage.rss() };
}

export function heapBytes(): number {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
}

export function median(values: readonly number[]): number {
  return quantile(Float64Array.from(values).toSorted(), 0.5);
}

function quantile(ascending: Float64Array, share: number): number {
  return ascending[Math.max(0, Math.ceil(ascending.length * share) - 1)] ?? Number.NaN;
}

function bytesCollected(collections: GCProfiler): number {
  let bytes = 0;
  for (const { beforeGC, afterGC } of collections.stop()?.statistics ?? []) {
    bytes += usedBytes(beforeGC.heapStatistics) - usedBytes(afterGC.heapStatistics);
  }
  return bytes;
}

function usedBytes({
  usedHeapSize,
  externalMemory,
}: {
  usedHeapSize: number;
  externalMemory: number;
}): number {
  return usedHeapSize + externalMemory;
}

let calibratedMs: number | undefined;

/** A fixed amount of pure computing: how much of the machine is to be had right now. */
function calibrate(): number {
  const startedAt = performance.now();
  let value = 0;
  for (let step = 30_000_000; step > 0; step--) value ^= step;
  if (value === 1) throw new Error('an xor of these cannot be 1');
  return rounded(performance.now() - startedAt);
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

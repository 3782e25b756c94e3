/**
 * A fleet's vital figures, second by second: rates, latencies, memory and processor time.
 *
 * I1  An event costs a few additions, a second one sample, with or without viewers.
 * I2  The last 15 minutes are kept, whatever happens in them.
 */
import { performance } from 'node:perf_hooks';
import type { SystemEvent, SystemEventType } from '../index.ts';
import type { Sample } from './protocol.ts';

/** The events that it takes in. */
export const VITAL_TYPES = [
  'task.completed',
  'task.failed',
  'task.timed_out',
  'task.abandoned',
  'agent.starting',
  'agent.started',
  'agent.crashed',
] as const satisfies readonly SystemEventType[];

const KEPT = 900;
/** Latencies are counted in steps of a sixteenth of an octave, from 1 µs: a percentile errs by 4 % at the most. */
const STEPS_PER_OCTAVE = 16;
const SMALLEST_MS = 0.001;
const BUCKETS = STEPS_PER_OCTAVE * 36;

export class Vitals {
  readonly #samples: Sample[] = [];
  readonly #latencies = new Uint32Array(BUCKETS);
  #answered = 0;
  #done = 0;
  #failed = 0;
  #started = 0;
  #restarted = 0;
  #crashed = 0;
  /** Sequence of the newest event that it has taken in, and of the newest one at the last sample. */
  #toldTo = 0;
  #sampledTo = 0;
  /** Samples taken so far. */
  #taken = 0;
  #takenAt = performance.now();
  #cpu = process.cpuUsage();
  #loop = performance.eventLoopUtilization();

  note(event: SystemEvent): void {
    this.#toldTo = event.sequence;
    if (this.#sampledTo === 0) this.#sampledTo = event.sequence - 1;
    switch (event.type) {
      case 'task.completed':
        this.#done += 1;
        this.#answeredIn(event.waitedMs + event.ranMs);
        break;
      case 'task.failed':
        this.#failed += 1;
        this.#answeredIn(event.waitedMs + event.ranMs);
        break;
      case 'task.timed_out':
      case 'task.abandoned':
        this.#failed += 1;
        break;
      case 'agent.starting':
        if (event.life.startedFrom === 'restart') this.#restarted += 1;
        break;
      case 'agent.started':
        this.#started += 1;
        break;
      case 'agent.crashed':
        this.#crashed += 1;
        break;
      default:
    }
  }

  /** Ends a second. @param at epoch ms */
  take(at: number): void {
    const now = performance.now();
    const elapsedMs = Math.max(1, now - this.#takenAt);
    const cpu = process.cpuUsage(this.#cpu);
    const loop = performance.eventLoopUtilization();
    const perSecond = (count: number) => Math.round((count * 10_000) / elapsedMs) / 10;
    this.#samples.push({
      at,
      tasksDone: perSecond(this.#done),
      tasksFailed: perSecond(this.#failed),
      latencyMs: this.#percentiles(),
      started: this.#started,
      restarted: this.#restarted,
      crashed: this.#crashed,
      events: perSecond(this.#toldTo - this.#sampledTo),
      rssBytes: process.memoryUsage.rss(),
      heapBytes: process.memoryUsage().heapUsed,
      cpuShare: Math.round((cpu.user + cpu.system) / elapsedMs / 10) / 100,
      loopShare: Math.round(performance.eventLoopUtilization(loop, this.#loop).utilization * 100) / 100,
    });
    if (this.#samples.length > KEPT) this.#samples.shift();
    this.#taken += 1;
    this.#takenAt = now;
    this.#cpu = process.cpuUsage();
    this.#loop = loop;
    this.#latencies.fill(0);
    this.#answered = this.#done = this.#failed = this.#started = this.#restarted = this.#crashed = 0;
    this.#sampledTo = this.#toldTo;
  }

  /** How many samples were ever taken: the position of a viewer that has them all. */
  get taken(): number {
    return this.#taken;
  }

  /** Samples beyond the first `taken` ones, as far as they are kept. */
  after(taken: number): readonly Sample[] {
    const missing = Math.min(this.#samples.length, Math.max(0, this.#taken - taken));
    return missing === 0 ? [] : this.#samples.slice(-missing);
  }

  #answeredIn(latencyMs: number): void {
    const step = Math.floor(Math.log2(Math.max(latencyMs, SMALLEST_MS) / SMALLEST_MS) * STEPS_PER_OCTAVE);
    const bucket = Math.min(BUCKETS - 1, step);
    this.#latencies[bucket] = this.#latencies[bucket]! + 1;
    this.#answered += 1;
  }

  #percentiles(): Sample['latencyMs'] {
    if (this.#answered === 0) return null;
    const at = (share: number): number => {
      let left = Math.ceil(share * this.#answered);
      return middleOf(this.#latencies.findIndex((count) => (left -= count) <= 0));
    };
    return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
  }
}

function middleOf(bucket: number): number {
  const ms = SMALLEST_MS * 2 ** ((bucket + 0.5) / STEPS_PER_OCTAVE);
  return ms < 1 ? Math.round(ms * 1_000) / 1_000 : Math.round(ms * 10) / 10;
}

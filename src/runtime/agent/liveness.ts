/**
 * One agent's liveness checks: they do not wait behind its tasks.
 *
 * I1  At the most one check is open at a time, and at the most two timers are armed.
 * I2  A check is not missed because this program was held up: answers that have arrived are read first.
 * I3  A late answer counts, if it is from the living incarnation.
 */
import type { HealthPolicy } from '../../machines/index.ts';
import type { SteadyClock } from '../time/clock.ts';
import type { BodyReport } from '../hosting/host.ts';

/** The newest report of an agent's health. */
export interface HealthReport {
  /** `unknown`: it runs, and no check has been answered yet. */
  readonly status: 'unknown' | 'healthy' | 'unresponsive' | 'not_running';
  /** Checks missed in a row. */
  readonly misses: number;
  /** Epoch ms of the last check that was answered or missed. */
  readonly checkedAt?: number;
  /** How long the last answer took, ms. */
  readonly latencyMs?: number;
  /** What the definition's `health` returned, or what it threw. */
  readonly detail?: unknown;
}

export interface LivenessOwner {
  readonly clock: SteadyClock;
  askHealth(checkId: number): void;
  healthPassed(): void;
  healthMissed(): void;
  /** The newest report has changed. */
  changed(): void;
}

/** When a timer fires later than this, in ms, the program was held up and has read no answers either. */
const LISTENING_LAG_MS = 20;

const UNKNOWN: HealthReport = Object.freeze({ status: 'unknown', misses: 0 });
/** The report of an agent that does not run. */
export const notRunning: HealthReport = Object.freeze({ status: 'not_running', misses: 0 });

export class Liveness {
  private readonly owner: LivenessOwner;
  private policy: HealthPolicy;
  private newestReport: HealthReport = notRunning;
  private isWatching = false;
  private checkId = 0;
  private askedAt: number | undefined = undefined;
  private next: unknown = undefined;
  private timeout: unknown = undefined;
  private waiting: ((report: HealthReport) => void)[] | undefined = undefined;

  constructor(owner: LivenessOwner, policy: HealthPolicy) {
    this.owner = owner;
    this.policy = policy;
  }

  get newest(): HealthReport {
    return this.newestReport;
  }

  /** Changes the policy: the next check is timed anew, an open one keeps its time. */
  follow(policy: HealthPolicy): void {
    const isSame = policy.intervalMs === this.policy.intervalMs;
    this.policy = policy;
    if (isSame || !this.isWatching || this.askedAt !== undefined) return;
    this.clearTimers();
    this.scheduleNext();
  }

  watch(): void {
    this.isWatching = true;
    this.show(UNKNOWN);
    this.scheduleNext();
  }

  unwatch(): void {
    this.isWatching = false;
    this.askedAt = undefined;
    this.clearTimers();
    this.show(notRunning);
    this.tellWaiting();
  }

  /** Makes a check now, or joins the open one. Resolves with its report. */
  check(): Promise<HealthReport> {
    if (!this.isWatching) return Promise.resolve(this.newestReport);
    const { promise, resolve } = Promise.withResolvers<HealthReport>();
    (this.waiting ??= []).push(resolve);
    if (this.askedAt === undefined) this.ask();
    return promise;
  }

  answered(report: Extract<BodyReport, { type: 'health.answered' | 'health.failed' }>): void {
    if (!this.isWatching) return;
    const isOpen = this.askedAt !== undefined && report.checkId === this.checkId;
    if (report.type === 'health.failed') {
      if (isOpen) this.miss(report.error);
      return;
    }
    const { clock } = this.owner;
    const elapsed = clock.elapsed();
    const latencyMs = isOpen ? elapsed - (this.askedAt ?? elapsed) : undefined;
    const { detail } = report;
    const healthy: HealthReport = {
      status: 'healthy',
      misses: 0,
      checkedAt: clock.now(),
      ...(latencyMs === undefined ? {} : { latencyMs }),
      ...(detail === undefined ? {} : { detail }),
    };
    this.show(Object.freeze(healthy));
    if (isOpen) this.close();
    this.owner.healthPassed();
  }

  private ask(): void {
    this.clearTimers();
    this.checkId += 1;
    this.askedAt = this.owner.clock.elapsed();
    this.owner.askHealth(this.checkId);
    if (this.askedAt === undefined || !this.isWatching) return;
    const { timeoutMs } = this.policy;
    this.timeout = this.owner.clock.setTimeout(() => this.overdue(timeoutMs), timeoutMs);
  }

  private overdue(timeoutMs: number): void {
    const miss = () => this.miss({ name: 'Timeout', message: `no answer within ${timeoutMs} ms` });
    const lateMs = this.owner.clock.elapsed() - (this.askedAt ?? 0) - timeoutMs;
    if (lateMs <= LISTENING_LAG_MS) return miss();
    this.timeout = this.owner.clock.setTimeout(miss, 0);
  }

  private miss(detail: unknown): void {
    const missed: HealthReport = {
      status: 'unresponsive',
      misses: this.newestReport.misses + 1,
      checkedAt: this.owner.clock.now(),
      detail,
    };
    this.show(Object.freeze(missed));
    this.close();
    this.owner.healthMissed();
  }

  private show(newest: HealthReport): void {
    this.newestReport = newest;
    this.owner.changed();
  }

  private close(): void {
    this.askedAt = undefined;
    this.clearTimers();
    this.tellWaiting();
    this.scheduleNext();
  }

  private scheduleNext(): void {
    if (!this.isWatching || this.policy.intervalMs === Infinity) return;
    // Every agent holds this one: bound, it is one object, where a closure is two.
    this.next = this.owner.clock.setTimeout(this.ask.bind(this), this.policy.intervalMs);
  }

  private clearTimers(): void {
    const { next, timeout } = this;
    if (next !== undefined) this.owner.clock.clearTimeout(next);
    if (timeout !== undefined) this.owner.clock.clearTimeout(timeout);
    this.next = undefined;
    this.timeout = undefined;
  }

  private tellWaiting(): void {
    const waiting = this.waiting;
    if (waiting === undefined) return;
    this.waiting = undefined;
    for (const resolve of waiting) resolve(this.newestReport);
  }
}

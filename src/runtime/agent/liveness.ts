/**
 * One agent's health checks: a lane of their own beside its tasks.
 *
 * I1  At the most one check is open at a time, and at the most two timers are armed.
 * I2  No answer is no miss while this very program did not listen: what has come meanwhile is heard first.
 * I3  An answer counts whenever it comes, as long as it is of the living incarnation: it proves breath.
 */
import type { HealthPolicy } from '../../machines/index.ts';
import type { Clock } from '../time/clock.ts';
import type { BodyReport } from '../hosting/host.ts';

/** The newest that is known of an agent's health. */
export interface HealthReport {
  /** `unknown`: it runs, and no check has been answered yet. */
  readonly status: 'unknown' | 'healthy' | 'unresponsive' | 'not_running';
  /** Checks missed in a row. */
  readonly misses: number;
  /** Epoch ms of the last check that was answered or missed. */
  readonly checkedAt?: number;
  readonly latencyMs?: number;
  /** What the definition's `health` returned, or what it threw. */
  readonly detail?: unknown;
}

export interface HealthLaneOwner {
  readonly clock: Clock;
  askHealth(checkId: number): void;
  healthPassed(): void;
  healthMissed(): void;
}

/** A timer later than this says that the program itself was held up, and has not listened either; ms. */
const LISTENING_LAG_MS = 20;

const UNKNOWN: HealthReport = { status: 'unknown', misses: 0 };
const NOT_RUNNING: HealthReport = { status: 'not_running', misses: 0 };

export class HealthLane {
  readonly #owner: HealthLaneOwner;
  readonly #policy: HealthPolicy;
  #newest: HealthReport = NOT_RUNNING;
  #isWatching = false;
  #checkId = 0;
  #askedAt: number | undefined;
  #next: unknown;
  #timeout: unknown;
  #waiting: ((report: HealthReport) => void)[] = [];

  constructor(owner: HealthLaneOwner, policy: HealthPolicy) {
    this.#owner = owner;
    this.#policy = policy;
  }

  get newest(): HealthReport {
    return this.#newest;
  }

  watch(): void {
    this.#isWatching = true;
    this.#newest = UNKNOWN;
    this.#scheduleNext();
  }

  unwatch(): void {
    this.#isWatching = false;
    this.#askedAt = undefined;
    this.#clearTimers();
    this.#newest = NOT_RUNNING;
    this.#tellWaiting();
  }

  /** One check now, or the one that is open; resolves with what came of it. */
  check(): Promise<HealthReport> {
    if (!this.#isWatching) return Promise.resolve(this.#newest);
    const { promise, resolve } = Promise.withResolvers<HealthReport>();
    this.#waiting.push(resolve);
    if (this.#askedAt === undefined) this.#ask();
    return promise;
  }

  answered(report: Extract<BodyReport, { type: 'health.answered' | 'health.failed' }>): void {
    if (!this.#isWatching) return;
    const isOpen = this.#askedAt !== undefined && report.checkId === this.#checkId;
    if (report.type === 'health.failed') {
      if (isOpen) this.#miss(report.error);
      return;
    }
    const now = this.#owner.clock.now();
    const latencyMs = isOpen ? now - (this.#askedAt ?? now) : undefined;
    const { detail } = report;
    this.#newest = {
      status: 'healthy',
      misses: 0,
      checkedAt: now,
      ...(latencyMs === undefined ? {} : { latencyMs }),
      ...(detail === undefined ? {} : { detail }),
    };
    if (isOpen) this.#close();
    this.#owner.healthPassed();
  }

  #ask(): void {
    this.#clearTimers();
    this.#checkId += 1;
    this.#askedAt = this.#owner.clock.now();
    this.#owner.askHealth(this.#checkId);
    if (this.#askedAt === undefined || !this.#isWatching) return;
    this.#timeout = this.#owner.clock.setTimeout(() => this.#overdue(), this.#policy.timeoutMs);
  }

  #overdue(): void {
    const { timeoutMs } = this.#policy;
    const miss = () => this.#miss({ name: 'Timeout', message: `no answer within ${timeoutMs} ms` });
    const lateMs = this.#owner.clock.now() - (this.#askedAt ?? 0) - timeoutMs;
    if (lateMs <= LISTENING_LAG_MS) return miss();
    this.#timeout = this.#owner.clock.setTimeout(miss, 0);
  }

  #miss(detail: unknown): void {
    this.#newest = {
      status: 'unresponsive',
      misses: this.#newest.misses + 1,
      checkedAt: this.#owner.clock.now(),
      detail,
    };
    this.#close();
    this.#owner.healthMissed();
  }

  #close(): void {
    this.#askedAt = undefined;
    this.#clearTimers();
    this.#tellWaiting();
    this.#scheduleNext();
  }

  #scheduleNext(): void {
    if (!this.#isWatching || this.#policy.intervalMs === Infinity) return;
    this.#next = this.#owner.clock.setTimeout(() => this.#ask(), this.#policy.intervalMs);
  }

  #clearTimers(): void {
    this.#owner.clock.clearTimeout(this.#next);
    this.#owner.clock.clearTimeout(this.#timeout);
    this.#next = undefined;
    this.#timeout = undefined;
  }

  #tellWaiting(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    for (const resolve of waiting) resolve(this.#newest);
  }
}

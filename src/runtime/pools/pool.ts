/**
 * One pool at work: its chart, and the promises of those who wait for its size or its end.
 *
 * The chart decides how many members there are to be, and the autoscaler's chart when another number would be better.
 * members.ts has the members, dispatcher.ts the tasks.
 *
 * I1  The members in each place are as many as the chart counts there, whenever no act is going on.
 * I2  Callers that wait for a size, a start or an end are answered once, at the latest when the system has closed.
 */
import type { Logger } from 'pino';
import {
  FINISH_SHARE,
  type ParsedAgentSpec,
  type ParsedPoolSpec,
  type PoolAlert,
  type PoolEffect,
  type PoolEvent,
  type PoolLoad,
  poolMachine,
} from '../../machines/index.ts';
import type { Admission } from '../limits/admission.ts';
import type { Agent } from '../agent/agent.ts';
import type { CalledPool } from '../fleet/agent-calls.ts';
import type { Agents } from '../fleet/agents.ts';
import type { Alerts } from '../observability/alerts.ts';
import type { ChartWatch } from '../engine/chart-watch.ts';
import { type Chart, type ChartEffect, createChart } from '../engine/chart.ts';
import { RunQueue } from '../engine/run-queue.ts';
import type { SteadyClock } from '../time/clock.ts';
import type { AgentManifest } from '../definition/manifest.ts';
import { saidBy } from '../values/act.ts';
import { AgentSystemError } from '../values/errors.ts';
import type { Journal } from '../journal/journal.ts';
import type { NewIds } from '../journal/new-ids.ts';
import type { GivenTask, TaskCancel } from '../agent/task-request.ts';
import { Autoscaling, type ScalingRecord } from './autoscaling.ts';
import type { PoolCloseReport } from './close-report.ts';
import { Dispatcher } from './dispatcher.ts';
import { machineSignal } from './machine-signal.ts';
import { Members } from './members.ts';
import { type PoolStatus, poolStatusAt, poolTrouble } from './pool-status.ts';
import type { ScalingSignalSource } from './scaling-signal.ts';
import type { PoolTask } from './waiting-queue.ts';

/** All that is known of a pool at one moment. Times are epoch ms. */
export interface PoolRecord {
  /** Its name. */
  readonly name: string;
  /** Of its members. */
  readonly type: string;
  /** `backing_off`: a start has failed, the next one waits. `degraded`: so often that it is tried only now and then. */
  readonly status: PoolStatus;
  /** Fewest members. */
  readonly min: number;
  /** Most members. */
  readonly max: number;
  /** The size it is to have. */
  readonly wanted: number;
  /** Members that run; `idle` of them have nothing to do. */
  readonly live: number;
  /** Members that run and have nothing to do. */
  readonly idle: number;
  /** Members whose first start is under way. */
  readonly starting: number;
  /** Members that crashed and come back by their own restart policy, or an operator. */
  readonly down: number;
  /** Members on their way out: they finish what they have begun, or are ending. */
  readonly draining: number;
  /** Tasks that wait for a member to be free. */
  readonly waiting: number;
  /** Ids of all members, those on their way out included. */
  readonly members: readonly string[];
  /** When starts that failed are tried again. */
  readonly retryAt?: number;
  /** What the last start that failed, or member that was lost, ended with. */
  readonly lastFailure?: string;
  /** How it sizes itself: policy, last measurement and decision. Left out without `scale`. */
  readonly scaling?: ScalingRecord;
}

/** What all pools of a system share. */
export interface PoolServices {
  readonly agents: Agents;
  readonly admission: Admission;
  readonly journal: Journal;
  readonly taskIds: NewIds;
  readonly alerts: Alerts;
  readonly clock: SteadyClock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly watch: ChartWatch;
  /** Whether tasks that have to end may go on in another program. */
  readonly leavesTasks: () => boolean;
}

export interface PoolOptions {
  readonly spec: ParsedPoolSpec;
  readonly member: ParsedAgentSpec;
  readonly manifest: AgentManifest;
  /** Agents of an earlier program that are members of this pool, in the order of their registration. */
  readonly found: readonly Agent[];
  /** No member is left, or is waited for. */
  readonly closed: (pool: Pool) => void;
  /** Who asked for it. */
  readonly by?: string | undefined;
}

type Announcement = Extract<PoolEffect, { type: `announce${string}` }>;

export class Pool implements CalledPool {
  readonly name: string;
  readonly #services: PoolServices;
  readonly #options: PoolOptions;
  /** Its charts take their steps in acts of this queue. */
  readonly #queue: RunQueue;
  readonly #chart: Chart<typeof poolMachine>;
  readonly #dispatcher: Dispatcher;
  readonly #members: Members;
  readonly #autoscaling: Autoscaling | undefined;
  readonly #opened = Promise.withResolvers<void>();
  /** Callers that wait for the size they asked for. */
  readonly #resizing: PromiseWithResolvers<PoolRecord>[] = [];
  #isRefused = false;
  #closing: PromiseWithResolvers<PoolCloseReport> | undefined;
  #closeAt: number | undefined;
  #isHalted = false;
  /** The members are not the pool's any more. */
  #isReleased = false;

  constructor(options: PoolOptions, services: PoolServices) {
    const { spec, member, manifest, found } = options;
    const { min, max, target, scale } = spec;
    const { agents, admission, clock, random, logger, alerts, watch } = services;
    this.name = spec.name;
    this.#queue = new RunQueue((err) => logger.error({ err, pool: spec.name }, 'a pool failed'));
    this.#options = options;
    this.#services = services;
    this.#dispatcher = new Dispatcher({
      pool: spec.name,
      queueLimit: spec.queueLimit,
      retryAbandoned: spec.retryAbandoned,
      manifest,
      agents,
      clock,
      journal: services.journal,
      newTaskId: () => services.taskIds.next(),
      leavesTasks: services.leavesTasks,
      isMetered: scale !== undefined,
      demandRose: () => this.#tellDemand(),
    });
    this.#members = new Members({
      pool: spec.name,
      spec: member,
      manifest,
      dispatcher: this.#dispatcher,
      agents,
      admission,
      clock,
      random,
      queue: this.#queue,
      send: (event) => this.#send(event),
    });
    const present = this.#members.adopt(found);
    const wanted = target ?? Math.min(max, Math.max(min, present));
    const onBug = (err: unknown) => logger.error({ err, pool: this.name }, 'a bug in a chart of a pool');
    const chart = { ...watch, clock: this.#queue.clockOf(clock), onBug };
    this.#chart = createChart(
      poolMachine,
      {
        id: `pool ${this.name}`,
        min,
        max,
        wanted,
        restart: { ...spec.restart, policy: 'delayed' },
        closeMs: member.shutdownMs,
        maxConcurrentStarts: spec.maxConcurrentStarts,
        found: found.length > 0 ? this.#members.counts() : undefined,
      },
      { ...chart, perform: (effect: ChartEffect) => this.#perform(effect as PoolEffect) },
      watch.driver,
    );
    if (found.length > 0) {
      this.#tellScaled(0, wanted, 'found again', options.by);
      this.#opened.resolve();
    }
    if (scale === undefined) return;
    const { signal, ...policy } = scale;
    const named = typeof signal === 'object' ? signal : undefined;
    const own = (named?.measure ?? signal) as ScalingSignalSource | undefined;
    this.#autoscaling = new Autoscaling({
      pool: this.name,
      policy,
      bounds: { min, max },
      signal: own ?? (() => machineSignal()),
      signalName: named?.name,
      clock,
      alerts,
      queue: this.#queue,
      chart,
      takeLoad: () => this.#takeLoad(),
      resize: (to, why) => {
        this.#tell({ type: 'pool.scale', wanted: to, why });
        // A task may have come to wait since the load was taken.
        this.#queue.run(() => this.#tellDemand());
      },
    });
  }

  /** Resolves when its first members run. @throws AgentSystemError what the first start that failed, failed with */
  opened(): Promise<void> {
    return this.#opened.promise;
  }

  get manifest(): AgentManifest {
    return this.#options.manifest;
  }

  get isClosing(): boolean {
    return this.#closing !== undefined || this.#isHalted || this.#isReleased;
  }

  /** Its members that have an agent, those on their way out included. */
  get members(): Iterable<Agent> {
    return this.#members.agents();
  }

  /** Whether members may be added, or come back: while its size changes, it is unknown which one will be free. */
  get mayGrow(): boolean {
    const { wanted, max, starting, down, draining, leaving } = this.#chart.context;
    const isChanging = this.#status !== 'steady' || starting + down + draining + leaving > 0;
    return isChanging || (this.#autoscaling !== undefined && wanted < max);
  }

  record(): PoolRecord {
    const { min, max, wanted, live, starting, down, draining, leaving, retryAt } = this.#chart.context;
    const { lastFailure } = this.#members;
    return {
      name: this.name,
      type: this.manifest.type,
      status: this.#status,
      min,
      max,
      wanted,
      live,
      idle: this.#dispatcher.idle,
      starting,
      down,
      draining: draining + leaving,
      waiting: this.#dispatcher.waiting,
      members: this.#members.ids(),
      ...(retryAt === undefined ? {} : { retryAt }),
      ...(lastFailure === undefined ? {} : { lastFailure }),
      ...(this.#autoscaling ? { scaling: this.#autoscaling.record() } : {}),
    };
  }

  /**
   * Resolves with how the pool is at the moment when it has that size, or another that was asked for since.
   *
   * @throws AgentSystemError why it has not
   */
  resize(wanted: number, by?: string): Promise<PoolRecord> {
    const from = this.#wanted;
    const waiter = Promise.withResolvers<PoolRecord>();
    this.#resizing.push(waiter);
    this.#isRefused = false;
    this.#members.forgetFailure();
    if (from !== wanted) this.#autoscaling?.sizeSet(from, wanted);
    this.#tell({ type: 'pool.resize', wanted, why: 'ensureSize', ...saidBy(by) });
    return waiter.promise;
  }

  /** Goes on with a task of an earlier program. */
  restore(task: PoolTask): void {
    this.#dispatcher.restore(task);
  }

  /** Cancels a task that waits; whether there was one. */
  cancel(taskId: string, cancel: TaskCancel): boolean {
    return this.#dispatcher.cancel(taskId, cancel);
  }

  /** A task that was checked. @throws AgentSystemError as `Pools.execute` */
  execute(request: GivenTask): Promise<unknown> {
    return this.#dispatcher.execute(request);
  }

  /** Ends all members within `timeoutMs`, tasks that wait first; a second call waits for the first. */
  close(timeoutMs = this.#options.member.shutdownMs, by?: string): Promise<PoolCloseReport> {
    if (this.#closing === undefined) {
      this.#closing = Promise.withResolvers();
      this.#closeAt = this.#services.clock.elapsed() + timeoutMs;
      this.#autoscaling?.close();
      this.#tellScaled(this.#wanted, 0, 'closed', by);
      this.#tell({ type: 'pool.close', finishMs: timeoutMs * FINISH_SHARE, closeMs: timeoutMs });
    }
    return this.#closing.promise;
  }

  /** The system closes: no new member, and what waits has `finishMs` to be done. Its members are the system's then. */
  halt(finishMs: number): void {
    this.#isHalted = true;
    this.#autoscaling?.close();
    this.#tell({ type: 'pool.halt', finishMs });
  }

  /** The system has closed: callers that still wait are answered. */
  discard(why: AgentSystemError): void {
    this.#release();
    this.#chart.stop();
    this.#dispatcher.close();
    this.#answerAll(why);
  }

  #perform(effect: PoolEffect): void {
    const members = this.#members;
    const dispatcher = this.#dispatcher;
    switch (effect.type) {
      case 'startMembers':
        return members.start(effect.params.count);
      case 'drainMembers': {
        const { down, starting, live } = effect.params.departure;
        members.dismiss('down', down);
        members.dismiss('starting', starting);
        return members.drain(live);
      }
      case 'returnMembers':
        return members.keep(effect.params.count);
      case 'finishQueue':
        return dispatcher.finish(() => this.#tell({ type: 'queue.finished' }));
      case 'abandonQueue':
        return dispatcher.close();
      case 'stopMembers':
        return members.end(this.#closeAt ?? this.#services.clock.elapsed() + this.#options.member.shutdownMs);
      case 'killMembers':
        members.end(this.#services.clock.elapsed());
        return members.kill();
      case 'raiseAlert':
        return this.#raiseAlert(effect.params.alert, effect.params.why);
      case 'clearAlerts':
        return this.#clearAlerts();
      default:
        return this.#announce(effect);
    }
  }

  #announce(effect: Announcement): void {
    switch (effect.type) {
      case 'announceOpened':
        this.#tellScaled(0, this.#options.spec.target ?? this.#options.spec.min, 'created', this.#options.by);
        return this.#opened.resolve();
      case 'announceScaled':
        this.#tellScaled(effect.params.from, effect.params.to, effect.params.why, effect.params.by);
        return this.#tellDemand();
      case 'announceRefused':
        this.#isRefused = true;
        return this.#tellScaled(effect.params.from, effect.params.to, effect.params.why);
      case 'announceSettled':
        return this.#hasSettled();
      case 'announceClosed':
        return this.#hasClosed();
    }
  }

  #raiseAlert(alert: PoolAlert, why: string): void {
    const { name: pool } = this;
    const message = poolTrouble(pool, alert, why);
    this.#services.alerts.raise(alert, message, { pool });
    if (alert !== 'pool_degraded') return;
    const cause = this.#members.failure;
    this.#refuseResizing(new AgentSystemError('AGENT_START_FAILED', message, { cause }));
  }

  #clearAlerts(): void {
    const { name: pool } = this;
    this.#services.alerts.clear('pool_degraded', { pool });
    this.#services.alerts.clear('pool_starved', { pool });
  }

  /** An event for the chart: in the act that is going on, or in the next one. */
  #tell(event: PoolEvent): void {
    this.#queue.run(() => this.#send(event));
  }

  #send(event: PoolEvent): void {
    if (!this.#isReleased) this.#chart.send(event);
  }

  #hasSettled(): void {
    const members = this.#members;
    this.#autoscaling?.settled();
    const failure = this.#isRefused ? members.failure : undefined;
    if (failure) this.#refuseResizing(failure);
    else for (const { resolve } of this.#resizing.splice(0)) resolve(this.record());
    this.#isRefused = false;
    members.forgetResting();
  }

  #hasClosed(): void {
    this.#release();
    const closed = new AgentSystemError('POOL_UNKNOWN', `pool ${this.name} is closed`);
    // One that could not open closes by itself.
    const why = (this.#closing === undefined ? this.#members.failure : undefined) ?? closed;
    if (!this.#isHalted) this.#answerAll(why);
    this.#options.closed(this);
  }

  #release(): void {
    this.#isReleased = true;
    this.#autoscaling?.close();
    this.#members.release();
  }

  #answerAll(why: AgentSystemError): void {
    this.#closing?.resolve(this.#members.report.finish(this.#dispatcher.abandoned));
    this.#refuseResizing(why);
    this.#opened.reject(why);
  }

  #refuseResizing(why: AgentSystemError): void {
    for (const { reject } of this.#resizing.splice(0)) reject(why);
  }

  #tellScaled(from: number, to: number, why: string, by?: string): void {
    if (from === to) return;
    const { journal } = this.#services;
    journal.emit({
      type: 'pool.scaled',
      pool: this.name,
      from,
      to,
      why,
      ...saidBy(by),
    });
  }

  #tellDemand(): void {
    if (this.#wanted === 0 && this.#dispatcher.waiting > 0) this.#autoscaling?.demandRose();
  }

  get #wanted(): number {
    return this.#chart.context.wanted;
  }

  get #status(): PoolStatus {
    return poolStatusAt(this.#chart.path);
  }

  #takeLoad(): PoolLoad {
    const { agentsLeft, memoryBytesLeft } = this.#services.admission.usage();
    const { maxMemoryBytes, group } = this.#options.member.resources;
    const isFree = maxMemoryBytes === undefined || group !== undefined;
    const admissible = Math.min(agentsLeft, isFree ? Infinity : memoryBytesLeft / maxMemoryBytes);
    const status = this.#status;
    return {
      size: this.#wanted,
      waiting: this.#dispatcher.waiting,
      busyShare: this.#dispatcher.takeBusyShare(),
      admissible: Math.max(0, Math.floor(admissible)),
      isSettled: status === 'steady' || status === 'shrinking',
    };
  }
}

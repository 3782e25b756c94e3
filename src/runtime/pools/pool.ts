/**
 * One pool at work: its chart, its members, and the tasks that wait for one of them.
 *
 * Owns which member is idle or busy, and whose turn it is. How many members there are to be is the chart's to say;
 * what a member's life means is read from its agent whenever that tells that something may have changed.
 *
 * I1  Every accepted task is answered once. One that a member has begun is never given to another, but by
 *     `retryAbandoned`.
 * I2  A member that runs is told to stop only when nothing waits or runs in it, but by a close.
 * I3  The members in each place are as many as the chart counts there, whenever no event is being handled.
 * I4  Handing out a task takes the same time whatever the size of the pool and of the line.
 */
import type { Logger } from 'pino';
import {
  describeExit,
  type ParsedAgentSpec,
  type ParsedPoolSpec,
  type PoolCounts,
  type PoolEffect,
  poolMachine,
  type PoolEvent,
  type PoolLoad,
} from '../../machines/index.ts';
import type { Admission } from '../admission.ts';
import type { Agent } from '../agent.ts';
import type { Agents } from '../agents.ts';
import type { Alerts } from '../alerts.ts';
import { type Chart, type ChartOptions, createChart } from '../chart.ts';
import type { Clock } from '../clock.ts';
import type { AgentManifest } from '../define-agent.ts';
import { endedInOrder } from '../ended-in-order.ts';
import { AgentSystemError, errorInfoOf } from '../errors.ts';
import type { Journal } from '../journal.ts';
import type { TaskRequest } from '../mailbox.ts';
import { Autoscaling, type ScalingRecord, type ScalingSignalSource } from './autoscaling.ts';
import { BusyMeter } from './busy-meter.ts';
import { machineSignal } from './machine-signal.ts';
import {
  canStartAgain,
  type Member,
  type MemberPlace,
  newMember,
  type Standing,
  standingOf,
} from './member.ts';
import { Roster } from './roster.ts';
import { type PoolTask, WaitingLine } from './waiting-line.ts';

/** `backing_off`: a start has failed, the next one waits. `degraded`: so often that it is tried only now and then. */
export type PoolStatus = 'steady' | 'growing' | 'shrinking' | 'backing_off' | 'degraded' | 'closing';

/** All that is known of a pool at one moment. Times are epoch ms. */
export interface PoolRecord {
  readonly name: string;
  /** Of its members. */
  readonly type: string;
  readonly status: PoolStatus;
  readonly min: number;
  readonly max: number;
  /** The size it is to have. */
  readonly wanted: number;
  /** Members that run; `idle` of them have nothing to do. */
  readonly live: number;
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
  readonly scaling?: ScalingRecord;
}

/** How a pool's members ended. */
export interface PoolCloseReport {
  /** Ids of the members that ended in order. */
  readonly stopped: readonly string[];
  /** Ids of those that did not: killed at the deadline, crashed on the way, with work left undone, or not ended. */
  readonly abandoned: readonly string[];
  /** Tasks that waited for a member and were given up. */
  readonly tasksAbandoned: number;
}

/** What all pools of a system share. */
export interface PoolServices {
  readonly agents: Agents;
  readonly admission: Admission;
  readonly journal: Journal;
  readonly alerts: Alerts;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly chartOptions: Omit<ChartOptions, 'onBug'>;
}

export interface PoolOptions {
  readonly spec: ParsedPoolSpec;
  readonly member: ParsedAgentSpec;
  readonly manifest: AgentManifest;
  /** Agents of an earlier program that are members of this pool, in the order of their registration. */
  readonly found: readonly Agent[];
  /** No member is left, or is waited for. */
  readonly closed: (pool: Pool) => void;
}

type Params<Type extends PoolEffect['type']> = Omit<Extract<PoolEffect, { type: Type }>, 'type'>;
type PoolChart = Chart<typeof poolMachine>;

/** Part of a close for the tasks that wait, before members are told to end. */
const FINISH_SHARE = 0.8;
const PLACES: readonly MemberPlace[] = ['live', 'starting', 'down', 'draining', 'leaving'];

/** Where a member of an earlier program goes on, by how its agent stands. */
const PLACE_OF: Readonly<Record<Standing, MemberPlace>> = {
  serving: 'live',
  starting: 'down',
  returning: 'down',
  ending: 'leaving',
  ended: 'leaving',
  forgotten: 'leaving',
};
/** The same for one whose type is no longer the pool's: it finishes what it has, and goes. */
const PLACE_OF_STRANGER: typeof PLACE_OF = {
  ...PLACE_OF,
  serving: 'draining',
  starting: 'draining',
  returning: 'leaving',
};

const MESSAGES = {
  pool_degraded: 'fails too often, and tries one member now and then',
  pool_starved: 'has no room for a member that it should have',
} as const;

export class Pool {
  readonly name: string;
  readonly #services: PoolServices;
  readonly #options: PoolOptions;
  readonly #chart: PoolChart;
  readonly #line: WaitingLine;
  readonly #roster = new Roster();
  readonly #places: Readonly<Record<MemberPlace, Set<Member>>> = {
    live: new Set(),
    starting: new Set(),
    down: new Set(),
    draining: new Set(),
    leaving: new Set(),
  };
  readonly #autoscaling: Autoscaling | undefined;
  readonly #meter: BusyMeter | undefined;
  /** Tasks of members that run, and how many they may have at once. */
  #busy = 0;
  #capacity = 0;
  /** Number of the next member. */
  #next = 1;
  readonly #opened = Promise.withResolvers<void>();
  /** Who waits for the size that he asked for. */
  #resizing: PromiseWithResolvers<void>[] = [];
  #isRefused = false;
  /** What the first start that failed since the last resize failed with. */
  #failure: AgentSystemError | undefined;
  #lastFailure: string | undefined;
  /** Whether the chart waits for the line to be empty. */
  #isFinishing = false;
  #isLineClosed = false;
  #isHalted = false;
  /** The members are not the pool's any more. */
  #isReleased = false;
  /** When the close that is under way is over, epoch ms. */
  #closeAt: number | undefined;
  #closing: PromiseWithResolvers<PoolCloseReport> | undefined;
  /** Members that a close has to end, and whether each had a body then. */
  readonly #ending = new Map<Member, boolean>();
  readonly #stopped: string[] = [];
  readonly #abandoned: string[] = [];
  #tasksAbandoned = 0;

  constructor(options: PoolOptions, services: PoolServices) {
    const { spec, member, found } = options;
    const { clock, logger, alerts, chartOptions } = services;
    this.name = spec.name;
    this.#options = options;
    this.#services = services;
    this.#line = new WaitingLine({
      clock,
      timedOut: (task) => this.#timedOut(task),
      cancelled: (task) => this.#cancelled(task),
    });
    const wanted = this.#adopt(found);
    const onBug = (err: unknown) => logger.error({ err, pool: this.name }, 'a bug in a chart of a pool');
    this.#chart = createChart(
      this.#logic(),
      {
        min: spec.min,
        max: spec.max,
        wanted,
        restart: { ...spec.restart, policy: 'delayed' },
        closeMs: member.shutdownMs,
        found: this.counts(),
      },
      { ...chartOptions, onBug },
    );
    if (found.length > 0) {
      this.#announce(0, wanted, 'found again');
      this.#opened.resolve();
    }
    const { scale } = spec;
    if (scale === undefined) return;
    const { signal, ...policy } = scale;
    this.#meter = new BusyMeter(clock.now());
    this.#autoscaling = new Autoscaling({
      pool: this.name,
      policy,
      bounds: { min: spec.min, max: spec.max },
      signal: (signal as ScalingSignalSource | undefined) ?? (() => machineSignal()),
      clock,
      alerts,
      chart: { ...chartOptions, onBug },
      takeLoad: () => this.#takeLoad(),
      resize: (to, why) => this.#send({ type: 'pool.scale', wanted: to, why }),
    });
    this.#tellMeter();
  }

  /** Resolves when its first members run. @throws AgentSystemError what the first start that failed, failed with */
  opened(): Promise<void> {
    return this.#opened.promise;
  }

  record(): PoolRecord {
    const { context } = this.#chart.snapshot();
    const { min, max, wanted, live, starting, down, draining, leaving, retryAt } = context;
    return {
      name: this.name,
      type: this.#options.manifest.type,
      status: this.#status(),
      min,
      max,
      wanted,
      live,
      idle: this.#roster.idle,
      starting,
      down,
      draining: draining + leaving,
      waiting: this.#line.size,
      members: PLACES.flatMap((place) => [...this.#places[place]].map(({ id }) => id)),
      ...(retryAt === undefined ? {} : { retryAt }),
      ...(this.#lastFailure === undefined ? {} : { lastFailure: this.#lastFailure }),
      ...(this.#autoscaling ? { scaling: this.#autoscaling.record() } : {}),
    };
  }

  get manifest(): AgentManifest {
    return this.#options.manifest;
  }

  /** Members by place, as they are kept here. */
  counts(): PoolCounts {
    const { live, starting, down, draining, leaving } = this.#places;
    return {
      live: live.size,
      starting: starting.size,
      down: down.size,
      draining: draining.size,
      leaving: leaving.size,
    };
  }

  get isClosing(): boolean {
    return this.#closing !== undefined || this.#isHalted || this.#isReleased;
  }

  /** Resolves when the pool has that size, or another that was asked for since. @throws AgentSystemError why it has not */
  resize(wanted: number): Promise<void> {
    const { wanted: from } = this.#chart.snapshot().context;
    const waiter = Promise.withResolvers<void>();
    this.#resizing.push(waiter);
    this.#isRefused = false;
    this.#failure = undefined;
    if (from !== wanted) this.#autoscaling?.sizeSet(from, wanted);
    this.#send({ type: 'pool.resize', wanted, why: 'ensureSize' });
    return waiter.promise;
  }

  /** Has the next free member do a task that was checked. @throws AgentSystemError as `Pools.execute` */
  execute(request: TaskRequest): Promise<unknown> {
    const { name } = this;
    if (request.signal?.aborted) {
      return Promise.reject(this.#abandonment(request, 'cancelled before it began'));
    }
    const retriesLeft = this.#retriesOf(request);
    const member = this.#line.size === 0 ? this.#free() : undefined;
    // The ordinary case: nobody waits, and nothing is to be repeated.
    if (member !== undefined && retriesLeft === 0) return this.#run(member, request);
    const { queueLimit } = this.#options.spec;
    if (member === undefined && this.#line.size >= queueLimit) {
      const message = `pool ${name} has ${this.#line.size} tasks waiting, its queueLimit is ${queueLimit}`;
      return Promise.reject(new AgentSystemError('TASK_QUEUE_FULL', message, { details: { pool: name } }));
    }
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const dueAt = request.timeoutMs === undefined ? Infinity : this.#services.clock.now() + request.timeoutMs;
    const task: PoolTask = { request, dueAt, resolve, reject, retriesLeft };
    if (member !== undefined) this.#give(member, task);
    else this.#wait(task);
    return promise;
  }

  /** Ends all members within `timeoutMs`, tasks that wait first; a second call waits for the first. */
  close(timeoutMs = this.#options.member.shutdownMs): Promise<PoolCloseReport> {
    if (this.#closing === undefined) {
      this.#closing = Promise.withResolvers();
      this.#closeAt = this.#services.clock.now() + timeoutMs;
      this.#autoscaling?.close();
      this.#announce(this.#chart.snapshot().context.wanted, 0, 'closed');
      this.#send({ type: 'pool.close', finishMs: timeoutMs * FINISH_SHARE, closeMs: timeoutMs });
    }
    return this.#closing.promise;
  }

  /** The system closes: no new member, and what waits has `finishMs` to be done. Its members are the system's then. */
  halt(finishMs: number): void {
    this.#isHalted = true;
    this.#autoscaling?.close();
    this.#send({ type: 'pool.halt', finishMs });
  }

  /** The system has closed: whoever still waits is answered. */
  discard(why: AgentSystemError): void {
    this.#release();
    this.#chart.stop();
    this.#abandonLine();
    this.#answerAll(why);
  }

  // What the chart asks for.

  #logic(): typeof poolMachine {
    const { alerts } = this.#services;
    const pool = this.name;
    return poolMachine.provide({
      actions: {
        startMembers: (_, { count }: Params<'startMembers'>) => this.#startMembers(count),
        drainMembers: (_, { departure }: Params<'drainMembers'>) => {
          this.#moveAll(this.#places.down, departure.down, 'draining');
          this.#moveAll(this.#places.starting, departure.starting, 'draining');
          this.#moveAll(this.#roster.bySpare(), departure.live, 'draining');
        },
        returnMembers: (_, { count }: Params<'returnMembers'>) =>
          this.#moveAll(this.#places.draining, count, 'live'),
        finishQueue: () => {
          this.#isFinishing = true;
          queueMicrotask(() => this.#tellIfFinished());
        },
        abandonQueue: () => this.#abandonLine(),
        stopMembers: () => this.#endAll(),
        killMembers: () => {
          this.#endAll();
          this.#killAll();
        },
        announceScaled: (_, { from, to, why }: Params<'announceScaled'>) => this.#announce(from, to, why),
        announceRefused: (_, { from, to, why }: Params<'announceRefused'>) => {
          this.#isRefused = true;
          this.#announce(from, to, why);
        },
        announceOpened: () => {
          this.#announce(0, this.#options.spec.target ?? this.#options.spec.min, 'created');
          this.#opened.resolve();
        },
        announceSettled: () => {
          this.#autoscaling?.settled();
          this.#answerResizing(this.#isRefused ? this.#failure : undefined);
          this.#isRefused = false;
        },
        raiseAlert: (_, { alert, why }: Params<'raiseAlert'>) => {
          alerts.raise(alert, `pool ${pool} ${MESSAGES[alert]}: ${why}`, { pool });
          if (alert !== 'pool_degraded') return;
          const message = `pool ${pool} ${MESSAGES.pool_degraded}: ${why}`;
          this.#answerResizing(new AgentSystemError('AGENT_START_FAILED', message, { cause: this.#failure }));
        },
        clearAlerts: () => {
          alerts.clear('pool_degraded', { pool });
          alerts.clear('pool_starved', { pool });
        },
      },
    });
  }

  #send(event: PoolEvent): void {
    if (this.#isReleased) return;
    this.#chart.send(event);
    if (this.#chart.snapshot().status === 'done') this.#hasClosed();
  }

  #startMembers(count: number): void {
    for (let started = 0; started < count; started++) {
      const member = newMember(this.#newId(), 'starting');
      this.#places.starting.add(member);
      void this.#bringUp(member);
    }
  }

  #newId(): string {
    const id = `${this.name}-${this.#next}`;
    this.#next += 1;
    return id;
  }

  #moveAll(members: Iterable<Member>, count: number, place: MemberPlace): void {
    const some: Member[] = [];
    for (const member of members) {
      if (some.length === count) break;
      some.push(member);
    }
    for (const member of some) {
      this.#move(member, place);
      this.#note(member);
    }
  }

  #endAll(): void {
    this.#closeAt ??= this.#services.clock.now() + this.#options.member.shutdownMs;
    for (const place of PLACES) {
      for (const member of this.#places[place]) {
        const position = member.agent?.position;
        if (position?.legal.has('stop') && !this.#ending.has(member)) {
          this.#ending.set(member, position.isAlive);
        }
        this.#move(member, 'leaving');
        this.#note(member);
      }
    }
  }

  #killAll(): void {
    const at = this.#services.clock.now();
    for (const { agent } of this.#places.leaving) {
      if (agent?.position.legal.has('kill')) agent.send({ type: 'agent.kill', at });
    }
  }

  #hasClosed(): void {
    this.#release();
    const closed = new AgentSystemError('POOL_UNKNOWN', `pool ${this.name} is closed`);
    // One that could not open closes by itself.
    if (!this.#isHalted) this.#answerAll((this.#closing === undefined && this.#failure) || closed);
    this.#options.closed(this);
  }

  #release(): void {
    this.#isReleased = true;
    this.#autoscaling?.close();
    for (const place of PLACES) for (const { agent } of this.#places[place]) unwatch(agent);
  }

  #answerAll(why: AgentSystemError): void {
    for (const member of this.#ending.keys()) this.#reportEnd(member);
    const [stopped, abandoned] = [this.#stopped, this.#abandoned];
    this.#closing?.resolve({ stopped, abandoned, tasksAbandoned: this.#tasksAbandoned });
    this.#answerResizing(why);
    this.#opened.reject(why);
  }

  #answerResizing(failure: AgentSystemError | undefined): void {
    const resizing = this.#resizing;
    if (resizing.length === 0) return;
    this.#resizing = [];
    for (const { resolve, reject } of resizing) {
      if (failure) reject(failure);
      else resolve();
    }
  }

  #announce(from: number, to: number, why: string): void {
    if (from !== to) this.#services.journal.emit({ type: 'pool.scaled', pool: this.name, from, to, why });
  }

  #status(): PoolStatus {
    const { value } = this.#chart.snapshot();
    if (value === 'opening' || value === 'deciding') return 'growing';
    if (typeof value === 'string' || !('serving' in value)) return 'closing';
    return STATUSES[value.serving];
  }

  // Members.

  /** Takes over the agents that carry the pool's name. Returns the size that is wanted. */
  #adopt(found: readonly Agent[]): number {
    const { spec, manifest } = this.#options;
    const resting: Agent[] = [];
    for (const agent of found) {
      const number = Number(agent.id.slice(this.name.length + 1));
      if (Number.isSafeInteger(number) && number >= this.#next) this.#next = number + 1;
      const standing = standingOf(agent);
      const isOurs = agent.manifest.type === manifest.type;
      if (isOurs && canStartAgain(agent)) resting.push(agent);
      else this.#take(agent, (isOurs ? PLACE_OF : PLACE_OF_STRANGER)[standing]);
    }
    const { live, down } = this.counts();
    const present = live + down + resting.length;
    const wanted = spec.target ?? Math.min(spec.max, Math.max(spec.min, present));
    const missing = Math.max(0, wanted - live - down);
    for (const [index, agent] of resting.entries()) {
      const member = this.#take(agent, index < missing ? 'starting' : 'leaving');
      if (index < missing) void this.#bringUp(member);
    }
    return wanted;
  }

  #take(agent: Agent, place: MemberPlace): Member {
    const member = newMember(agent.id, place);
    this.#places[place].add(member);
    this.#watch(member, agent);
    if (place === 'live') this.#join(member);
    this.#note(member);
    return member;
  }

  #watch(member: Member, agent: Agent): void {
    member.agent = agent;
    agent.watcher = () => this.#note(member);
  }

  #move(member: Member, place: MemberPlace): void {
    if (member.place === place) return;
    if (member.place === 'live') this.#part(member);
    this.#places[member.place].delete(member);
    this.#places[place].add(member);
    member.place = place;
    if (place === 'live') this.#join(member);
  }

  /** It counts among those that run. */
  #join(member: Member): void {
    this.#capacity += concurrencyOf(member);
    member.load = 0;
    this.#measure(member);
  }

  #part(member: Member): void {
    const concurrency = concurrencyOf(member);
    this.#busy -= Math.min(member.load, concurrency);
    this.#capacity -= concurrency;
    this.#roster.remove(member);
    this.#tellMeter();
  }

  /** How loaded a member that runs is now, and whether it takes tasks at all. */
  #measure(member: Member): void {
    const { agent } = member;
    if (agent === undefined) return;
    const { concurrency } = agent.spec.tasks;
    const { load } = agent;
    this.#busy += Math.min(load, concurrency) - Math.min(member.load, concurrency);
    this.#roster.place(member, load, agent.position.status === 'running' ? concurrency : 0);
    this.#tellMeter();
  }

  #tellMeter(): void {
    this.#meter?.set(this.#busy, this.#capacity, this.#services.clock.now());
  }

  /** Registers, unless it is there already, and starts a member. */
  async #bringUp(member: Member): Promise<void> {
    member.isStarting = true;
    let failure: unknown;
    // The chart is on its way to the state in which it hears how this ends.
    await Promise.resolve();
    try {
      if (member.agent === undefined) await this.#register(member);
      if (member.place === 'starting') await this.#services.agents.start(member.id);
    } catch (thrown) {
      failure = thrown;
    }
    member.isStarting = false;
    if (this.#isReleased) return;
    if (member.place === 'starting') {
      // One that runs has started, even if that could not be made durable.
      const isUp = member.agent !== undefined && standingOf(member.agent) === 'serving';
      if (failure === undefined || isUp) this.#hasStarted(member);
      else this.#startFailed(member, failure);
    }
    this.#note(member);
  }

  async #register(member: Member): Promise<void> {
    const { agents, admission } = this.#services;
    const { member: spec, manifest } = this.#options;
    const refusal = admission.refusal(member.id, spec.resources);
    if (refusal) throw refusal;
    for (;;) {
      try {
        const full = { ...spec, id: member.id, pool: this.name };
        return this.#watch(member, await agents.registerMember(full, manifest));
      } catch (thrown) {
        // Somebody else has an agent of that name: the next number is as good.
        if (!(thrown instanceof AgentSystemError) || thrown.code !== 'AGENT_EXISTS') throw thrown;
        member.id = this.#newId();
      }
    }
  }

  #hasStarted(member: Member): void {
    this.#move(member, 'live');
    this.#send({ type: 'member.started' });
  }

  #startFailed(member: Member, failure: unknown): void {
    const error =
      failure instanceof AgentSystemError
        ? failure
        : new AgentSystemError('AGENT_START_FAILED', errorInfoOf(failure).message, { cause: failure });
    this.#failure ??= error;
    this.#lastFailure = error.message;
    this.#move(member, 'leaving');
    const isExhausted = error.code === 'RESOURCES_EXHAUSTED';
    this.#send({ type: 'member.start_failed', ...this.#moment(), isExhausted, why: error.message });
  }

  /** A member is looked at once what happens now is over. */
  #note(member: Member): void {
    if (member.isNoted || this.#isReleased) return;
    member.isNoted = true;
    queueMicrotask(() => {
      member.isNoted = false;
      if (this.#isReleased) return;
      this.#look(member);
      this.#handOut();
    });
  }

  /** Compares how a member stands with how it was seen last. */
  #look(member: Member): void {
    const { agent } = member;
    if (agent === undefined) return this.#lookForAgent(member);
    const standing = standingOf(agent);
    const isOver = standing === 'ended' || standing === 'forgotten';
    switch (member.place) {
      case 'starting':
        if (standing === 'serving') this.#hasStarted(member);
        return;
      case 'live':
        if (standing === 'serving' || standing === 'ending') return this.#measure(member);
        if (isOver) return this.#lost(member, agent, 'live');
        this.#move(member, 'down');
        return this.#send({ type: 'member.fell' });
      case 'down':
        if (isOver) return this.#lost(member, agent, 'down');
        if (standing !== 'serving') return;
        this.#move(member, 'live');
        return this.#send({ type: 'member.recovered' });
      case 'draining':
        if ((standing === 'serving' || standing === 'starting') && agent.load > 0) return;
        this.#leave(member);
        return this.#dismiss(member, agent, standing);
      default:
        return this.#dismiss(member, agent, standing);
    }
  }

  /** It is being registered, or could not be. */
  #lookForAgent(member: Member): void {
    if (member.isStarting) return;
    if (member.place === 'draining') this.#leave(member);
    if (member.place === 'leaving') this.#gone(member);
  }

  #leave(member: Member): void {
    this.#move(member, 'leaving');
    this.#send({ type: 'member.leaving' });
  }

  #lost(member: Member, agent: Agent, from: 'live' | 'down'): void {
    const { status, reason = 'shutdown', metrics } = agent.record();
    const wasAsked = reason === 'shutdown';
    const didItsWork = (status === 'stopped' || status === 'completed') && metrics.done > 0;
    const isFailure = !wasAsked && !didItsWork;
    const why = `member ${member.id} is lost (${describeExit(reason)})`;
    if (isFailure) this.#lastFailure = why;
    this.#move(member, 'leaving');
    this.#send({ type: 'member.lost', from, ...this.#moment(), isFailure, why });
    this.#note(member);
  }

  /** Has a member that leaves end, as far as it has not, and be forgotten. */
  #dismiss(member: Member, agent: Agent, standing: Standing): void {
    if (standing === 'forgotten') return this.#gone(member);
    if (member.isDismissed || standing === 'ending') return;
    if (standing === 'ended') {
      this.#reportEnd(member);
      return this.#whileDismissed(member, agent.forget());
    }
    // Somebody started it again, and gave it work: only a close does not wait for that.
    if (this.#closeAt === undefined && agent.load > 0) return;
    const at = this.#services.clock.now();
    const grace = this.#closeAt === undefined ? {} : { timeoutMs: Math.max(0, this.#closeAt - at) };
    this.#whileDismissed(member, agent.end({ type: 'agent.stop', at, ...grace }));
  }

  #whileDismissed(member: Member, command: Promise<unknown>): void {
    member.isDismissed = true;
    const done = () => {
      member.isDismissed = false;
      this.#note(member);
    };
    // A store that fails says so; the agent has ended all the same.
    command.then(done, done);
  }

  #gone(member: Member): void {
    // It may be looked at once more: what it was told has an answer, too.
    if (!this.#places.leaving.delete(member)) return;
    this.#reportEnd(member);
    unwatch(member.agent);
    this.#send({ type: 'member.gone' });
  }

  /** How a member ended that a close had to end. */
  #reportEnd(member: Member): void {
    const wasAlive = this.#ending.get(member);
    if (wasAlive === undefined || member.agent === undefined) return;
    this.#ending.delete(member);
    const { agent } = member;
    const isInOrder = wasAlive ? endedInOrder(agent.record()) : !agent.position.isAlive;
    (isInOrder ? this.#stopped : this.#abandoned).push(member.id);
  }

  #moment() {
    return { at: this.#services.clock.now(), chance: this.#services.random() };
  }

  // Tasks.

  /** The member that gets the next task, if any is free. */
  #free(): Member | undefined {
    for (;;) {
      const member = this.#roster.pick();
      if (member === undefined) return undefined;
      const { load, slot } = member;
      // Its agent may have gone on since it was looked at last.
      this.#measure(member);
      if (member.load === load && member.slot === slot) return member;
    }
  }

  #run(member: Member, request: TaskRequest): Promise<unknown> {
    const output = this.#services.agents.run(member.agent!, request);
    this.#measure(member);
    return output;
  }

  #give(member: Member, task: PoolTask): void {
    const { request, dueAt } = task;
    const timed =
      dueAt === Infinity
        ? request
        : { ...request, timeoutMs: Math.max(0, dueAt - this.#services.clock.now()) };
    this.#run(member, timed).then(task.resolve, (thrown: unknown) => this.#failed(task, thrown));
  }

  #failed(task: PoolTask, thrown: unknown): void {
    const isAbandoned = thrown instanceof AgentSystemError && thrown.code === 'TASK_ABANDONED';
    const mayRepeat = isAbandoned && task.retriesLeft > 0 && !task.request.signal?.aborted;
    if (!mayRepeat || this.#isLineClosed || this.#isReleased) return task.reject(thrown);
    task.retriesLeft -= 1;
    this.#line.add(task, true);
    this.#handOut();
  }

  #wait(task: PoolTask): void {
    this.#line.add(task);
    const { wanted } = this.#chart.snapshot().context;
    if (wanted === 0 && this.#line.size === 1) this.#autoscaling?.demandRose();
  }

  /** Gives tasks that wait to members that are free. */
  #handOut(): void {
    while (this.#line.size > 0) {
      const member = this.#free();
      if (member === undefined) return;
      const task = this.#line.next();
      if (task) this.#give(member, task);
    }
    this.#tellIfFinished();
  }

  #tellIfFinished(): void {
    if (this.#isFinishing && this.#line.size === 0) this.#send({ type: 'queue.finished' });
  }

  #abandonLine(): void {
    this.#isLineClosed = true;
    for (let task = this.#line.next(); task !== undefined; task = this.#line.next()) {
      this.#tasksAbandoned += 1;
      task.reject(this.#abandonment(task.request, 'no member was free before its pool closed'));
    }
  }

  #timedOut({ request, reject }: PoolTask): void {
    const message = `task ${request.type} of pool ${this.name} was still waiting for a member after ${request.timeoutMs} ms`;
    reject(new AgentSystemError('TASK_TIMED_OUT', message, { details: this.#detailsOf(request) }));
    this.#tellIfFinished();
  }

  #cancelled({ request, reject }: PoolTask): void {
    reject(this.#abandonment(request, 'cancelled by its caller'));
    this.#tellIfFinished();
  }

  #abandonment(request: TaskRequest, why: string): AgentSystemError {
    const message = `task ${request.type} of pool ${this.name} was abandoned: ${why}`;
    const { signal } = request;
    return new AgentSystemError('TASK_ABANDONED', message, {
      cause: signal?.aborted ? signal.reason : undefined,
      details: this.#detailsOf(request),
    });
  }

  #detailsOf({ type }: TaskRequest) {
    return { pool: this.name, task: type };
  }

  /** Buffers that were given away are gone with the first member that got them. */
  #retriesOf({ type, transfer }: TaskRequest): number {
    const { spec, manifest } = this.#options;
    return manifest.tasks[type]?.retry && !transfer?.length ? spec.retryAbandoned : 0;
  }

  #takeLoad(): PoolLoad {
    const { agentsLeft, memoryBytesLeft } = this.#services.admission.usage();
    const { maxMemoryBytes, group } = this.#options.member.resources;
    const fit =
      maxMemoryBytes === undefined || group !== undefined ? Infinity : memoryBytesLeft / maxMemoryBytes;
    const status = this.#status();
    return {
      size: this.#chart.snapshot().context.wanted,
      waiting: this.#line.size,
      busyShare: this.#meter?.take(this.#services.clock.now()) ?? 0,
      admissible: Math.max(0, Math.floor(Math.min(agentsLeft, fit))),
      isSettled: status === 'steady' || status === 'shrinking',
    };
  }
}

const STATUSES = {
  balancing: 'growing',
  steady: 'steady',
  growing: 'growing',
  shrinking: 'shrinking',
  backingOff: 'backing_off',
  degraded: 'degraded',
} as const;

function concurrencyOf({ agent }: Member): number {
  return agent?.spec.tasks.concurrency ?? 0;
}

function unwatch(agent: Agent | undefined): void {
  if (agent) agent.watcher = undefined;
}

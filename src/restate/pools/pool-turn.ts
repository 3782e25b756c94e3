/**
 * One turn of a pool of a fleet: the shipped chart of a pool takes its steps, members come and go, tasks are handed out.
 *
 * Pure, but that it changes the state it is given; what is to be done comes back as acts. The rules are those of
 * runtime/pools, over data.
 *
 * I1  Callers that wait for a size, a start, an end or a task are answered once.
 * I2  A task waits in one queue, the pool's, until a member is free; its time runs there, too.
 */
import {
  FINISH_SHARE,
  type ParsedPoolSpec,
  type PoolAlert,
  type PoolEffect,
  type PoolEvent,
  poolMachine,
} from '../../machines/index.ts';
import type { KeptSpec } from '../../runtime/agent/agent-terms.ts';
import type { AgentManifest } from '../../runtime/definition/manifest.ts';
import type { EventBody } from '../../runtime/journal/system-event.ts';
import type { Alert } from '../../runtime/observability/alerts.ts';
import type { PoolRecord } from '../../runtime/pools/pool.ts';
import { poolStatusAt, poolTrouble } from '../../runtime/pools/pool-status.ts';
import { AgentSystemError } from '../../runtime/values/errors.ts';
import { type Answer, type Refusal, refusalOf } from '../engine/call-answer.ts';
import { ChartAtWork, type Due, earliestOf, type KeptChart, takeAllDue } from '../engine/kept-chart.ts';
import { type MemberNews, type PoolMember, PoolMembers } from './pool-members.ts';
import type { AskedWork } from '../tasks/task-entries.ts';

/** All of a pool's spec that is kept. */
export type KeptPoolSpec = Omit<ParsedPoolSpec, 'spec' | 'scale' | 'name'>;

/** A task that waits for a member. */
interface WaitingTask extends Due {
  readonly number: number;
  readonly work: AskedWork;
  readonly rank: number;
}

export interface PoolState extends KeptChart<typeof poolMachine> {
  readonly name: string;
  readonly pool: KeptPoolSpec;
  readonly spec: KeptSpec;
  readonly manifest: AgentManifest;
  members: PoolMember[];
  /** Numbers of the next member, the next task, the next deadline. */
  nextMember: number;
  nextTask: number;
  armed: number;
  wakeAt: number | undefined;
  queue: WaitingTask[];
  opening: string[];
  resizing: string[];
  closing: string[];
  closeAt: number | undefined;
  isRefused: boolean;
  failure: Refusal | undefined;
  lastFailure: string | undefined;
  isFinishing: boolean;
  tasksAbandoned: number;
  alerts: Alert[];
}

export type PoolAct =
  | { readonly do: 'bringUp'; readonly id: string }
  | { readonly do: 'dismiss'; readonly id: string; readonly timeoutMs: number | undefined }
  | { readonly do: 'kill'; readonly id: string }
  | { readonly do: 'give'; readonly id: string; readonly number: number; readonly work: AskedWork }
  | { readonly do: 'cancelCall'; readonly id: string; readonly callId: string }
  | { readonly do: 'answer'; readonly token: string; readonly answer: Answer };

type Told = EventBody & { readonly at: number };

export class PoolTurn {
  readonly state: PoolState;
  readonly now: number;
  readonly chance: number;
  readonly acts: PoolAct[] = [];
  readonly events: Told[] = [];
  isClosed = false;
  readonly #chart: ChartAtWork<typeof poolMachine>;
  readonly #members: PoolMembers;

  constructor(state: PoolState, { now, chance }: { readonly now: number; readonly chance: number }) {
    this.state = state;
    this.now = now;
    this.chance = chance;
    this.#members = new PoolMembers(this);
    this.#chart = new ChartAtWork(poolMachine, state, {
      now,
      nextOrder: () => (state.armed += 1),
      perform: (effect) => this.#perform(effect as PoolEffect),
    });
  }

  /** A pool begins: whoever asked is answered once its first members run. */
  static creating(
    given: Pick<PoolState, 'name' | 'pool' | 'spec' | 'manifest'>,
    moment: { readonly now: number; readonly chance: number },
    token: string,
  ): PoolTurn {
    const { pool, name, spec } = given;
    const state: PoolState = {
      ...given,
      life: undefined as never,
      deadlines: [],
      members: [],
      nextMember: 1,
      nextTask: 1,
      armed: 0,
      wakeAt: undefined,
      queue: [],
      opening: [token],
      resizing: [],
      closing: [],
      closeAt: undefined,
      isRefused: false,
      failure: undefined,
      lastFailure: undefined,
      isFinishing: false,
      tasksAbandoned: 0,
      alerts: [],
    };
    const turn = new PoolTurn(state, moment);
    turn.#chart.begin({
      id: `pool ${name}`,
      min: pool.min,
      max: pool.max,
      wanted: pool.target ?? pool.min,
      restart: { ...pool.restart, policy: 'delayed' },
      closeMs: spec.shutdownMs,
      maxConcurrentStarts: pool.maxConcurrentStarts,
      found: undefined,
    });
    return turn;
  }

  get members(): PoolMember[] {
    return this.state.members;
  }

  get closeAt(): number | undefined {
    return this.state.closeAt;
  }

  get isClosing(): boolean {
    return this.state.closeAt !== undefined;
  }

  record(): PoolRecord {
    const { name, manifest, pool, members, queue, lastFailure } = this.state;
    const { wanted, live, starting, down, draining, leaving, retryAt } = this.state.life.context;
    return {
      name,
      type: manifest.type,
      status: poolStatusAt(pathOf(this.state.life.value)),
      min: pool.min,
      max: pool.max,
      wanted,
      live,
      idle: this.#members.live().filter(({ given }) => given.length === 0).length,
      starting,
      down,
      draining: draining + leaving,
      waiting: queue.length,
      members: members.map(({ id }) => id),
      ...(retryAt === undefined ? {} : { retryAt }),
      ...(lastFailure === undefined ? {} : { lastFailure }),
    };
  }

  resize(wanted: number, by: string | undefined, token: string): void {
    this.state.resizing.push(token);
    this.state.isRefused = false;
    this.state.failure = undefined;
    this.#send({ type: 'pool.resize', wanted, why: 'ensureSize', ...(by === undefined ? {} : { by }) });
  }

  close(timeoutMs: number, by: string | undefined, token: string): void {
    this.state.closing.push(token);
    if (this.isClosing) return;
    this.state.closeAt = this.now + timeoutMs;
    this.#tellScaled(this.state.life.context.wanted, 0, 'closed', by);
    this.#send({ type: 'pool.close', finishMs: timeoutMs * FINISH_SHARE, closeMs: timeoutMs });
  }

  /** Has a member do a task: at once, or once one is free. @throws AgentSystemError `TASK_QUEUE_FULL` */
  execute(work: AskedWork): void {
    const { name, queue, pool, manifest } = this.state;
    const number = this.state.nextTask;
    const { timeoutMs = manifest.tasks[work.type]?.timeoutMs ?? Infinity, priority } = work;
    const rank = priority ?? manifest.tasks[work.type]?.priority ?? 0;
    const task = { number, work, rank, order: number, dueAt: this.now + timeoutMs };
    const member = queue.length === 0 ? this.#free() : undefined;
    if (member === undefined && queue.length >= pool.queueLimit) {
      const message = `pool ${name} has ${queue.length} tasks waiting, its queueLimit is ${pool.queueLimit}`;
      throw new AgentSystemError('TASK_QUEUE_FULL', message, { details: { pool: name } });
    }
    this.state.nextTask += 1;
    if (member === undefined) queue.push(task);
    else this.#give(member, task);
  }

  /** Its caller does not want it any more. */
  cancel(callId: string): void {
    const waiting = this.state.queue.find(({ work }) => work.terms?.callId === callId);
    if (waiting === undefined) {
      for (const { id, given } of this.members)
        if (given.length > 0) this.acts.push({ do: 'cancelCall', id, callId });
      return;
    }
    this.state.queue = this.state.queue.filter((other) => other !== waiting);
    this.#refuse(waiting, this.#abandonment(waiting, 'cancelled by its caller'));
    this.#tellIfEmpty();
  }

  broughtUp(id: string, failure: Refusal | undefined): void {
    this.#members.broughtUp(id, failure);
    this.#handOut();
  }

  told(news: MemberNews): void {
    this.#members.told(news);
    this.#handOut();
  }

  gone(id: string, isInOrder: boolean): void {
    this.#members.gone(id, isInOrder);
    this.#handOut();
  }

  wake(): void {
    takeAllDue(
      () => this.#dues(),
      this.now,
      (due) => due.take(),
    );
  }

  nextDueAt(): number | undefined {
    return earliestOf(this.#dues())?.dueAt;
  }

  *#dues(): Iterable<Due & { take(): void }> {
    for (const deadline of this.state.deadlines) {
      yield { ...deadline, take: () => this.#chart.take(deadline) };
    }
    for (const task of this.state.queue) {
      if (task.dueAt !== Infinity) yield { ...task, take: () => this.#timeOut(task) };
    }
  }

  // What its members want.

  newId(): string {
    const id = `${this.state.name}-${this.state.nextMember}`;
    this.state.nextMember += 1;
    return id;
  }

  send(event: PoolEvent): void {
    this.#send(event);
  }

  bringUp(id: string): void {
    this.acts.push({ do: 'bringUp', id });
  }

  dismiss(id: string, timeoutMs: number | undefined): void {
    this.acts.push({ do: 'dismiss', id, timeoutMs });
  }

  kill(id: string): void {
    this.acts.push({ do: 'kill', id });
  }

  failed(failure: Refusal | undefined, why: string): void {
    this.state.failure ??= failure;
    this.state.lastFailure = why;
  }

  #send(event: PoolEvent): void {
    this.#chart.send(event);
  }

  #perform(effect: PoolEffect): void {
    const members = this.#members;
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
        this.state.isFinishing = true;
        return this.#tellIfEmpty();
      case 'abandonQueue':
        return this.#abandonQueue();
      case 'stopMembers':
        return members.end();
      case 'killMembers':
        members.end();
        return members.kill();
      case 'raiseAlert':
        return this.#raiseAlert(effect.params.alert, effect.params.why);
      case 'clearAlerts':
        return this.#clearAlerts();
      case 'announceOpened': {
        const { pool, opening } = this.state;
        this.#tellScaled(0, pool.target ?? pool.min, 'created');
        this.state.opening = [];
        return this.#answer(opening, { value: this.state.name });
      }
      case 'announceScaled':
      case 'announceRefused': {
        if (effect.type === 'announceRefused') this.state.isRefused = true;
        const { from, to, why, by } = effect.params;
        return this.#tellScaled(from, to, why, by);
      }
      case 'announceSettled':
        return this.#settled();
      case 'announceClosed':
        return this.#closed();
    }
  }

  #settled(): void {
    const { isRefused, failure, resizing } = this.state;
    this.state.resizing = [];
    this.state.isRefused = false;
    const isMissed = isRefused && failure !== undefined;
    // Its counts are known once the step is over.
    for (const token of resizing) {
      this.acts.push({ do: 'answer', token, answer: isMissed ? { refusal: failure } : { value: undefined } });
    }
  }

  #closed(): void {
    this.isClosed = true;
    const { opening, resizing, closing, failure, name, tasksAbandoned } = this.state;
    const closed = refusalOf(new AgentSystemError('POOL_UNKNOWN', `pool ${name} is closed`));
    this.#clearAlerts();
    this.#answer([...opening, ...resizing], { refusal: closing.length === 0 ? (failure ?? closed) : closed });
    this.#answer(closing, { value: this.#members.report(tasksAbandoned) });
  }

  #answer(tokens: readonly string[], answer: Answer): void {
    for (const token of tokens) this.acts.push({ do: 'answer', token, answer });
  }

  // Tasks.

  #free(): PoolMember | undefined {
    const { concurrency } = this.state.spec.tasks;
    const free = this.#members
      .live()
      .filter(({ given, news }) => given.length < concurrency && news?.takesWork !== false);
    return free.toSorted((one, other) => one.given.length - other.given.length)[0];
  }

  #handOut(): void {
    for (;;) {
      const member = this.state.queue.length === 0 ? undefined : this.#free();
      if (member === undefined) break;
      const next = this.state.queue.toSorted(
        (one, other) => other.rank - one.rank || one.order - other.order,
      )[0]!;
      this.state.queue = this.state.queue.filter((other) => other !== next);
      this.#give(member, next);
    }
    this.#tellIfEmpty();
  }

  #give(member: PoolMember, { number, work, dueAt }: WaitingTask): void {
    member.given.push(number);
    const left = dueAt === Infinity ? {} : { timeoutMs: Math.max(0, dueAt - this.now) };
    this.acts.push({ do: 'give', id: member.id, number, work: { ...work, ...left } });
  }

  #timeOut(task: WaitingTask): void {
    this.state.queue = this.state.queue.filter((other) => other !== task);
    const { name: pool } = this.state;
    const { type, timeoutMs } = task.work;
    const message = `task ${type} of pool ${pool} was still waiting for a member after ${timeoutMs} ms`;
    this.#refuse(task, new AgentSystemError('TASK_TIMED_OUT', message, { details: { pool, task: type } }));
    this.#tellIfEmpty();
  }

  #abandonQueue(): void {
    for (const task of this.state.queue) {
      this.state.tasksAbandoned += 1;
      this.#refuse(task, this.#abandonment(task, 'no member was free before its pool closed'));
    }
    this.state.queue = [];
  }

  #refuse({ work: { token } }: WaitingTask, error: AgentSystemError): void {
    if (token !== undefined) this.#answer([token], { refusal: refusalOf(error) });
  }

  #abandonment({ work: { type } }: WaitingTask, why: string): AgentSystemError {
    const { name: pool } = this.state;
    return new AgentSystemError('TASK_ABANDONED', `task ${type} of pool ${pool} was abandoned: ${why}`, {
      details: { pool, task: type },
    });
  }

  #tellIfEmpty(): void {
    if (!this.state.isFinishing || this.state.queue.length > 0) return;
    this.state.isFinishing = false;
    this.#send({ type: 'queue.finished' });
  }

  #raiseAlert(alert: PoolAlert, why: string): void {
    const { name: pool, alerts } = this.state;
    const message = poolTrouble(pool, alert, why);
    if (!alerts.some((other) => other.alert === alert)) {
      alerts.push({ alert, message, pool, raisedAt: this.now });
      this.#emit({ type: 'alert.raised', alert, message, pool });
    }
    if (alert !== 'pool_degraded') return;
    const { resizing } = this.state;
    this.state.resizing = [];
    this.#answer(resizing, { refusal: refusalOf(new AgentSystemError('AGENT_START_FAILED', message)) });
  }

  #clearAlerts(): void {
    const { name: pool, alerts } = this.state;
    this.state.alerts = [];
    for (const { alert } of alerts) this.#emit({ type: 'alert.cleared', alert, pool });
  }

  #tellScaled(from: number, to: number, why: string, by?: string): void {
    if (from === to) return;
    const { name: pool } = this.state;
    this.#emit({ type: 'pool.scaled', pool, from, to, why, ...(by === undefined ? {} : { by }) });
  }

  #emit(event: EventBody): void {
    this.events.push({ ...event, at: this.now });
  }
}

function pathOf(value: unknown): string {
  if (typeof value === 'string') return value;
  const [key, inner] = Object.entries(value as Record<string, unknown>)[0]!;
  return `${key}.${pathOf(inner)}`;
}

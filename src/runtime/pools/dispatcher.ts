/**
 * Hands a pool's tasks to its members: to the least loaded that is free; while none is, tasks wait in a queue.
 *
 * Owns which member is free, and which task is next. Knows nothing of how many members there should be: it is told
 * which ones run.
 *
 * I1  Every accepted task is answered once. One that a member has begun is never given to another, but by
 *     `retryAbandoned`.
 * I2  No task waits while a member is free.
 * I3  Handing out a task takes the same time whatever the size of the pool and of the queue.
 * I4  The places that are in use, and those that there are, are the sums of them over the members that have joined
 *     and not parted.
 */
import type { Agents } from '../fleet/agents.ts';
import type { SteadyClock } from '../time/clock.ts';
import { refused } from '../time/loop-turn.ts';
import { type AgentManifest, withTimeout } from '../definition/manifest.ts';
import { AgentSystemError } from '../values/errors.ts';
import { CANCELLED_BY_CALLER } from '../agent/task-events.ts';
import type {
  BegunTask,
  GivenBack,
  GivenTask,
  TaskBefore,
  TaskCancel,
  TaskRequest,
} from '../agent/task-request.ts';
import type { Journal } from '../journal/journal.ts';
import {
  emitAbandoned,
  emitCancelled,
  emitAccepted,
  emitTimedOut,
  waitingTask,
} from './waiting-task-events.ts';
import { BusyMeter, noFigures } from './busy-meter.ts';
import type { Member } from './member.ts';
import { LeastLoadedMembers } from './least-loaded.ts';
import { dueTickOf, type PoolTask, poolTaskOf, WaitingQueue } from './waiting-queue.ts';

export interface DispatcherOptions {
  readonly pool: string;
  readonly queueLimit: number;
  readonly retryAbandoned: number;
  readonly manifest: AgentManifest;
  readonly agents: Agents;
  readonly clock: SteadyClock;
  readonly journal: Journal;
  readonly newTaskId: () => string;
  /** Whether tasks that wait go on in another program. */
  readonly leavesTasks: () => boolean;
  /** Whether an autoscaler asks how busy the members are over time. */
  readonly isMetered: boolean;
  /** A task waits where none did. */
  readonly demandRose: () => void;
}

export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #queue: WaitingQueue;
  readonly #index = new LeastLoadedMembers();
  readonly #meter: BusyMeter | undefined;
  /** Tasks of members that run, and how many they may have at once. */
  #busy = 0;
  #capacity = 0;
  /** Tasks that wait as soon as that is durable. */
  readonly #accepting = new Set<PoolTask>();
  #emptied: (() => void) | undefined;
  #isClosed = false;
  #abandoned = 0;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#queue = new WaitingQueue({
      clock: options.clock,
      due: () => this.#isDue(),
      timedOut: (task) => this.#timedOut(task),
      cancelled: (task) => this.#cancelled(task),
    });
    if (options.isMetered) this.#meter = new BusyMeter(noFigures(options.clock.elapsed()));
  }

  /** Tasks that wait for a member. */
  get waiting(): number {
    return this.#queue.size + this.#accepting.size;
  }

  /** Members that have nothing to do. */
  get idle(): number {
    return this.#index.idle;
  }

  /** Tasks that waited and were given up, because the pool closed. */
  get abandoned(): number {
    return this.#abandoned;
  }

  /** The share of the members' places that was in use since the last call, where that is metered. */
  takeBusyShare(): number {
    return this.#meter?.take(this.#options.clock.elapsed()) ?? 0;
  }

  /** Members that run, those that can be spared best first. */
  bySpare(): Iterable<Member> {
    return this.#index.bySpare();
  }

  /** A member runs, and may have tasks. */
  join(member: Member): void {
    this.#capacity += concurrencyOf(member);
    member.load = 0;
    this.#place(member);
  }

  /** It gets no more. */
  part(member: Member): void {
    const concurrency = concurrencyOf(member);
    this.#busy -= Math.min(member.load, concurrency);
    this.#capacity -= concurrency;
    this.#index.remove(member);
    this.#tellMeter();
  }

  /** How loaded a member that runs is now, and whether it takes tasks at all: as its agent says. */
  measure(member: Member): void {
    // It may have parted while it was given a task, or asked how it is.
    if (member.isQueued) this.#place(member);
  }

  #place(member: Member): void {
    const agent = member.agent!;
    const { concurrency } = agent.spec.tasks;
    const { load } = agent;
    this.#busy += Math.min(load, concurrency) - Math.min(member.load, concurrency);
    this.#index.place(member, load, agent.takesWork ? concurrency : 0);
    this.#tellMeter();
  }

  /** @throws AgentSystemError `TASK_QUEUE_FULL`, and as `agents.execute` */
  execute(asked: GivenTask): Promise<unknown> {
    const { pool, queueLimit, retryAbandoned, manifest, clock } = this.#options;
    // From here on: waiting for a member counts, too.
    const request = { ...withTimeout(asked, manifest.tasks[asked.type]), pool };
    if (request.signal?.aborted) {
      return refused(clock, this.#abandonment(request, 'cancelled before it began'));
    }
    const { retry, policy, concurrency } = manifest.tasks[request.type] ?? {};
    const delayMs = request.dueAt === undefined ? 0 : Math.max(0, request.dueAt - clock.now());
    const member = this.waiting === 0 && delayMs === 0 ? this.#free() : undefined;
    // The ordinary case: no task waits, and a member takes it at once, or none does.
    const isPlain = !retry && !policy && !concurrency && request.submission === undefined;
    if (member !== undefined && isPlain) return this.#run(member, request);
    const waiting = this.waiting + this.#queue.delayed;
    if (member === undefined && waiting >= queueLimit && request.again === undefined) {
      const message = `pool ${pool} has ${waiting} tasks waiting, its queueLimit is ${queueLimit}`;
      return refused(clock, new AgentSystemError('TASK_QUEUE_FULL', message, { details: { pool } }));
    }
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const task = this.#taskOf(request, request.again, { resolve, reject });
    task.timesOutAt = request.timesOutAt ?? clock.elapsed() + delayMs + (request.timeoutMs ?? Infinity);
    task.retriesLeft = retry ? retryAbandoned : 0;
    if (member !== undefined) this.#give(member, task);
    else this.#accept(task);
    return promise;
  }

  /** Goes on with a task of an earlier program. Nobody waits for it: its record says how it ended. */
  restore({ request, before, timesOutAt, dueTick }: PoolTask): void {
    const { pool, manifest, retryAbandoned } = this.#options;
    const task = this.#taskOf({ ...request, pool }, before);
    task.timesOutAt = timesOutAt;
    task.dueTick = dueTick;
    task.retriesLeft = manifest.tasks[request.type]?.retry ? retryAbandoned : 0;
    this.#wait(task);
    this.handOut();
  }

  #taskOf(
    request: GivenTask,
    before: TaskBefore | undefined,
    answer?: Pick<PoolTask, 'resolve' | 'reject'>,
  ): PoolTask {
    const { clock, manifest } = this.#options;
    const { type, priority = manifest.tasks[type]?.priority ?? 0 } = request;
    return poolTaskOf(request, before, clock, { ...answer, priority });
  }

  /** Cancels a task that waits; whether there was one. */
  cancel(taskId: string, cancel: TaskCancel): boolean {
    const task =
      this.#queue.find(taskId) ?? [...this.#accepting].find(({ before }) => before?.taskId === taskId);
    if (task === undefined) return false;
    if (!this.#accepting.delete(task)) this.#queue.remove(task);
    emitCancelled(this.#options.journal, waitingTask(task), cancel);
    task.reject(this.#abandonment(task.request, cancel.why));
    this.#tellIfEmpty();
    return true;
  }

  /** Emits the acceptance of a task, and queues it once that is durable. @param isFirst it was queued before, and is next */
  #accept(task: PoolTask, isFirst = false): void {
    const { pool, journal, newTaskId, clock } = this.#options;
    const { request, timesOutAt, dueAt, dueTick, notBefore, before } = task;
    const elapsed = clock.elapsed();
    const leftMs = timesOutAt - elapsed;
    const isDelay = dueAt !== undefined && notBefore === undefined;
    const delayMs = isDelay ? Math.round(Math.max(0, dueTick - elapsed)) : undefined;
    const at = { pool, now: clock.now(), leftMs, retry: this.#isRepeatable(task), dueAt, delayMs, before };
    this.#accepting.add(task);
    const isNew = before === undefined || request.again === before;
    task.before = emitAccepted(journal, newTaskId, at, request, (error) => {
      if (isNew) request.submission?.accepted(task.before!.taskId, error);
      // It may have been cancelled meanwhile.
      if (!this.#accepting.delete(task)) return;
      if (request.signal?.aborted) this.#endAbandoned(task, CANCELLED_BY_CALLER);
      else if (error !== undefined && before?.isDurable !== true) {
        emitAbandoned(journal, waitingTask(task), error.message);
        task.reject(error);
      } else if (this.#isClosed) this.#giveUp(task);
      else {
        task.before = { ...task.before!, isDurable: true };
        this.#wait(task, isFirst);
      }
      this.handOut();
    });
  }

  /** Whether another program may do it again, should this one end while it is under way. */
  #isRepeatable({ request: { policy, type } }: PoolTask): boolean {
    return policy !== undefined || (this.#options.manifest.tasks[type]?.retry ?? false);
  }

  /** Gives tasks that wait to members that are free. */
  handOut(): void {
    while (this.#queue.size > 0) {
      const member = this.#free();
      if (member === undefined) return;
      const task = this.#queue.next();
      if (task) this.#give(member, task);
    }
    this.#tellIfEmpty();
  }

  /** Calls back whenever nothing waits. */
  finish(emptied: () => void): void {
    this.#emptied = emptied;
    this.#tellIfEmpty();
  }

  /** Gives up what waits; nothing waits from now on. */
  close(): void {
    this.#isClosed = true;
    for (const task of this.#queue.all()) {
      this.#queue.remove(task);
      this.#giveUp(task);
    }
  }

  #giveUp(task: PoolTask): void {
    const { leavesTasks, pool } = this.#options;
    const { request, kind, before } = task;
    if (leavesTasks() && (request.submission !== undefined || this.#isRepeatable(task))) {
      const message = `task ${kind} of pool ${pool} was not done before the system closed; it stays accepted, as ${before?.taskId}`;
      return task.reject(new AgentSystemError('SYSTEM_CLOSED', message, { details: { pool } }));
    }
    this.#abandoned += 1;
    this.#endAbandoned(task, 'no member was free before its pool closed');
  }

  /** The member that gets the next task, if any is free. */
  #free(): Member | undefined {
    for (;;) {
      const member = this.#index.pick();
      if (member === undefined) return undefined;
      const { load, slot } = member;
      // Its agent may have gone on since it was looked at last.
      this.measure(member);
      if (member.load === load && member.slot === slot) return member;
    }
  }

  #run(member: Member, request: GivenTask): Promise<unknown> {
    let output: Promise<unknown>;
    try {
      output = this.#options.agents.run(member.agent!, request);
    } catch (thrown) {
      // A tracer that throws, say: that fails this task, and no other.
      output = Promise.reject(thrown);
    }
    this.measure(member);
    return output;
  }

  #give(member: Member, task: PoolTask): void {
    const { request, timesOutAt, before } = task;
    let entry: BegunTask | undefined;
    const given: GivenTask = {
      ...request,
      dueAt: undefined,
      again: before,
      ...(timesOutAt === Infinity ? {} : { timesOutAt }),
      begins: (begun) => {
        entry = begun;
        request.begins?.(begun);
      },
      takeBack: (back) => this.#takeBack(task, back),
    };
    const output = task.caller.runInAsyncScope(() => this.#run(member, given));
    output.then(task.resolve, (thrown: unknown) => {
      // The member has refused it: it is no attempt of it.
      if (entry === undefined) return task.reject(thrown);
      task.before = { taskId: entry.taskId, attempts: entry.attempt };
      this.#failed(task, thrown, entry.hasStreamed);
    });
  }

  /** A member that ends has not begun it, or waits to try it again: it waits for another. Whether it may. */
  #takeBack(task: PoolTask, { before, dueAt, timesOutAt, heldMs }: GivenBack): boolean {
    if (this.#isClosed) return false;
    if (heldMs !== undefined) task.request = { ...task.request, timeoutMs: heldMs };
    task.before = before;
    task.dueAt = dueAt;
    task.dueTick = dueTickOf(dueAt, this.#options.clock);
    task.notBefore = undefined;
    task.timesOutAt = timesOutAt;
    this.#accept(task, true);
    return true;
  }

  #failed(task: PoolTask, thrown: unknown, hasStreamed: boolean): void {
    const isAbandoned = thrown instanceof AgentSystemError && thrown.code === 'TASK_ABANDONED';
    // What was read of it cannot be taken back.
    const mayRepeat = isAbandoned && !hasStreamed && task.retriesLeft > 0 && !task.request.signal?.aborted;
    if (!mayRepeat || this.#isClosed) return task.reject(thrown);
    task.retriesLeft -= 1;
    task.dueAt = undefined;
    task.dueTick = -Infinity;
    task.notBefore = undefined;
    this.#accept(task, true);
  }

  #wait(task: PoolTask, isFirst = false): void {
    this.#queue.add(task, isFirst);
    if (this.#queue.size === 1) this.#options.demandRose();
  }

  #isDue(): void {
    if (this.#queue.size === 1) this.#options.demandRose();
    this.handOut();
  }

  #tellIfEmpty(): void {
    if (this.waiting === 0) this.#emptied?.();
  }

  #timedOut(task: PoolTask): void {
    const { pool, journal } = this.#options;
    const { request, reject } = task;
    emitTimedOut(journal, waitingTask(task));
    const message = `task ${request.type} of pool ${pool} was still waiting for a member after ${request.timeoutMs} ms`;
    reject(new AgentSystemError('TASK_TIMED_OUT', message, { details: { pool, task: request.type } }));
    this.#tellIfEmpty();
  }

  #cancelled(task: PoolTask): void {
    this.#endAbandoned(task, CANCELLED_BY_CALLER);
    this.#tellIfEmpty();
  }

  #endAbandoned(task: PoolTask, why: string): void {
    emitAbandoned(this.#options.journal, waitingTask(task), why);
    task.reject(this.#abandonment(task.request, why));
  }

  #abandonment({ type, signal }: TaskRequest, why: string): AgentSystemError {
    const { pool } = this.#options;
    return new AgentSystemError('TASK_ABANDONED', `task ${type} of pool ${pool} was abandoned: ${why}`, {
      cause: signal?.aborted ? signal.reason : undefined,
      details: { pool, task: type },
    });
  }

  #tellMeter(): void {
    this.#meter?.set(this.#busy, this.#capacity, this.#options.clock.elapsed());
  }
}

function concurrencyOf({ agent }: Member): number {
  return agent!.spec.tasks.concurrency;
}

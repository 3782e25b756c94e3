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
import { AsyncResource } from 'node:async_hooks';
import type { Agents } from '../fleet/agents.ts';
import type { SteadyClock } from '../time/clock.ts';
import { type AgentManifest, withTimeout } from '../definition/manifest.ts';
import { AgentSystemError } from '../values/errors.ts';
import type { GivenTask, TaskRequest, TaskCancel } from '../agent/task-request.ts';
import type { Journal } from '../journal/journal.ts';
import { emitAbandoned, emitCancelled, emitEnlisted, emitTimedOut, type Enlisted } from './enlisted-tasks.ts';
import { BusyMeter } from './busy-meter.ts';
import type { Member } from './member.ts';
import { LeastLoadedIndex } from './least-loaded.ts';
import { type PoolTask, WaitingQueue } from './waiting-queue.ts';

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
  readonly #index = new LeastLoadedIndex();
  readonly #meter: BusyMeter | undefined;
  /** Tasks of members that run, and how many they may have at once. */
  #busy = 0;
  #capacity = 0;
  #emptied: (() => void) | undefined;
  #isClosed = false;
  #abandoned = 0;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#queue = new WaitingQueue({
      clock: options.clock,
      timedOut: (task) => this.#timedOut(task),
      cancelled: (task) => this.#cancelled(task),
    });
    if (options.isMetered) this.#meter = new BusyMeter(options.clock.elapsed());
  }

  /** Tasks that wait. */
  get waiting(): number {
    return this.#queue.size;
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
    if (member.link !== undefined) this.#place(member);
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
    const request = withTimeout(asked, manifest.tasks[asked.type]);
    if (request.signal?.aborted) {
      return Promise.reject(this.#abandonment(request, 'cancelled before it began'));
    }
    const retriesLeft = manifest.tasks[request.type]?.retry ? retryAbandoned : 0;
    const member = this.#queue.size === 0 ? this.#free() : undefined;
    // The ordinary case: nobody waits, and nothing is to be repeated.
    if (member !== undefined && retriesLeft === 0) return this.#run(member, request);
    if (member === undefined && this.#queue.size >= queueLimit) {
      const message = `pool ${pool} has ${this.#queue.size} tasks waiting, its queueLimit is ${queueLimit}`;
      return Promise.reject(new AgentSystemError('TASK_QUEUE_FULL', message, { details: { pool } }));
    }
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const dueAt = request.timesOutAt ?? clock.elapsed() + (request.timeoutMs ?? Infinity);
    const caller = new AsyncResource('mabeam.task');
    const task: PoolTask = {
      request,
      caller,
      dueAt,
      resolve,
      reject,
      retriesLeft,
      kind: request.type,
      kindLimit: undefined,
      priority: request.priority ?? manifest.tasks[request.type]?.priority ?? 0,
      order: 0,
      previous: undefined,
      next: undefined,
      isQueued: false,
      enlisted: undefined,
    };
    if (member !== undefined) this.#give(member, task);
    else if (request.submission !== undefined) this.#enlist(task);
    else this.#wait(task);
    return promise;
  }

  /** Goes on with a submitted task that waited in an earlier program. */
  restore(given: GivenTask, enlisted: Enlisted): void {
    const { clock, manifest } = this.#options;
    const task: PoolTask = {
      request: given,
      caller: new AsyncResource('mabeam.task'),
      dueAt: given.timesOutAt ?? clock.elapsed() + (given.timeoutMs ?? Infinity),
      // Its record says how it ended.
      resolve: ignore,
      reject: ignore,
      retriesLeft: manifest.tasks[given.type]?.retry ? this.#options.retryAbandoned : 0,
      kind: given.type,
      kindLimit: undefined,
      priority: given.priority ?? manifest.tasks[given.type]?.priority ?? 0,
      order: 0,
      previous: undefined,
      next: undefined,
      isQueued: false,
      enlisted,
    };
    this.#wait(task);
    this.handOut();
  }

  /** Cancels a submitted task that waits; whether there was one. */
  cancel(taskId: string, cancel: TaskCancel): boolean {
    const task = this.#queue.all().find(({ enlisted }) => enlisted?.taskId === taskId);
    if (task === undefined) return false;
    this.#queue.remove(task);
    emitCancelled(this.#options.journal, task.enlisted!, task.kind, cancel);
    task.reject(this.#abandonment(task.request, cancel.why));
    this.#tellIfEmpty();
    return true;
  }

  /** It waits once that is durable. */
  #enlist(task: PoolTask): void {
    const { pool, journal, newTaskId, clock, manifest } = this.#options;
    const { request, dueAt } = task;
    const at = {
      pool,
      now: clock.now(),
      leftMs: dueAt - clock.elapsed(),
      retry: request.policy !== undefined || (manifest.tasks[request.type]?.retry ?? false),
    };
    task.enlisted = emitEnlisted(journal, newTaskId, at, request, (error) => {
      const { taskId } = task.enlisted!;
      request.submission?.accepted(taskId, error);
      if (error !== undefined) {
        emitAbandoned(journal, task.enlisted!, task.kind, error.message);
        return task.reject(error);
      }
      if (this.#isClosed) return this.#giveUp(task);
      this.#wait(task);
      this.handOut();
    });
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
    for (let task = this.#queue.next(); task !== undefined; task = this.#queue.next()) {
      this.#giveUp(task);
    }
  }

  #giveUp(task: PoolTask): void {
    const { journal, leavesTasks, pool } = this.#options;
    const why = 'no member was free before its pool closed';
    if (task.enlisted !== undefined && leavesTasks()) {
      const message = `task ${task.kind} of pool ${pool} was not done before the system closed; it stays accepted, as ${task.enlisted.taskId}`;
      return task.reject(new AgentSystemError('SYSTEM_CLOSED', message, { details: { pool } }));
    }
    this.#abandoned += 1;
    if (task.enlisted !== undefined) emitAbandoned(journal, task.enlisted, task.kind, why);
    task.reject(this.#abandonment(task.request, why));
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
    const { request, dueAt } = task;
    const given = { ...request, ...(dueAt === Infinity ? {} : { timesOutAt: dueAt }), ...this.#under(task) };
    const output = task.caller.runInAsyncScope(() => this.#run(member, given));
    output.then(task.resolve, (thrown: unknown) => this.#failed(task, thrown));
  }

  /** A submitted task has one id, whoever does it. */
  #under(task: PoolTask): Pick<GivenTask, 'again' | 'submission'> {
    const { submission } = task.request;
    if (task.enlisted !== undefined) {
      const again = task.enlisted;
      task.enlisted = { ...again, attempts: again.attempts + 1 };
      return { again, submission };
    }
    if (submission === undefined) return {};
    const accepted = (taskId: string, error: AgentSystemError | undefined): void => {
      task.enlisted = { taskId, attempts: 1 };
      submission.accepted(taskId, error);
    };
    return { submission: { ...submission, accepted } };
  }

  #failed(task: PoolTask, thrown: unknown): void {
    const isAbandoned = thrown instanceof AgentSystemError && thrown.code === 'TASK_ABANDONED';
    const mayRepeat = isAbandoned && task.retriesLeft > 0 && !task.request.signal?.aborted;
    if (!mayRepeat || this.#isClosed) return task.reject(thrown);
    task.retriesLeft -= 1;
    this.#wait(task, true);
    this.handOut();
  }

  #wait(task: PoolTask, isFirst = false): void {
    this.#queue.add(task, isFirst);
    if (this.#queue.size === 1) this.#options.demandRose();
  }

  #tellIfEmpty(): void {
    if (this.#queue.size === 0) this.#emptied?.();
  }

  #timedOut({ request, reject, enlisted }: PoolTask): void {
    const { pool, journal } = this.#options;
    if (enlisted !== undefined) emitTimedOut(journal, enlisted, request.type, request.timeoutMs ?? 0);
    const message = `task ${request.type} of pool ${pool} was still waiting for a member after ${request.timeoutMs} ms`;
    reject(new AgentSystemError('TASK_TIMED_OUT', message, { details: { pool, task: request.type } }));
    this.#tellIfEmpty();
  }

  #cancelled({ request, reject }: PoolTask): void {
    reject(this.#abandonment(request, 'cancelled by its caller'));
    this.#tellIfEmpty();
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

const ignore = (): void => {};

function concurrencyOf({ agent }: Member): number {
  return agent!.spec.tasks.concurrency;
}

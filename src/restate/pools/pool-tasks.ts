/**
 * The tasks of one pool of a fleet, as its virtual object keeps them: those that wait for a member, and those that members
 * have.
 *
 * The rules of runtime/pools/dispatcher.ts, over data.
 *
 * I1  A caller is answered once. A task that a member has begun is given to another only by `retryAbandoned`, and never
 *     one that is read, or that was cancelled.
 * I2  A task waits in one queue, the pool's, until a member is free; its time runs there, too.
 * I3  Who follows a task is told once which member has it, also after a task that was soon over.
 */
import type { AgentManifest } from '../../runtime/definition/manifest.ts';
import { CANCELLED_BY_CALLER } from '../../runtime/agent/task-events.ts';
import { AgentSystemError, inWords } from '../../runtime/values/errors.ts';
import { type Answer, refusalOf } from '../engine/call-answer.ts';
import type { Due } from '../engine/kept-chart.ts';
import type { TaskRecord } from '../../runtime/fleet/task-record.ts';
import { type AskedWork, lineIdOf } from '../tasks/task-entries.ts';
import type { PoolMember } from './pool-members.ts';
import type { AbortReason } from '../tasks/abort-reason.ts';

/** How long it is known who had a task that is over, for its follower, ms. */
const KEEP_MS = 60_000;

/** A task that waits for a member. */
export interface WaitingTask extends Due {
  readonly number: number;
  readonly work: AskedWork;
  readonly rank: number;
  /** Epoch ms; nothing of one that an earlier version has taken. */
  readonly acceptedAt?: number;
  /** How often it may still be given to another member. */
  readonly retriesLeft?: number;
  /** Who asks which member gets it. */
  readonly followers?: string[];
}

/** A task that a member has, or had. */
interface GivenTask {
  readonly number: number;
  readonly callId: string | undefined;
  readonly member: string;
  /** One that the pool answers: it may be given to another. */
  readonly task?: WaitingTask;
  /** Its caller follows it, and does not know yet who has it. */
  isSought?: true | undefined;
  isCancelled?: true | undefined;
  endedAt?: number | undefined;
}

export interface KeptTasks {
  nextTask: number;
  queue: WaitingTask[];
  given?: GivenTask[];
  isFinishing: boolean;
  tasksAbandoned: number;
  /** Waiting tasks were abandoned: none waits any more. */
  isOver?: true;
}

export interface TasksOwner {
  readonly name: string;
  readonly now: number;
  readonly kept: KeptTasks;
  readonly manifest: AgentManifest;
  readonly queueLimit: number;
  readonly retryAbandoned: number;
  /** The member that gets the next task, if any is free. */
  free(): PoolMember | undefined;
  give(member: string, number: number, work: AskedWork, isAnsweredHere: boolean): void;
  cancelCall(member: string, callId: string, reason: AbortReason | undefined): void;
  answer(token: string, answer: Answer): void;
  /** A task waits. */
  waits(): void;
  /** Nothing waits any more, after `finish`. */
  finished(): void;
}

export class PoolTasks {
  readonly #owner: TasksOwner;

  constructor(owner: TasksOwner) {
    this.#owner = owner;
  }

  get #kept(): KeptTasks {
    return this.#owner.kept;
  }

  /** Those that time out while they wait. */
  *dues(): Iterable<Due & { take(): void }> {
    for (const task of this.#kept.queue) {
      if (task.dueAt !== Infinity) yield { ...task, take: () => this.#timeOut(task) };
    }
  }

  /** Has a member do a task: at once, or once one is free. @throws AgentSystemError `TASK_QUEUE_FULL` */
  execute(work: AskedWork): void {
    const { name, now, manifest, queueLimit, retryAbandoned } = this.#owner;
    const { queue } = this.#kept;
    const kind = manifest.tasks[work.type];
    const number = this.#kept.nextTask;
    // Parts that were read cannot be taken back.
    const retriesLeft = kind?.retry === true && work.terms?.isStreamed !== true ? retryAbandoned : 0;
    const task: WaitingTask = {
      number,
      work,
      rank: work.priority ?? kind?.priority ?? 0,
      order: number,
      acceptedAt: now,
      dueAt: now + this.#timeoutOf(work),
      ...(retriesLeft === 0 ? {} : { retriesLeft }),
    };
    const member = queue.length === 0 ? this.#owner.free() : undefined;
    if (member === undefined && queue.length >= queueLimit) {
      const message = `pool ${name} has ${queue.length} tasks waiting, its queueLimit is ${queueLimit}`;
      throw new AgentSystemError('TASK_QUEUE_FULL', message, { details: { pool: name } });
    }
    this.#kept.nextTask += 1;
    if (member === undefined) this.#wait(task);
    else this.#give(member, task);
  }

  /** Cancels a task. */
  cancel(callId: string, reason: AbortReason | undefined): void {
    const waiting = this.#kept.queue.find(({ work }) => work.terms?.callId === callId);
    if (waiting !== undefined) {
      this.#remove(waiting);
      this.#refuse(waiting, this.#abandonment(waiting, CANCELLED_BY_CALLER));
      return this.#tellIfEmpty();
    }
    const given = this.#given.find((other) => other.callId === callId);
    if (given === undefined) return;
    given.isCancelled = true;
    this.#owner.cancelCall(given.member, callId, reason);
  }

  /** Records of those that wait, in their order. */
  waiting(): TaskRecord[] {
    const { name: pool, now, retryAbandoned } = this.#owner;
    return this.#kept.queue.map(({ number, work, acceptedAt = now, retriesLeft }) => ({
      id: lineIdOf(pool, number),
      agentId: '',
      pool,
      task: work.type,
      status: 'waiting',
      attempts: retriesLeft === undefined ? 0 : retryAbandoned - retriesLeft,
      acceptedAt,
    }));
  }

  /** Ends one that waits. @throws AgentSystemError `TASK_UNKNOWN` of one that does not wait any more */
  cancelWaiting(number: number, why: string): TaskRecord {
    const { name: pool } = this.#owner;
    const id = lineIdOf(pool, number);
    const records = this.waiting();
    const at = records.findIndex((record) => record.id === id);
    if (at === -1) throw new AgentSystemError('TASK_UNKNOWN', `no task ${inWords(id)} waits in its pool`);
    const record = records[at]!;
    const task = this.#kept.queue[at]!;
    this.#remove(task);
    this.#refuse(task, this.#abandonment(task, why));
    this.#tellIfEmpty();
    const { now: endedAt } = this.#owner;
    return { ...record, status: 'cancelled', endedAt, error: { name: 'Error', message: why } };
  }

  /** Tells which member has a task, once one has it; `null` where there is no such task. */
  locate(callId: string, token: string): void {
    const waiting = this.#kept.queue.find(({ work }) => work.terms?.callId === callId);
    if (waiting?.followers !== undefined) return void waiting.followers.push(token);
    const given = this.#given.find((other) => other.callId === callId);
    if (given !== undefined) given.isSought = undefined;
    this.#owner.answer(token, { value: given?.member ?? null });
  }

  /** How one ended that the pool answers. */
  ended(number: number, token: string, answer: Answer): void {
    const isIt = (other: GivenTask): boolean => other.number === number && other.task?.work.token === token;
    const given = this.#given.find(isIt);
    const { retriesLeft = 0 } = given?.task ?? {};
    const isAbandoned = 'refusal' in answer && answer.refusal.code === 'TASK_ABANDONED';
    const mayRepeat =
      isAbandoned && retriesLeft > 0 && given?.isCancelled !== true && this.#kept.isOver !== true;
    if (given !== undefined) this.#over(given);
    if (!mayRepeat) return this.#owner.answer(token, answer);
    const again = { ...given!.task!, number: this.#kept.nextTask, retriesLeft: retriesLeft - 1 };
    this.#kept.nextTask += 1;
    this.#wait(again);
    this.handOut();
  }

  /** Notes which tasks the members have done. */
  follow(members: readonly PoolMember[]): void {
    const held = new Set(members.flatMap(({ given }) => given));
    for (const given of this.#given) {
      if (given.task === undefined && !held.has(given.number)) this.#over(given);
    }
    const { now } = this.#owner;
    this.#kept.given = this.#given.filter(
      ({ endedAt, isSought }) => endedAt === undefined || (isSought === true && now - endedAt < KEEP_MS),
    );
  }

  handOut(): void {
    for (;;) {
      const { queue } = this.#kept;
      const member = queue.length === 0 ? undefined : this.#owner.free();
      if (member === undefined) break;
      const next = queue.toSorted((one, other) => other.rank - one.rank || one.order - other.order)[0]!;
      this.#remove(next);
      this.#give(member, next);
    }
    this.#tellIfEmpty();
  }

  /** Reports once no task waits. */
  finish(): void {
    this.#kept.isFinishing = true;
    this.#tellIfEmpty();
  }

  /** Abandons waiting tasks; none waits from now on. */
  abandonAll(): void {
    this.#kept.isOver = true;
    for (const task of this.#kept.queue) {
      this.#kept.tasksAbandoned += 1;
      this.#refuse(task, this.#abandonment(task, 'no member was free before its pool closed'));
    }
    this.#kept.queue = [];
  }

  get #given(): GivenTask[] {
    return this.#kept.given ?? [];
  }

  #over(given: GivenTask): void {
    given.endedAt ??= this.#owner.now;
  }

  #wait(task: WaitingTask): void {
    const { terms } = task.work;
    this.#kept.queue.push(terms?.isFollowed === true ? { ...task, followers: [] } : task);
    this.#owner.waits();
  }

  #give(member: PoolMember, task: WaitingTask): void {
    const { number, work, dueAt, followers = [], retriesLeft = 0, ...rest } = task;
    const { now } = this.#owner;
    member.given.push(number);
    for (const token of followers) this.#owner.answer(token, { value: member.id });
    const isSought = work.terms?.isFollowed === true && followers.length === 0;
    const isAnsweredHere = retriesLeft > 0;
    const given: GivenTask = {
      number,
      callId: work.terms?.callId,
      member: member.id,
      ...(isAnsweredHere ? { task: { ...rest, number, work, dueAt, retriesLeft } } : {}),
      ...(isSought ? { isSought } : {}),
    };
    this.#kept.given = [...this.#given, given];
    const left = dueAt === Infinity ? {} : { timeoutMs: Math.max(0, dueAt - now) };
    this.#owner.give(member.id, number, { ...work, ...left }, isAnsweredHere);
  }

  /** Its own, or that of its kind. */
  #timeoutOf({ type, timeoutMs }: AskedWork): number {
    return timeoutMs ?? this.#owner.manifest.tasks[type]?.timeoutMs ?? Infinity;
  }

  #timeOut(task: WaitingTask): void {
    this.#remove(task);
    const { name: pool } = this.#owner;
    const { type } = task.work;
    const timeoutMs = this.#timeoutOf(task.work);
    const message = `task ${type} of pool ${pool} was still waiting for a member after ${timeoutMs} ms`;
    this.#refuse(task, new AgentSystemError('TASK_TIMED_OUT', message, { details: { pool, task: type } }));
    this.#tellIfEmpty();
  }

  #remove(task: WaitingTask): void {
    this.#kept.queue = this.#kept.queue.filter((other) => other !== task);
  }

  #refuse({ work: { token }, followers = [] }: WaitingTask, error: AgentSystemError): void {
    for (const follower of followers) this.#owner.answer(follower, { value: null });
    if (token !== undefined) this.#owner.answer(token, { refusal: refusalOf(error) });
  }

  #abandonment({ work: { type } }: WaitingTask, why: string): AgentSystemError {
    const { name: pool } = this.#owner;
    return new AgentSystemError('TASK_ABANDONED', `task ${type} of pool ${pool} was abandoned: ${why}`, {
      details: { pool, task: type },
    });
  }

  #tellIfEmpty(): void {
    if (!this.#kept.isFinishing || this.#kept.queue.length > 0) return;
    this.#kept.isFinishing = false;
    this.#owner.finished();
  }
}

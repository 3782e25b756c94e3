/**
 * Tasks as things of their own: `system.tasks`. A record of each, whoever asked for it, and what may be asked of it.
 *
 * Owns the records. Where a task stands is told by the event stream and read through the chart of a task; who does the
 * work is the agent's.
 *
 * I1  A record says what the stream has said, and nothing else: the same in this program and in the next.
 * I2  Records of tasks that have not ended are never dropped; of those that have, the newest are kept.
 * I3  One idempotency key stands for one task, for as long as there is a record of it.
 */
import { z } from 'zod';
import {
  type ErrorInfo,
  durationMs,
  hasAttemptLeft,
  hasTaskEnded,
  legalForTask,
  type Parked,
  retryPolicy,
  type TaskCommand,
  type TaskChartEvent,
  type TaskPlace,
  taskPlaceAfter,
  taskStatuses,
  type TaskStatus,
  taskStatusOf,
} from '../../machines/index.ts';
import { CANCELLED_BY_CALLER } from '../agent/task-events.ts';
import { type Queued, TaskQueue } from '../agent/task-queue.ts';
import type { GivenTask, RestoredTask, Submission, TaskRequest } from '../agent/task-request.ts';
import type { AgentManifest } from '../definition/manifest.ts';
import type { RetryOptions } from '../definition/task-kind.ts';
import type { Questions } from '../agent/questions.ts';
import type { Journal } from '../journal/journal.ts';
import type { Recovery, TaskProgress } from '../journal/store.ts';
import type { SystemEvent } from '../journal/system-event.ts';
import type { SteadyClock } from '../time/clock.ts';
import { within } from '../time/deadline.ts';
import { AgentSystemError, type ErrorCode, errorFrom, inWords } from '../values/errors.ts';
import { jsonProblemOf } from '../values/json-survey.ts';
import { dataCopy } from '../values/data-copy.ts';
import { parseInput } from '../values/malformed.ts';
import type { Agents } from './agents.ts';
import { type ScheduleOptions, type ScheduleRecord, Schedules } from './schedules.ts';
import { checkTask } from './task-check.ts';

/** Who is to do a task: an agent, the least loaded agent of a type, or a pool. */
export type TaskTarget = string | { readonly type: string } | { readonly pool: string };

/** A task as it is submitted. */
export interface SubmittedTask extends Omit<TaskRequest, 'signal' | 'transfer'> {
  /** The same key gives the same task, in a later program too: nothing is done twice. */
  readonly idempotencyKey?: string;
  /** The same key gives the same task as long as that has not ended; after its end it is a new one. */
  readonly dedupeKey?: string;
  /** How often it is tried; default what its kind says. Whose errors are worth it is said by its definition alone. */
  readonly retry?: RetryOptions;
  /** It is not begun before then: epoch ms, or so many ms from now. Its `timeoutMs` counts from then. Not for a pool. */
  readonly notBefore?: number;
  readonly delayMs?: number;
}

/** What is known of a task. Times are epoch ms. */
export interface TaskRecord {
  readonly id: string;
  /** Empty while it waits in the line of its pool. */
  readonly agentId: string;
  /** The pool in whose line it waits, or has waited until its end. */
  readonly pool?: string;
  /** Its name in the definition. */
  readonly task: string;
  readonly status: TaskStatus;
  /** How often it was begun. */
  readonly attempts: number;
  readonly acceptedAt: number;
  readonly startedAt?: number;
  readonly endedAt?: number;
  /** While it runs and has stalled: since when that is known. */
  readonly stalledAt?: number;
  /** What it waits for, while it is `parked`. */
  readonly parked?: Parked;
  /** While it waits for its time, or for its next attempt: not before then. */
  readonly dueAt?: number;
  /** Of one that was submitted and is done: JSON data. */
  readonly output?: unknown;
  /** Why it has no output: what was thrown, or what gave it up; of one that waits for another attempt, at the last. */
  readonly error?: ErrorInfo;
  readonly idempotencyKey?: string;
  readonly dedupeKey?: string;
}

export interface TaskFilter {
  readonly agentId?: string;
  /** Its name in the definition. */
  readonly type?: string;
  readonly status?: TaskStatus;
}

type Accepted = Extract<SystemEvent, { readonly type: 'task.accepted' }>;
type TaskEvent = Extract<SystemEvent, { type: `task.${string}` }>;
type QuestionEvent = Extract<SystemEvent, { readonly type: `question.${string}` }>;

/** A task that is known; those that have ended are in a queue. */
interface Known extends Queued<Known> {
  readonly id: string;
  agentId: string;
  pool: string | undefined;
  readonly task: string;
  place: TaskPlace;
  attempts: number;
  acceptedAt: number;
  startedAt: number | undefined;
  endedAt: number | undefined;
  dueAt: number | undefined;
  output: unknown;
  code: ErrorCode | undefined;
  error: ErrorInfo | undefined;
  /** Of one that was submitted: what is needed to do it again. */
  submitted: Accepted | undefined;
  keys: TaskKeys;
  parked: Parked | undefined;
  stalledAt: number | undefined;
  /** Sequence of the event that ended it. */
  endedBy: number;
  /** Whoever waits for its end: told of it, or why it is not waited for any more. */
  waiting: ((why?: AgentSystemError) => void)[] | undefined;
}

/** By what a task is known besides its id: one of the two, or neither. */
interface TaskKeys {
  readonly idempotencyKey?: string | undefined;
  readonly dedupeKey?: string | undefined;
}

export interface TasksOptions {
  readonly journal: Journal;
  readonly questions: Questions;
  readonly clock: SteadyClock;
  readonly agents: Agents;
  /** Does a task in a pool; it is checked there. */
  readonly runInPool: (pool: string, task: GivenTask) => Promise<unknown>;
  readonly assertOpen: () => void;
  /** Goes on with what waited in the lines of pools, once these are there. */
  readonly restoreInPool: (
    pool: string,
    tasks: { given: GivenTask; enlisted: { taskId: string; attempts: number } }[],
  ) => void;
  /** Cancels a task that waits in a pool's line; whether there was one. */
  readonly cancelInPool: (pool: string, taskId: string, why: string) => boolean;
  /** Records kept of tasks that have ended. */
  readonly maxEnded: number;
}

const targetSchema = z.union(
  [z.string(), z.strictObject({ type: z.string() }), z.strictObject({ pool: z.string() })],
  { error: 'expected the id of an agent, { type } or { pool }' },
);
const submissionSchema = z.strictObject({
  idempotencyKey: z.string().min(1).max(1_024).optional(),
  dedupeKey: z.string().min(1).max(1_024).optional(),
  retry: retryPolicy.optional(),
  notBefore: z.number().optional(),
  delayMs: z.number().min(0).optional(),
});
const filterSchema = z.strictObject({
  agentId: z.string().optional(),
  type: z.string().optional(),
  status: z.enum(taskStatuses).optional(),
});
const resultSchema = z.strictObject({ timeoutMs: durationMs.optional() });
const NO_DELAY_IN_POOLS =
  'submit: notBefore, delayMs: a pool takes tasks that are due; expected an agent, or a type';
const MISSED: Partial<Record<TaskStatus, ErrorCode>> = { timed_out: 'TASK_TIMED_OUT', failed: 'TASK_FAILED' };

export class Tasks {
  readonly #options: TasksOptions;
  readonly #known = new Map<string, Known>();
  readonly #byKey = new Map<string, string>();
  /** Keys whose task is being accepted. */
  readonly #submitting = new Map<string, Promise<string>>();
  /** Tasks that have ended, oldest first. */
  readonly #ended = new TaskQueue<Known>();
  #closed: AgentSystemError | undefined;
  readonly #schedules: Schedules;

  constructor(options: TasksOptions) {
    this.#options = options;
    this.#schedules = new Schedules({
      journal: options.journal,
      clock: options.clock,
      submit: async (target, task) => (await this.submit(target, task)).id,
    });
    options.journal.observe((event) => {
      if (event.type.startsWith('task.')) this.#note(event as TaskEvent);
      else if (event.type.startsWith('question.')) this.#noteQuestion(event as QuestionEvent);
    });
  }

  /**
   * Hands a task over to be done, whoever asks for its result. Resolves with its record once that is durable.
   *
   * To `{ type }` the least loaded agent of that type does it; to `{ pool }` it is handed over once a member takes it.
   *
   * @throws AgentSystemError `AGENT_NOT_FOUND`, `AGENT_NOT_RUNNING`, `POOL_UNKNOWN`, `TASK_INCOMPATIBLE`,
   * `TASK_INPUT_INVALID` also for what is no JSON data, `TASK_QUEUE_FULL`, `STORE_FAILED`, `SYSTEM_CLOSED`
   */
  async submit(target: TaskTarget, task: SubmittedTask): Promise<TaskRecord> {
    this.#options.assertOpen();
    const { idempotencyKey, dedupeKey, retry, notBefore, delayMs, ...asked } = { ...task };
    const { retry: policy } = parseInput(
      submissionSchema,
      { idempotencyKey, dedupeKey, retry, notBefore, delayMs },
      { what: 'submit', code: 'TASK_INPUT_INVALID' },
    );
    if (notBefore !== undefined && delayMs !== undefined) {
      throw new AgentSystemError('TASK_INPUT_INVALID', 'submit: expected notBefore or delayMs, got both');
    }
    if (idempotencyKey !== undefined && dedupeKey !== undefined) {
      throw new AgentSystemError(
        'TASK_INPUT_INVALID',
        'submit: expected idempotencyKey or dedupeKey, got both',
      );
    }
    const dueAt = delayMs === undefined ? notBefore : this.#options.clock.now() + delayMs;
    const request: GivenTask = {
      whenDown: 'wait',
      ...asked,
      ...(policy ? { policy } : {}),
      ...(dueAt === undefined ? {} : { dueAt }),
    };
    const to = parseInput(targetSchema, target, { what: 'submit', code: 'TASK_INPUT_INVALID' });
    const problem = jsonProblemOf(request.input);
    if (problem !== undefined) {
      const message = `submit: the input of ${inWords(request.type)}: ${problem}, expected JSON data`;
      throw new AgentSystemError('TASK_INPUT_INVALID', message);
    }
    const keys: TaskKeys = { idempotencyKey, dedupeKey };
    const key = keyOf(keys);
    if (key === undefined) return this.get(await this.#submit(to, request, keys));
    const known = this.#byKey.get(key);
    if (known !== undefined) return this.get(known);
    const under = this.#submitting.get(key);
    if (under !== undefined) return this.get(await under);
    const submitting = this.#submit(to, request, keys).finally(() => this.#submitting.delete(key));
    this.#submitting.set(key, submitting);
    return this.get(await submitting);
  }

  /** @throws AgentSystemError `TASK_UNKNOWN` */
  get(taskId: string): TaskRecord {
    return recordOf(this.#find(taskId));
  }

  /** All that are known and fit, in the order of their acceptance. @throws AgentSystemError `TASK_INPUT_INVALID` */
  list(filter: TaskFilter = {}): TaskRecord[] {
    const { agentId, type, status } = parseInput(filterSchema, filter, {
      what: 'tasks.list',
      code: 'TASK_INPUT_INVALID',
    });
    const found: TaskRecord[] = [];
    for (const task of this.#known.values()) {
      const fits =
        (agentId === undefined || task.agentId === agentId) &&
        (type === undefined || task.task === type) &&
        (status === undefined || taskStatusOf(task.place) === status);
      if (fits) found.push(recordOf(task));
    }
    return found;
  }

  /** What may be asked of a task as it stands. @throws AgentSystemError `TASK_UNKNOWN` */
  legal(taskId: string): readonly TaskCommand[] {
    const { place, submitted } = this.#find(taskId);
    return legalForTask(place).filter((command) => command !== 'retry' || submitted !== undefined);
  }

  /**
   * Waits for a task to end. Resolves with its output once that is durable.
   *
   * @param options.timeoutMs how long to wait; default without end
   * @throws AgentSystemError `TASK_UNKNOWN`; `TASK_FAILED`, `TASK_TIMED_OUT` or `TASK_ABANDONED` for one that ended so
   * (its cause and `details.status` say more), `TASK_TIMED_OUT` also for one that has not ended in that time;
   * `STORE_FAILED` for an end that the store has not kept: ask again once it is back; `SYSTEM_CLOSED` for one that is
   * left to the next program
   */
  async result(taskId: string, options: { readonly timeoutMs?: number } = {}): Promise<unknown> {
    const { timeoutMs } = parseInput(resultSchema, options, {
      what: 'tasks.result',
      code: 'TASK_INPUT_INVALID',
    });
    const task = this.#find(taskId);
    if (!hasTaskEnded(taskStatusOf(task.place))) {
      if (this.#closed) throw this.#closed;
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const tell = (why?: AgentSystemError) => (why === undefined ? resolve() : reject(why));
      (task.waiting ??= []).push(tell);
      if (timeoutMs === undefined || timeoutMs === Infinity) await promise;
      else {
        await within(this.#options.clock, timeoutMs, promise, () => {
          task.waiting = task.waiting?.filter((waiting) => waiting !== tell);
          const how = `has not ended within ${timeoutMs} ms: it is ${taskStatusOf(task.place)}`;
          throw missed(task, 'TASK_TIMED_OUT', how);
        });
      }
    }
    if (!this.#options.journal.hasKept(task.endedBy)) {
      const message = `task ${taskId} has ended, and the store failed: that was not made durable`;
      throw new AgentSystemError('STORE_FAILED', message, { agentId: task.agentId });
    }
    const status = taskStatusOf(task.place);
    if (status === 'done') return task.output;
    throw missed(task, MISSED[status] ?? 'TASK_ABANDONED', `is ${status}`);
  }

  /**
   * Cancels a task that waits or runs: its work's signal fires. Resolves with its record.
   *
   * @throws AgentSystemError `TASK_UNKNOWN`, `AGENT_ILLEGAL_COMMAND` for one that has ended
   */
  async cancel(taskId: string, reason = CANCELLED_BY_CALLER): Promise<TaskRecord> {
    this.#options.assertOpen();
    const task = this.#commanded(taskId, 'cancel');
    const { agents, cancelInPool } = this.#options;
    if (task.agentId !== '') agents.find(task.agentId).cancelTask(taskId, reason);
    else cancelInPool(task.pool!, taskId, reason);
    await this.#options.journal.settled();
    return recordOf(task);
  }

  /**
   * Has a submitted task that ended without an output done again, under its id: now, or once its agent runs.
   *
   * It has all of its attempts, and all of its time, once more.
   *
   * @throws AgentSystemError `TASK_UNKNOWN`, `AGENT_NOT_FOUND`, `STORE_FAILED`, `AGENT_ILLEGAL_COMMAND` for one that has
   * not ended, is done, or was not submitted
   */
  async retry(taskId: string): Promise<TaskRecord> {
    this.#options.assertOpen();
    const task = this.#commanded(taskId, 'retry');
    const { input, timeoutMs, policy, priority, trace } = task.submitted!;
    const { promise: accepted, resolve, reject } = Promise.withResolvers<void>();
    const given: GivenTask = {
      type: task.task,
      input: dataCopy(input),
      // Of what was submitted all is known: no time means without end.
      timeoutMs: timeoutMs ?? Infinity,
      policy,
      ...(priority === undefined ? {} : { priority }),
      again: { taskId, attempts: task.attempts },
      submission: {
        ...task.keys,
        accepted: (_, error) => (error ? reject(error) : resolve()),
      },
    };
    const { agents, runInPool } = this.#options;
    const output =
      task.agentId === '' ? runInPool(task.pool!, given) : agents.find(task.agentId).execute(given, trace);
    output.catch(reject);
    await accepted;
    return recordOf(task);
  }

  /** Drops the record of a task that has ended. @throws AgentSystemError `TASK_UNKNOWN`, `AGENT_ILLEGAL_COMMAND` */
  async forget(taskId: string): Promise<void> {
    this.#options.assertOpen();
    this.#drop(this.#commanded(taskId, 'forget'));
    await this.#options.journal.settled();
  }

  /**
   * Has a task submitted again and again: at the times of a cron pattern, or every `everyMs`. Resolves with its record
   * once that is durable.
   *
   * There is one task for each due time, also over the end of a program. A schedule that is set again as it is goes on;
   * another one of its name takes its place. Of the times that passed while no program ran the latest is made up for,
   * with `missed: 'skip'` none.
   *
   * @throws AgentSystemError `TASK_INPUT_INVALID` naming the field, `STORE_FAILED`, `SYSTEM_CLOSED`
   */
  async schedule(options: ScheduleOptions): Promise<ScheduleRecord> {
    this.#options.assertOpen();
    return this.#schedules.set(options);
  }

  /** All schedules, in the order in which they were set. */
  schedules(): ScheduleRecord[] {
    return this.#schedules.list();
  }

  /**
   * Removes a schedule; tasks that it has submitted stay.
   *
   * @param options.by who asks for it
   * @throws AgentSystemError `TASK_UNKNOWN` for a name that no schedule has, `STORE_FAILED`, `SYSTEM_CLOSED`
   */
  async unschedule(name: string, options: { readonly by?: string } = {}): Promise<void> {
    this.#options.assertOpen();
    return this.#schedules.remove(name, options);
  }

  /** @internal The fleet is there: what is due is submitted from now on. */
  begin({ schedules = [] }: Recovery): void {
    this.#schedules.restore(schedules);
  }

  /** @internal The system closes: no schedule submits anything any more. */
  halt(): void {
    this.#schedules.close();
  }

  /** @internal What an earlier program knew; gives what its agents are to go on with, by agent. */
  restore({ tasks, endedTasks = [], taskProgress }: Recovery): ReadonlyMap<string, readonly RestoredTask[]> {
    for (const { accepted, end } of endedTasks) {
      this.#note(accepted);
      const known = this.#known.get(accepted.taskId)!;
      known.attempts = end.attempts ?? known.attempts;
      known.startedAt = end.startedAt;
      if (end.startedAt !== undefined) known.place = 'running';
      this.#note(end);
    }
    const left = new Map<string, RestoredTask[]>();
    const inLine = new Map<string, Accepted[]>();
    for (const accepted of tasks) {
      const { agentId, taskId } = accepted;
      this.#note(accepted);
      const known = this.#known.get(taskId)!;
      if (accepted.pool !== undefined) {
        inLine.set(accepted.pool, [...(inLine.get(accepted.pool) ?? []), accepted]);
        continue;
      }
      const progress = taskProgress?.get(taskId);
      if (progress) {
        // As it stood before that.
        known.place = progress.type === 'task.started' ? 'waiting.queued' : 'running';
        this.#note(progress);
      }
      const isInFlight = progress?.type === 'task.started';
      // Of one that nobody has begun, or whose last attempt is known to have ended, nothing is unknown.
      const isClear = (progress && !isInFlight) || (accepted.submitted && taskProgress);
      // One that has asked a person is begun again whatever its kind says: it goes on from the answer.
      const asked = this.#options.questions.taskOf(taskId);
      const goesOn =
        asked !== undefined || (isClear && !isInFlight) ? true : this.#isRepeated(accepted, known.attempts);
      if (!this.#options.agents.has(agentId) || !goesOn) {
        this.#lost(accepted, false);
        continue;
      }
      if (!isClear || isInFlight) {
        move(known, 'task.accepted');
        this.#lost(accepted, true);
      }
      const ofAgent = left.get(agentId);
      const restored = restoredTask(accepted, known, progress);
      const task =
        asked === undefined
          ? restored
          : { ...restored, deadlineAt: undefined, timeoutMs: undefined, ...asked };
      if (ofAgent) ofAgent.push(task);
      else left.set(agentId, [task]);
    }
    for (const [pool, tasks] of inLine) {
      this.#options.restoreInPool(
        pool,
        tasks.map((accepted) => this.#inLine(accepted)),
      );
    }
    return left;
  }

  /** A task that waited in a pool's line, with what is left of its time. */
  #inLine(accepted: Accepted) {
    const { taskId, task, attempts = 0, timeoutMs, deadlineAt } = accepted;
    const { input, policy, priority, submission } = restoredTask(
      accepted,
      this.#known.get(taskId)!,
      undefined,
    );
    const { clock } = this.#options;
    const leftMs = deadlineAt === undefined ? undefined : Math.max(0, deadlineAt - clock.now());
    const given: GivenTask = {
      type: task,
      input,
      policy,
      submission,
      ...(priority === undefined ? {} : { priority }),
      // Of what was submitted all is known: no time means without end.
      timeoutMs: timeoutMs ?? Infinity,
      ...(leftMs === undefined ? {} : { timesOutAt: clock.elapsed() + Math.min(leftMs, timeoutMs!) }),
    };
    return { given, enlisted: { taskId, attempts } };
  }

  /** @internal Ids of the tasks that the next program goes on with. */
  left(): readonly string[] {
    return [...this.#known.values()]
      .filter(({ place }) => !hasTaskEnded(taskStatusOf(place)))
      .map(({ id }) => id);
  }

  #lost({ agentId, incarnation, taskId, task, input, submitted }: Accepted, retry: boolean): void {
    const { attempts, startedAt } = this.#known.get(taskId)!;
    this.#options.journal.emit({
      type: 'task.unknown',
      agentId,
      incarnation,
      taskId,
      task,
      retry,
      ...(submitted ? { submitted, attempts, ...(startedAt === undefined ? {} : { startedAt }) } : {}),
      ...(input === undefined ? {} : { input }),
    });
  }

  /** Whether a task that was in flight may be begun again: what ended it then counts as an attempt. */
  #isRepeated({ agentId, task, retry, policy, attempts = 0 }: Accepted, begun: number): boolean {
    if (!retry) return false;
    const kept = policy ?? this.#manifestOf(agentId)?.tasks[task]?.policy;
    return kept === undefined || hasAttemptLeft(kept, begun - attempts);
  }

  #manifestOf(agentId: string): AgentManifest | undefined {
    const { agents } = this.#options;
    return agents.has(agentId) ? agents.find(agentId).manifest : undefined;
  }

  async #submit(to: z.output<typeof targetSchema>, request: GivenTask, keys: TaskKeys): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const submission: Submission = {
      ...keys,
      accepted: (taskId, error) => (error ? reject(error) : resolve(taskId)),
    };
    const given = { ...request, submission };
    const { agents, runInPool } = this.#options;
    let output: Promise<unknown>;
    if (typeof to === 'object' && 'pool' in to) {
      if (given.dueAt !== undefined) throw new AgentSystemError('TASK_INPUT_INVALID', NO_DELAY_IN_POOLS);
      output = runInPool(to.pool, given);
    } else {
      const { whenDown } = request;
      const agent =
        typeof to === 'string'
          ? agents.asked(to, whenDown === 'wait' ? 'until it runs' : 'never')
          : agents.leastLoaded(to.type, whenDown);
      const { policy: _, dueAt: __, ...asked } = request;
      checkTask(asked, agent.manifest, agent.id);
      output = agents.run(agent, given);
    }
    // Whoever wants the output asks by the id; what is refused before it is accepted is refused here.
    output.catch(reject);
    return promise;
  }

  #find(taskId: string): Known {
    const task = this.#known.get(taskId);
    if (task !== undefined) return task;
    throw new AgentSystemError('TASK_UNKNOWN', `no task ${inWords(taskId)} is known`);
  }

  #commanded(taskId: string, command: TaskCommand): Known {
    const task = this.#find(taskId);
    const legal = this.legal(taskId);
    if (legal.includes(command)) return task;
    const { agentId } = task;
    const status = taskStatusOf(task.place);
    const message = `task ${taskId} is ${status}: ${command} is not allowed; allowed here: ${legal.join(', ') || 'nothing'}`;
    throw new AgentSystemError('AGENT_ILLEGAL_COMMAND', message, {
      agentId,
      details: { taskId, status, command, legal },
    });
  }

  /** What the stream says of a task. */
  #note(event: TaskEvent): void {
    const known = this.#known.get(event.taskId);
    if (event.type === 'task.accepted') return known ? this.#again(known, event) : this.#add(event);
    if (known === undefined || event.type === 'task.step') return;
    if (event.type === 'task.stalled') return void (known.stalledAt = event.at);
    known.stalledAt = undefined;
    if (event.type === 'task.progressed') return;
    // One that is to be done again waits for that.
    if (event.type === 'task.unknown' && event.retry) return move(known, 'task.accepted');
    if (event.type === 'task.started' && known.dueAt !== undefined) move(known, 'task.due');
    const type = isCancel(event) ? 'task.cancelled' : event.type;
    if (taskPlaceAfter(known.place, type) === 'forgotten') return this.#remove(known);
    move(known, type);
    switch (event.type) {
      case 'task.started':
        known.attempts = event.attempt ?? known.attempts + 1;
        known.startedAt = event.at;
        known.dueAt = undefined;
        known.error = undefined;
        known.parked = undefined;
        if (this.#options.questions.openOf(known.id) > 0) move(known, 'task.asked');
        return;
      case 'task.parked':
        known.attempts = event.attempt ?? known.attempts - 1;
        known.startedAt = undefined;
        known.parked = parkedBy(event);
        return;
      case 'task.retry_scheduled':
        known.attempts = event.attempt;
        known.startedAt = event.startedAt;
        known.dueAt = event.dueAt;
        known.error = event.error;
        return;
      case 'task.completed':
        known.output = event.output;
        break;
      case 'task.failed':
        known.code = event.code;
        known.error = event.error;
        break;
      case 'task.abandoned':
        known.error = { name: 'Abandoned', message: event.why };
        break;
      default:
    }
    if (!hasTaskEnded(taskStatusOf(known.place))) return;
    known.dueAt = undefined;
    known.parked = undefined;
    known.endedAt = event.at;
    known.endedBy = event.sequence;
    this.#end(known);
  }

  /** It waits for a person as long as one of its questions is open. */
  #noteQuestion({ type, taskId }: QuestionEvent): void {
    const known = this.#known.get(taskId);
    if (known === undefined) return;
    if (type === 'question.asked' || type === 'question.refused') move(known, 'task.asked');
    else if (this.#options.questions.openOf(taskId) === 0) move(known, 'task.told');
  }

  #add(event: Accepted): void {
    const { taskId: id, agentId, pool, task, at, submitted, attempts = 0, dueAt } = event;
    const { idempotencyKey, dedupeKey } = event;
    const known: Known = {
      id,
      agentId,
      pool,
      task,
      place: 'waiting.queued',
      attempts,
      acceptedAt: at,
      startedAt: undefined,
      endedAt: undefined,
      dueAt,
      output: undefined,
      code: undefined,
      error: undefined,
      submitted: submitted ? event : undefined,
      keys: { idempotencyKey, dedupeKey },
      endedBy: 0,
      parked: undefined,
      stalledAt: undefined,
      waiting: undefined,
      previous: undefined,
      next: undefined,
      isQueued: false,
    };
    if (dueAt !== undefined) move(known, 'task.deferred');
    this.#known.set(id, known);
    const key = keyOf(known.keys);
    if (key !== undefined) this.#byKey.set(key, id);
  }

  #again(known: Known, { agentId, pool }: Accepted): void {
    known.agentId = agentId;
    known.pool = pool;
    known.parked = undefined;
    move(known, 'task.accepted');
    known.endedAt = undefined;
    known.code = undefined;
    known.error = undefined;
    this.#ended.remove(known);
    const { dedupeKey } = known.keys;
    const key = keyOf(known.keys);
    // While it was over another one may have been asked for by its key.
    if (dedupeKey !== undefined && key !== undefined && !this.#byKey.has(key)) this.#byKey.set(key, known.id);
  }

  /** @internal The system has closed: nobody will hear any more how a task has ended. */
  discard(why: AgentSystemError): void {
    this.#closed = why;
    this.#schedules.close();
    for (const known of this.#known.values()) {
      const { waiting } = known;
      known.waiting = undefined;
      if (waiting) for (const tell of waiting) tell(why);
    }
  }

  #end(known: Known): void {
    const { waiting } = known;
    known.waiting = undefined;
    if (known.keys.dedupeKey !== undefined) this.#forgetKey(known);
    if (waiting) for (const tell of waiting) tell();
    if (!known.isQueued) this.#ended.add(known);
    if (this.#ended.size > this.#options.maxEnded) this.#drop(this.#ended.first!);
  }

  #drop(known: Known): void {
    this.#remove(known);
    if (known.submitted === undefined) return;
    const { id: taskId, agentId, task } = known;
    this.#options.journal.emit({ type: 'task.forgotten', agentId, incarnation: 0, taskId, task });
  }

  #remove(known: Known): void {
    this.#known.delete(known.id);
    this.#ended.remove(known);
    this.#forgetKey(known);
  }

  #forgetKey({ id, keys }: Known): void {
    const key = keyOf(keys);
    if (key !== undefined && this.#byKey.get(key) === id) this.#byKey.delete(key);
  }
}

/** The two kinds of keys know nothing of each other. */
function keyOf({ idempotencyKey, dedupeKey }: TaskKeys): string | undefined {
  if (idempotencyKey !== undefined) return `idempotency ${idempotencyKey}`;
  return dedupeKey === undefined ? undefined : `dedupe ${dedupeKey}`;
}

function isCancel(event: TaskEvent): boolean {
  return event.type === 'task.abandoned' && (event.isCancelled === true || event.why === CANCELLED_BY_CALLER);
}

/** Where it stands after an event that forgets nothing. */
function move(known: Known, event: TaskChartEvent['type']): void {
  known.place = taskPlaceAfter(known.place, event) as TaskPlace;
}

function restoredTask(
  accepted: Accepted,
  { attempts, startedAt }: Known,
  progress: TaskProgress | undefined,
): RestoredTask {
  const { taskId, task, input, retry, policy, timeoutMs, deadlineAt, trace } = accepted;
  const { idempotencyKey, dedupeKey } = accepted;
  const { priority, dueAt: firstDueAt, at } = accepted;
  const first = firstDueAt === undefined ? {} : { dueAt: firstDueAt, delayMs: Math.max(0, firstDueAt - at) };
  const { dueAt, delayMs } =
    progress === undefined ? first : progress.type === 'task.retry_scheduled' ? progress : NOT_DELAYED;
  return {
    taskId,
    task,
    input: dataCopy(input),
    retry,
    policy,
    timeoutMs,
    deadlineAt,
    trace,
    priority,
    submission: accepted.submitted && { idempotencyKey, dedupeKey, accepted: ignore },
    before: accepted.attempts ?? 0,
    attempts,
    startedAt,
    dueAt,
    delayMs,
  };
}

function parkedBy({ at, until, why, guessed, quota }: Extract<TaskEvent, { type: 'task.parked' }>): Parked {
  return { at, until, why, ...(guessed ? { guessed } : {}), ...(quota === undefined ? {} : { quota }) };
}

const NOT_DELAYED: { readonly dueAt?: number; readonly delayMs?: number } = {};
const ignore = (): void => {};

function recordOf(task: Known): TaskRecord {
  const { id, agentId, pool, place, attempts, acceptedAt, startedAt, endedAt, dueAt, parked, stalledAt } =
    task;
  const { output, error } = task;
  const { idempotencyKey, dedupeKey } = task.keys;
  return Object.freeze({
    id,
    agentId,
    ...(pool === undefined ? {} : { pool }),
    task: task.task,
    status: taskStatusOf(place),
    attempts,
    acceptedAt,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(endedAt === undefined ? {} : { endedAt }),
    ...(parked === undefined ? {} : { parked }),
    ...(stalledAt === undefined ? {} : { stalledAt }),
    ...(dueAt === undefined ? {} : { dueAt }),
    ...(output === undefined ? {} : { output }),
    ...(error === undefined ? {} : { error }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    ...(dedupeKey === undefined ? {} : { dedupeKey }),
  });
}

function missed(
  { id, task, agentId, place, attempts, error, code }: Known,
  as: ErrorCode,
  how: string,
): AgentSystemError {
  const why = error === undefined ? '' : `: ${error.message}`;
  return new AgentSystemError(
    as === 'TASK_FAILED' ? (code ?? as) : as,
    `task ${task} (${id}) of agent ${agentId} ${how}${why}`,
    {
      agentId,
      cause: error && errorFrom(error),
      details: { taskId: id, task, status: taskStatusOf(place), attempt: attempts },
    },
  );
}

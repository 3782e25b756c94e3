/**
 * `system.tasks`: submitting tasks, and commands to a task by its id.
 *
 * Owns the open submissions. `KnownTasks` keeps the records; agents and pools do the work.
 *
 * I1  Two submissions with one key give one task, also while the first is still being accepted.
 */
import type { Logger } from 'pino';
import { z } from 'zod';
import {
  durationMs,
  hasTaskEnded,
  legalForTask,
  type TaskCommand,
  taskStatuses,
  type TaskStatus,
  taskStatusOf,
} from '../../machines/index.ts';
import { CANCELLED_BY_CALLER } from '../agent/task-events.ts';
import type { GivenTask, RestoredTask, Submission, TaskCancel } from '../agent/task-request.ts';
import type { Questions } from '../agent/questions.ts';
import type { MadeRequest } from '../agent/requests.ts';
import type { TaskTypes } from '../definition/define-agent.ts';
import type { AgentManifest } from '../definition/manifest.ts';
import type { Journal } from '../journal/journal.ts';
import type { Recovery, Store } from '../journal/store.ts';
import type { Alerts } from '../observability/alerts.ts';
import type { SteadyClock } from '../time/clock.ts';
import { within } from '../time/deadline.ts';
import { answered } from '../time/loop-turn.ts';
import { type ActOptions, actSchema } from '../values/act.ts';
import { dataCopy } from '../values/data-copy.ts';
import { AgentSystemError, type ErrorCode } from '../values/errors.ts';
import { parseInput } from '../values/malformed.ts';
import type { Agents } from './agents.ts';
import { KnownTasks } from './known-tasks.ts';
import { type RestoredInPool, restoreTasks } from './restored-tasks.ts';
import type { ScheduleOptions, ScheduleRecord } from './schedule-rules.ts';
import { Schedules } from './schedules.ts';
import { TaskCallers } from './task-callers.ts';
import { checkTask } from './task-check.ts';
import { pageOfTasks } from './task-pages.ts';
import {
  hasTaskMissed,
  keyOf,
  type KnownTask,
  missed,
  recordOf,
  STATUS_IN_WORDS,
  type TaskId,
  type TaskRecord,
} from './task-record.ts';
import {
  readSubmission,
  type SubmittedTask,
  type SubmittedTaskOf,
  type TaskTarget,
} from './task-submission.ts';

/** Which tasks are listed. */
export interface TaskFilter {
  /** Tasks of this agent. */
  readonly agentId?: string | undefined;
  /** Tasks that were given to this pool. */
  readonly pool?: string | undefined;
  /** Its name in the definition. */
  readonly type?: string | undefined;
  /** Tasks that stand so. */
  readonly status?: TaskStatus | undefined;
  /** At most this many: those that were accepted first, or with `newest` those that were accepted last. */
  readonly limit?: number | undefined;
  /** Whether `limit` keeps those that were accepted last; default `false`. */
  readonly newest?: boolean | undefined;
  /**
   * With it, `limit` tasks that come after this one in the order of the ids, whether it is still known or not; `''` for
   * the first page. The next page is the one after the last id of this one, whatever was accepted or ended meanwhile.
   * Not together with `newest`.
   */
  readonly after?: string | undefined;
}

export interface TasksOptions {
  readonly journal: Journal;
  readonly questions: Questions;
  readonly logger: Logger;
  readonly clock: SteadyClock;
  readonly agents: Agents;
  /** Gives a pool a task, which the pool checks. */
  readonly runInPool: (pool: string, task: GivenTask) => Promise<unknown>;
  readonly alerts: Alerts;
  /** What the members of a pool can do. @throws AgentSystemError `POOL_UNKNOWN` */
  readonly manifestOfPool: (pool: string) => AgentManifest;
  readonly assertOpen: () => void;
  /** Goes on with tasks that waited in the queues of pools, once the pools are there. */
  readonly restoreInPool: (pool: string, tasks: RestoredInPool[]) => void;
  /** Cancels a task that waits in a pool's queue. Returns whether there was one. */
  readonly cancelInPool: (pool: string, taskId: string, cancel: TaskCancel) => boolean;
  /** Records kept of tasks that have ended. */
  readonly maxEnded: number;
  readonly maxEndedBytes: number;
}

/** A task that asks for another one under a key. */
export interface CallingTask {
  readonly id: string;
  readonly begins: GivenTask['begins'];
}

export const taskFilter = z
  .strictObject({
    agentId: z.string().optional(),
    pool: z.string().optional(),
    type: z.string().optional(),
    status: z.enum(taskStatuses).optional(),
    limit: z.int().min(0).default(Number.MAX_SAFE_INTEGER),
    newest: z.boolean().default(false),
    after: z.string().optional(),
  })
  .refine(({ newest, after }) => !newest || after === undefined, {
    path: ['after'],
    error: 'expected no `newest` beside it: a page is in the order of the ids',
  });
const cancelSchema = z.strictObject({ reason: z.string().min(1).max(65_536), options: actSchema });
const resultSchema = z.strictObject({ timeoutMs: durationMs.optional() });
const MISSED: Partial<Record<TaskStatus, ErrorCode>> = { timed_out: 'TASK_TIMED_OUT', failed: 'TASK_FAILED' };

/** `system.tasks`: work that is submitted, looked up, waited for, cancelled, retried and scheduled. */
export class Tasks {
  readonly #options: TasksOptions;
  readonly #known: KnownTasks;
  /** Keys whose task is being accepted. */
  readonly #submitting = new Map<string, Promise<string>>();
  readonly #callers: TaskCallers;
  readonly #schedules: Schedules;

  constructor(options: TasksOptions) {
    this.#options = options;
    this.#schedules = new Schedules({
      journal: options.journal,
      clock: options.clock,
      alerts: options.alerts,
      check: (target, task) => this.#checkTarget(target, task),
      submit: async (target, task) => (await this.submit(target, task)).id,
    });
    this.#known = new KnownTasks(options);
    // It may have ended meanwhile.
    const giveUp = (taskId: string) => void this.cancel(taskId).catch(() => undefined);
    this.#callers = new TaskCallers(this.#known, options.journal, giveUp);
  }

  /**
   * Submits a task. Resolves with its record once its acceptance is durable; `result` waits for its output.
   *
   * With `{ type }` the least loaded agent of that type does it; with `{ pool }` a member of the pool.
   *
   * @throws AgentSystemError `AGENT_NOT_FOUND`, `AGENT_NOT_RUNNING`, `POOL_UNKNOWN`, `TASK_INCOMPATIBLE`,
   * `TASK_INPUT_INVALID` also for an input that is not JSON data, `TASK_QUEUE_FULL`, `STORE_FAILED`, `SYSTEM_CLOSED`
   */
  submit<Tasks extends TaskTypes, Name extends keyof Tasks & string>(
    target: TaskTarget<Tasks>,
    task: SubmittedTaskOf<Tasks, Name>,
  ): Promise<TaskRecord<Tasks[Name]['output']>>;
  async submit(target: TaskTarget, task: SubmittedTask): Promise<TaskRecord> {
    return answered(this.#options.clock, async () => {
      const known = this.#known.find(await this.#idOf(target, task));
      if (known.submitted?.called) await this.#callers.keep(known);
      return recordOf(known);
    });
  }

  /** @internal The record of the task that this key stands for. */
  keyed(idempotencyKey: string): TaskRecord | undefined {
    const id = this.#known.idBy({ idempotencyKey });
    return id === undefined ? undefined : this.get(id);
  }

  /** @internal The id of the task of a key, as `submit` has it. One that ended without an output is done again. */
  async submitAgain(
    target: TaskTarget,
    task: SubmittedTask & { readonly idempotencyKey: string },
    caller: CallingTask,
  ): Promise<string> {
    const record = this.keyed(task.idempotencyKey);
    if (record === undefined || !hasTaskMissed(record)) return this.#idOf(target, task, caller);
    const known = this.#commanded(record.id, 'retry');
    const { called } = known.submitted!;
    await this.#retry(known, { called, ...(called ? { caller: caller.id } : {}) });
    return known.id;
  }

  /** @internal The output of a task that another one waits for. */
  async outputFor(
    taskId: string,
    { taskId: callerId, signal, isWithdrawn }: Pick<MadeRequest, 'taskId' | 'signal' | 'isWithdrawn'>,
  ): Promise<unknown> {
    const leave = this.#callers.join(this.#known.find(taskId), this.#known.find(callerId));
    const isOver = (): void => leave(isWithdrawn());
    signal.addEventListener('abort', isOver, { once: true });
    if (signal.aborted) isOver();
    try {
      return await this.result(taskId);
    } finally {
      signal.removeEventListener('abort', isOver);
    }
  }

  /** The id of a task that is submitted now, or was before under its key. */
  async #idOf(target: TaskTarget, task: SubmittedTask, caller?: CallingTask): Promise<string> {
    this.#options.assertOpen();
    const { to, request: asked, keys, by } = readSubmission(target, task, this.#options.clock.now());
    const { begins } = caller ?? {};
    const request = begins === undefined ? asked : { ...asked, begins };
    const how = { ...keys, by, called: caller !== undefined, caller: caller?.id };
    const key = keyOf(keys);
    if (key === undefined) return this.#submit(to, request, how);
    const known = this.#known.idBy(keys) ?? this.#submitting.get(key);
    if (known !== undefined) return known;
    const submitting = this.#submit(to, request, how).finally(() => this.#submitting.delete(key));
    this.#submitting.set(key, submitting);
    return submitting;
  }

  /** @throws AgentSystemError `TASK_UNKNOWN` */
  get<Output = unknown>(taskId: TaskId<Output>): TaskRecord<Output> {
    return recordOf(this.#known.find(taskId)) as TaskRecord<Output>;
  }

  /**
   * All records that match, in the order of their acceptance; with `after` a page of them, in the order of their ids.
   *
   * @throws AgentSystemError `TASK_INPUT_INVALID`
   */
  list(filter: TaskFilter = {}): TaskRecord[] {
    const { agentId, pool, type, status, limit, newest, after } = parseInput(taskFilter, filter, {
      what: 'tasks.list',
      code: 'TASK_INPUT_INVALID',
    });
    const found: KnownTask[] = [];
    const isPage = after !== undefined;
    for (const task of this.#known.all()) {
      if (!newest && !isPage && found.length >= limit) break;
      const fits =
        (agentId === undefined || task.agentId === agentId) &&
        (pool === undefined || task.pool === pool) &&
        (type === undefined || task.task === type) &&
        (status === undefined || taskStatusOf(task.place) === status);
      if (fits) found.push(task);
    }
    if (isPage) return pageOfTasks(found, { limit, after }).map(recordOf);
    return found.slice(newest ? Math.max(0, found.length - limit) : 0).map(recordOf);
  }

  /** How many tasks are in each status. Makes no records. */
  counts(): Readonly<Record<TaskStatus, number>> {
    const counts = Object.fromEntries(taskStatuses.map((status) => [status, 0])) as Record<
      TaskStatus,
      number
    >;
    for (const { place } of this.#known.all()) counts[taskStatusOf(place)] += 1;
    return counts;
  }

  /** Commands that a task's status allows. @throws AgentSystemError `TASK_UNKNOWN` */
  legal(taskId: string): readonly TaskCommand[] {
    const { place, submitted } = this.#known.find(taskId);
    return legalForTask(place).filter((command) => command !== 'retry' || submitted !== undefined);
  }

  /**
   * Waits for a task to end. Resolves with its output once that is durable.
   *
   * @param options.timeoutMs how long to wait; default unlimited
   * @throws AgentSystemError `TASK_UNKNOWN`; `TASK_FAILED`, `TASK_STALLED`, `TASK_TIMED_OUT` or `TASK_ABANDONED` for one that ended so
   * (its cause and `details.status` say more), `TASK_TIMED_OUT` also for one that has not ended in that time;
   * `STORE_FAILED` for an end that the store has not kept: ask again once it is back; `SYSTEM_CLOSED` for one that is
   * left to the next program
   */
  result<Output = unknown>(
    taskId: TaskId<Output>,
    options?: { readonly timeoutMs?: number | undefined },
  ): Promise<Output>;
  result(taskId: string, options: { readonly timeoutMs?: number | undefined } = {}): Promise<unknown> {
    return answered(this.#options.clock, async () => {
      const { timeoutMs } = parseInput(resultSchema, options, {
        what: 'tasks.result',
        code: 'TASK_INPUT_INVALID',
      });
      const task = this.#known.find(taskId);
      if (!hasTaskEnded(taskStatusOf(task.place))) {
        const { promise, leave } = this.#known.waitForEnd(task);
        if (timeoutMs === undefined || timeoutMs === Infinity) await promise;
        else {
          await within(this.#options.clock, timeoutMs, promise, () => {
            leave();
            const how = `has not ended within ${timeoutMs} ms: it ${STATUS_IN_WORDS[taskStatusOf(task.place)]}`;
            throw missed(task, 'TASK_TIMED_OUT', how);
          });
        }
      }
      if (!this.#options.journal.hasKept(task.endedBy)) {
        const message = `task ${taskId} has ended, and the store failed: that was not made durable`;
        throw new AgentSystemError('STORE_FAILED', message, { agentId: task.agentId });
      }
      const status = taskStatusOf(task.place);
      // Each caller has an output of its own.
      if (status === 'done') return dataCopy(task.output);
      throw missed(task, MISSED[status] ?? 'TASK_ABANDONED', STATUS_IN_WORDS[status]);
    });
  }

  /**
   * Cancels a task that waits or runs: the signal of its work fires. Resolves with its record.
   *
   * @param reason for its event, its record and its callers
   * @param options.by who asks for it, as `task.abandoned` says
   * @throws AgentSystemError `TASK_UNKNOWN`, `AGENT_ILLEGAL_COMMAND` for one that has ended, `TASK_INPUT_INVALID` for an
   * invalid reason or options, `STORE_FAILED`, `SYSTEM_CLOSED`
   */
  cancel(
    taskId: string,
    reason: string = CANCELLED_BY_CALLER,
    options: ActOptions = {},
  ): Promise<TaskRecord> {
    return answered(this.#options.clock, async () => {
      this.#options.assertOpen();
      const { reason: why, options: said } = readAct(cancelSchema, { reason, options }, 'tasks.cancel');
      const { by } = said;
      const task = this.#commanded(taskId, 'cancel');
      const { agents, cancelInPool } = this.#options;
      const { pool, agentId } = task;
      // A task of a pool waits in its queue, or a member has it.
      const wasQueued = pool !== undefined && cancelInPool(pool, taskId, { why, by });
      if (!wasQueued && agentId !== '') agents.find(agentId).cancelTask(taskId, { why, by });
      await this.#options.journal.kept();
      return recordOf(task);
    });
  }

  /**
   * Retries a submitted task that ended without an output, under its id: now, or once its agent runs.
   *
   * It has all of its attempts and all of its time again.
   *
   * @param options.by who asks for it, as `task.accepted` says
   * @throws AgentSystemError `TASK_UNKNOWN`, `AGENT_NOT_FOUND`, `STORE_FAILED`, `AGENT_ILLEGAL_COMMAND` for one that has
   * not ended, is done, or was not submitted; `TASK_INPUT_INVALID` for invalid options, `SYSTEM_CLOSED`
   */
  retry(taskId: string, options: ActOptions = {}): Promise<TaskRecord> {
    return answered(this.#options.clock, async () => {
      this.#options.assertOpen();
      const { by } = readAct(actSchema, options, 'tasks.retry');
      const task = this.#commanded(taskId, 'retry');
      await this.#retry(task, { by });
      // It is done for whoever has asked for it now, whoever had called it.
      if (task.submitted?.called) await this.#callers.keep(task);
      return recordOf(task);
    });
  }

  /**
   * Drops the record of a task that has ended.
   *
   * @param options.by who asks for it, as `task.forgotten` says
   * @throws AgentSystemError `TASK_UNKNOWN`, `AGENT_ILLEGAL_COMMAND` for one that has not ended, `TASK_INPUT_INVALID` for
   * invalid options, `STORE_FAILED`, `SYSTEM_CLOSED`
   */
  forget(taskId: string, options: ActOptions = {}): Promise<void> {
    return answered(this.#options.clock, async () => {
      this.#options.assertOpen();
      const { by } = readAct(actSchema, options, 'tasks.forget');
      this.#known.drop(this.#commanded(taskId, 'forget'), by);
      await this.#options.journal.kept();
    });
  }

  /**
   * Submits a task repeatedly: at the times of a cron pattern, or every `everyMs`. Resolves with the schedule's record
   * once that is durable.
   *
   * There is one task for each due time, also across the end of a program. Setting the same schedule again changes nothing;
   * another one of its name replaces it. Of the times that passed while no program ran the latest is made up for,
   * or with `missed: 'skip'` none.
   *
   * @throws AgentSystemError `TASK_INPUT_INVALID` naming the field, `STORE_FAILED`, `SYSTEM_CLOSED`
   */
  schedule<Tasks extends TaskTypes, Name extends keyof Tasks & string>(
    options: ScheduleOptions<Tasks, Name>,
  ): Promise<ScheduleRecord> {
    return answered(this.#options.clock, async () => {
      this.#options.assertOpen();
      return this.#schedules.set(options as unknown as ScheduleOptions);
    });
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
  unschedule(name: string, options: ActOptions = {}): Promise<void> {
    return answered(this.#options.clock, async () => {
      this.#options.assertOpen();
      return this.#schedules.remove(name, options);
    });
  }

  /** @internal The fleet is there: schedules submit from now on. */
  begin({ schedules = [] }: Recovery): void {
    this.#callers.restore();
    this.#schedules.restore(schedules);
  }

  /** @internal The system is closing: schedules stop. */
  halt(): void {
    this.#schedules.close();
  }

  /** @internal Reads who waited for the tasks of an earlier program. */
  recall(recovery: Recovery, store: Store): Promise<void> {
    return this.#callers.recall(recovery, store);
  }

  /** @internal Restores the tasks of an earlier program. Returns those that go on, by the id of their agent. */
  restore(recovery: Recovery): ReadonlyMap<string, readonly RestoredTask[]> {
    return restoreTasks(recovery, { ...this.#options, known: this.#known });
  }

  /** @internal Ids of the tasks that the next program goes on with. */
  left(): readonly string[] {
    return this.#known
      .all()
      .filter(({ place }) => !hasTaskEnded(taskStatusOf(place)))
      .map(({ id }) => id);
  }

  /** @internal The system has closed: callers that wait for a task are refused with `why`. */
  discard(why: AgentSystemError): void {
    this.#schedules.close();
    this.#known.close(why);
  }

  /** Resolves once it is accepted again. */
  async #retry(
    { id: taskId, task, agentId, pool, attempts, keys, submitted }: KnownTask,
    how: Pick<Submission, 'by' | 'called' | 'caller'>,
  ): Promise<void> {
    const { input, timeoutMs, policy, priority, trace } = submitted!;
    const { promise: accepted, resolve, reject } = Promise.withResolvers<void>();
    const given: GivenTask = {
      type: task,
      input: dataCopy(input),
      // A submitted task without `timeoutMs` is unlimited.
      timeoutMs: timeoutMs ?? Infinity,
      policy,
      whenDown: 'wait',
      ...(priority === undefined ? {} : { priority }),
      again: { taskId, attempts },
      submission: { ...keys, ...how, accepted: (_, error) => (error ? reject(error) : resolve()) },
    };
    const { agents, runInPool } = this.#options;
    const output = pool !== undefined ? runInPool(pool, given) : agents.find(agentId).execute(given, trace);
    output.catch(reject);
    await accepted;
  }

  async #submit(to: TaskTarget, request: GivenTask, how: Omit<Submission, 'accepted'>): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    let refused: string | undefined;
    const submission: Submission = {
      ...how,
      accepted(taskId, error) {
        if (error === undefined) return resolve(taskId);
        refused = taskId;
        reject(error);
      },
    };
    const given = { ...request, submission };
    const { agents, runInPool } = this.#options;
    let output: Promise<unknown>;
    if (typeof to === 'object' && 'pool' in to) {
      output = runInPool(to.pool, given);
    } else {
      const { whenDown } = request;
      const agent =
        typeof to === 'string'
          ? agents.asked(to, whenDown === 'wait' ? 'until it runs' : 'never')
          : agents.leastLoaded(to.type, whenDown);
      const { policy: _, dueAt: __, delayMs: ___, begins: ____, ...asked } = request;
      checkTask(asked, agent.manifest, agent.id);
      output = agents.run(agent, given);
    }
    // The output is not awaited here; a refusal before the acceptance is.
    output.catch(reject);
    try {
      return await promise;
    } catch (thrown) {
      // Asked for again under its key it is a new task.
      if (refused !== undefined && this.#known.has(refused)) this.#known.drop(this.#known.find(refused));
      throw thrown;
    }
  }

  #checkTarget(to: TaskTarget, { retry: _, ...task }: ScheduleOptions['task']): void {
    const { agents, manifestOfPool } = this.#options;
    if (typeof to === 'string') checkTask(task, agents.find(to).manifest, to);
    else checkTask(task, 'pool' in to ? manifestOfPool(to.pool) : agents.manifestOf(to.type));
  }

  #commanded(taskId: string, command: TaskCommand): KnownTask {
    const task = this.#known.find(taskId);
    const legal = this.legal(taskId);
    if (legal.includes(command)) return task;
    const { agentId } = task;
    const status = taskStatusOf(task.place);
    const message = `task ${taskId} ${STATUS_IN_WORDS[status]}: ${command} is not allowed; allowed here: ${legal.join(', ') || 'nothing'}`;
    throw new AgentSystemError('AGENT_ILLEGAL_COMMAND', message, {
      agentId,
      details: { taskId, status, command, legal },
    });
  }
}

function readAct<Schema extends z.ZodType>(schema: Schema, came: unknown, what: string): z.output<Schema> {
  return parseInput(schema, came, { what, code: 'TASK_INPUT_INVALID' });
}

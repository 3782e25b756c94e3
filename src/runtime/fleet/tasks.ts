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
  hasTaskEnded,
  legalForTask,
  type Parked,
  type TaskCommand,
  taskStatusAfter,
  taskStatuses,
  type TaskStatus,
} from '../../machines/index.ts';
import type { CarriedTask } from '../agent/carried-tasks.ts';
import { CANCELLED_BY_CALLER } from '../agent/task-events.ts';
import { type Queued, TaskQueue } from '../agent/task-queue.ts';
import type { GivenTask, Submission, TaskRequest } from '../agent/task-request.ts';
import type { Journal } from '../journal/journal.ts';
import type { Recovery } from '../journal/store.ts';
import type { SystemEvent } from '../journal/system-event.ts';
import type { SteadyClock } from '../time/clock.ts';
import { within } from '../time/deadline.ts';
import { AgentSystemError, type ErrorCode, errorFrom, inWords } from '../values/errors.ts';
import { jsonProblemOf } from '../values/json-survey.ts';
import { parseInput } from '../values/malformed.ts';
import type { Agents } from './agents.ts';
import { checkTask } from './task-check.ts';

/** Who is to do a task: an agent, the least loaded agent of a type, or a pool. */
export type TaskTarget = string | { readonly type: string } | { readonly pool: string };

/** A task as it is submitted. */
export interface SubmittedTask extends Omit<TaskRequest, 'signal' | 'transfer'> {
  /** The same key gives the same task, in a later program too: nothing is done twice. */
  readonly idempotencyKey?: string;
}

/** What is known of a task. Times are epoch ms. */
export interface TaskRecord {
  readonly id: string;
  readonly agentId: string;
  /** Its name in the definition. */
  readonly task: string;
  readonly status: TaskStatus;
  /** How often it was begun. */
  readonly attempts: number;
  readonly acceptedAt: number;
  readonly startedAt?: number;
  readonly endedAt?: number;
  /** What it waits for, while it is `parked`. */
  readonly parked?: Parked;
  /** Of one that was submitted and is done: JSON data. */
  readonly output?: unknown;
  /** Why it has no output: what was thrown, or what gave it up. */
  readonly error?: ErrorInfo;
  readonly idempotencyKey?: string;
}

export interface TaskFilter {
  readonly agentId?: string;
  /** Its name in the definition. */
  readonly type?: string;
  readonly status?: TaskStatus;
}

type TaskEvent = Extract<SystemEvent, { readonly taskId: string }>;

/** A task that is known; those that have ended are in a queue. */
interface Known extends Queued<Known> {
  readonly id: string;
  agentId: string;
  readonly task: string;
  status: TaskStatus;
  attempts: number;
  acceptedAt: number;
  startedAt: number | undefined;
  endedAt: number | undefined;
  output: unknown;
  code: ErrorCode | undefined;
  error: ErrorInfo | undefined;
  /** Of one that was submitted: what is needed to do it again. */
  submitted:
    | { readonly input: unknown; readonly retry: boolean; readonly timeoutMs: number | undefined }
    | undefined;
  idempotencyKey: string | undefined;
  parked: Parked | undefined;
  /** Sequence of the event that ended it. */
  endedBy: number;
  /** Whoever waits for its end: told of it, or why it is not waited for any more. */
  waiting: ((why?: AgentSystemError) => void)[] | undefined;
}

export interface TasksOptions {
  readonly journal: Journal;
  readonly clock: SteadyClock;
  readonly agents: Agents;
  /** Does a task in a pool; it is checked there. */
  readonly runInPool: (pool: string, task: GivenTask) => Promise<unknown>;
  readonly assertOpen: () => void;
  /** Records kept of tasks that have ended. */
  readonly maxEnded: number;
}

const targetSchema = z.union(
  [z.string(), z.strictObject({ type: z.string() }), z.strictObject({ pool: z.string() })],
  { error: 'expected the id of an agent, { type } or { pool }' },
);
const keySchema = z.strictObject({ idempotencyKey: z.string().min(1).max(1_024).optional() });
const filterSchema = z.strictObject({
  agentId: z.string().optional(),
  type: z.string().optional(),
  status: z.enum(taskStatuses).optional(),
});
const resultSchema = z.strictObject({ timeoutMs: durationMs.optional() });
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

  constructor(options: TasksOptions) {
    this.#options = options;
    options.journal.observe((event) => {
      if ('taskId' in event) this.#note(event);
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
    const { idempotencyKey, ...request } = { ...task };
    parseInput(keySchema, { idempotencyKey }, { what: 'submit', code: 'TASK_INPUT_INVALID' });
    const to = parseInput(targetSchema, target, { what: 'submit', code: 'TASK_INPUT_INVALID' });
    const problem = jsonProblemOf(request.input);
    if (problem !== undefined) {
      const message = `submit: the input of ${inWords(request.type)}: ${problem}, expected JSON data`;
      throw new AgentSystemError('TASK_INPUT_INVALID', message);
    }
    if (idempotencyKey === undefined) return this.get(await this.#submit(to, request, undefined));
    const known = this.#byKey.get(idempotencyKey);
    if (known !== undefined) return this.get(known);
    const under = this.#submitting.get(idempotencyKey);
    if (under !== undefined) return this.get(await under);
    const submitting = this.#submit(to, request, idempotencyKey).finally(() =>
      this.#submitting.delete(idempotencyKey),
    );
    this.#submitting.set(idempotencyKey, submitting);
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
        (status === undefined || task.status === status);
      if (fits) found.push(recordOf(task));
    }
    return found;
  }

  /** What may be asked of a task as it stands. @throws AgentSystemError `TASK_UNKNOWN` */
  legal(taskId: string): readonly TaskCommand[] {
    const { status, submitted } = this.#find(taskId);
    return legalForTask(status).filter((command) => command !== 'retry' || submitted !== undefined);
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
    if (!hasTaskEnded(task.status)) {
      if (this.#closed) throw this.#closed;
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const tell = (why?: AgentSystemError) => (why === undefined ? resolve() : reject(why));
      (task.waiting ??= []).push(tell);
      if (timeoutMs === undefined || timeoutMs === Infinity) await promise;
      else {
        await within(this.#options.clock, timeoutMs, promise, () => {
          task.waiting = task.waiting?.filter((waiting) => waiting !== tell);
          throw missed(task, 'TASK_TIMED_OUT', `has not ended within ${timeoutMs} ms: it is ${task.status}`);
        });
      }
    }
    if (!this.#options.journal.hasKept(task.endedBy)) {
      const message = `task ${taskId} has ended, and the store failed: that was not made durable`;
      throw new AgentSystemError('STORE_FAILED', message, { agentId: task.agentId });
    }
    if (task.status === 'done') return task.output;
    throw missed(task, MISSED[task.status] ?? 'TASK_ABANDONED', `is ${task.status}`);
  }

  /**
   * Cancels a task that waits or runs: its work's signal fires. Resolves with its record.
   *
   * @throws AgentSystemError `TASK_UNKNOWN`, `AGENT_ILLEGAL_COMMAND` for one that has ended
   */
  async cancel(taskId: string, reason = CANCELLED_BY_CALLER): Promise<TaskRecord> {
    this.#options.assertOpen();
    const task = this.#commanded(taskId, 'cancel');
    const agent = this.#options.agents.find(task.agentId);
    if (!agent.cancelTask(taskId, reason) && agent.withdrawTask(taskId)) {
      const of = { agentId: task.agentId, incarnation: agent.incarnation, taskId, task: task.task };
      const submitted = task.submitted === undefined ? {} : { submitted: true as const };
      this.#options.journal.emit({
        type: 'task.abandoned',
        ...of,
        ...submitted,
        why: reason,
        isCancelled: true,
      });
    }
    await this.#options.journal.settled();
    return recordOf(task);
  }

  /**
   * Has a submitted task that ended without an output done again, under its id: now, or once its agent runs.
   *
   * @throws AgentSystemError `TASK_UNKNOWN`, `AGENT_NOT_FOUND`, `AGENT_ILLEGAL_COMMAND` for one that has not ended, is
   * done, or was not submitted
   */
  async retry(taskId: string): Promise<TaskRecord> {
    this.#options.assertOpen();
    const task = this.#commanded(taskId, 'retry');
    const agent = this.#options.agents.find(task.agentId);
    // Of an agent that does not run it is said now that it waits, so that a later program knows it, too.
    if (!agent.isServing) this.#options.journal.emit(acceptedAgain(task, agent.incarnation));
    agent.repeatTask(this.#carried(task));
    await this.#options.journal.settled();
    return recordOf(task);
  }

  /** Drops the record of a task that has ended. @throws AgentSystemError `TASK_UNKNOWN`, `AGENT_ILLEGAL_COMMAND` */
  async forget(taskId: string): Promise<void> {
    this.#options.assertOpen();
    this.#drop(this.#commanded(taskId, 'forget'));
    await this.#options.journal.settled();
  }

  /** @internal What an earlier program knew; gives what its agents are to do again, by agent. */
  restore({ tasks, endedTasks = [], begunTasks }: Recovery): ReadonlyMap<string, readonly CarriedTask[]> {
    for (const { accepted, end } of endedTasks) {
      this.#note(accepted);
      const known = this.#known.get(accepted.taskId)!;
      known.attempts = end.attempts ?? known.attempts;
      known.startedAt = end.startedAt;
      if (end.startedAt !== undefined) known.status = 'running';
      this.#note(end);
    }
    const carried = new Map<string, CarriedTask[]>();
    for (const accepted of tasks) {
      const { agentId, taskId } = accepted;
      this.#note(accepted);
      const known = this.#known.get(taskId)!;
      if (begunTasks?.has(taskId)) known.attempts += 1;
      const isUntouched = accepted.submitted === true && begunTasks !== undefined && !begunTasks.has(taskId);
      if (!this.#options.agents.has(agentId) || !(isUntouched || accepted.retry)) {
        this.#lost(accepted, false);
        continue;
      }
      // Of one that nobody has begun nothing is unknown: it goes on waiting.
      if (!isUntouched) this.#lost(accepted, true);
      const ofAgent = carried.get(agentId);
      const task = this.#carried(known, accepted);
      if (ofAgent) ofAgent.push(task);
      else carried.set(agentId, [task]);
    }
    return carried;
  }

  /** @internal Ids of the tasks that the next program goes on with. */
  left(): readonly string[] {
    return [...this.#known.values()].filter(({ status }) => !hasTaskEnded(status)).map(({ id }) => id);
  }

  #lost(
    { agentId, incarnation, taskId, task, input, submitted }: Extract<SystemEvent, { type: 'task.accepted' }>,
    retry: boolean,
  ): void {
    this.#options.journal.emit({
      type: 'task.unknown',
      agentId,
      incarnation,
      taskId,
      task,
      retry,
      ...(submitted ? { submitted } : {}),
      ...(input === undefined ? {} : { input }),
    });
  }

  #carried(
    { id, task, submitted, idempotencyKey, attempts }: Known,
    accepted?: Extract<SystemEvent, { type: 'task.accepted' }>,
  ): CarriedTask {
    const { input, retry = false, timeoutMs } = submitted ?? accepted ?? {};
    const submission = submitted && { idempotencyKey, attempts, accepted: ignore };
    return { taskId: id, task, input, retry, timeoutMs, submission };
  }

  async #submit(
    to: z.output<typeof targetSchema>,
    request: Omit<SubmittedTask, 'idempotencyKey'>,
    idempotencyKey: string | undefined,
  ): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const submission: Submission = {
      idempotencyKey,
      accepted: (taskId, error) => (error ? reject(error) : resolve(taskId)),
    };
    const given = { ...request, submission };
    const { agents, runInPool } = this.#options;
    let output: Promise<unknown>;
    if (typeof to === 'object' && 'pool' in to) output = runInPool(to.pool, given);
    else {
      const agent = typeof to === 'string' ? agents.find(to) : agents.leastLoaded(to.type);
      agent.refuseUnless('execute');
      checkTask(request, agent.manifest, agent.id);
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
    const { agentId, status } = task;
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
    const type = isCancel(event) ? 'task.cancelled' : event.type;
    // One that is to be done again waits for that.
    if (event.type === 'task.unknown' && event.retry) return;
    const status = taskStatusAfter(known.status, type);
    if (status === 'forgotten') return this.#remove(known);
    known.status = status;
    if (event.type === 'task.started') {
      known.attempts += 1;
      known.startedAt = event.at;
      known.parked = undefined;
      return;
    }
    if (event.type === 'task.parked') {
      const { until, why, guessed, quota } = event;
      known.attempts -= 1;
      known.startedAt = undefined;
      known.parked = {
        at: event.at,
        until,
        why,
        ...(guessed ? { guessed } : {}),
        ...(quota === undefined ? {} : { quota }),
      };
      return;
    }
    if (!hasTaskEnded(status)) return;
    known.parked = undefined;
    known.endedAt = event.at;
    known.endedBy = event.sequence;
    if (event.type === 'task.completed') known.output = event.output;
    else if (event.type === 'task.failed') {
      known.code = event.code;
      known.error = event.error;
    } else if (event.type === 'task.abandoned') known.error = { name: 'Abandoned', message: event.why };
    this.#end(known);
  }

  #add(event: Extract<SystemEvent, { type: 'task.accepted' }>): void {
    const {
      taskId: id,
      agentId,
      task,
      at,
      input,
      retry,
      timeoutMs,
      submitted,
      idempotencyKey,
      attempts,
    } = event;
    this.#known.set(id, {
      id,
      agentId,
      task,
      status: 'waiting',
      attempts: attempts ?? 0,
      acceptedAt: at,
      startedAt: undefined,
      endedAt: undefined,
      output: undefined,
      code: undefined,
      error: undefined,
      submitted: submitted ? { input, retry, timeoutMs } : undefined,
      idempotencyKey,
      endedBy: 0,
      parked: undefined,
      waiting: undefined,
      previous: undefined,
      next: undefined,
      isQueued: false,
    });
    if (idempotencyKey !== undefined) this.#byKey.set(idempotencyKey, id);
  }

  #again(known: Known, { agentId }: Extract<SystemEvent, { type: 'task.accepted' }>): void {
    known.agentId = agentId;
    known.parked = undefined;
    known.status = taskStatusAfter(known.status, 'task.accepted') as TaskStatus;
    known.endedAt = undefined;
    known.code = undefined;
    known.error = undefined;
    this.#ended.remove(known);
  }

  /** @internal The system has closed: nobody will hear any more how a task has ended. */
  discard(why: AgentSystemError): void {
    this.#closed = why;
    for (const known of this.#known.values()) {
      const { waiting } = known;
      known.waiting = undefined;
      if (waiting) for (const tell of waiting) tell(why);
    }
  }

  #end(known: Known): void {
    const { waiting } = known;
    known.waiting = undefined;
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
    const { id, idempotencyKey } = known;
    this.#known.delete(id);
    this.#ended.remove(known);
    if (idempotencyKey !== undefined) this.#byKey.delete(idempotencyKey);
  }
}

function isCancel(event: TaskEvent): boolean {
  return event.type === 'task.abandoned' && (event.isCancelled === true || event.why === CANCELLED_BY_CALLER);
}

/** What the stream says of a task that waits again. */
function acceptedAgain(
  { id, agentId, task, attempts, submitted, idempotencyKey }: Known,
  incarnation: number,
) {
  const { input, retry = false, timeoutMs } = submitted ?? {};
  return {
    type: 'task.accepted' as const,
    agentId,
    incarnation,
    taskId: id,
    task,
    input,
    retry,
    submitted: true as const,
    attempts,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  };
}

const ignore = (): void => {};

function recordOf(task: Known): TaskRecord {
  const { id, agentId, status, attempts, acceptedAt, startedAt, endedAt, output, error, idempotencyKey } =
    task;
  const { parked } = task;
  return Object.freeze({
    id,
    agentId,
    task: task.task,
    status,
    attempts,
    acceptedAt,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(endedAt === undefined ? {} : { endedAt }),
    ...(parked === undefined ? {} : { parked }),
    ...(output === undefined ? {} : { output }),
    ...(error === undefined ? {} : { error }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  });
}

function missed(
  { id, task, agentId, status, error, code }: Known,
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
      details: { taskId: id, task, status },
    },
  );
}

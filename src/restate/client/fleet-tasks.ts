/** Tasks of a fleet that are submitted and looked up by id: `fleet.tasks`. The id names the agent, which keeps the record. */
import { z } from 'zod';
import {
  durationMs,
  retryPolicy,
  type TaskCommand,
  type TaskStatus,
  taskStatuses,
} from '../../machines/index.ts';
import type { TaskTypes } from '../../runtime/definition/define-agent.ts';
import type { TaskId, TaskRecord } from '../../runtime/fleet/task-record.ts';
import type { TraceParent } from '../../runtime/hosting/host.ts';
import {
  type SubmittedTask,
  type SubmittedTaskOf,
  type TaskTarget,
  taskTarget,
} from '../../runtime/fleet/task-submission.ts';
import { type TaskFilter, taskFilter } from '../../runtime/fleet/tasks.ts';
import { armDelay, clearDelay } from '../../runtime/time/long-delay.ts';
import type { ScheduleOptions, ScheduleRecord } from '../../runtime/fleet/schedule-rules.ts';
import { type ActOptions, actor, actSchema } from '../../runtime/values/act.ts';
import { CANCELLED_BY_CALLER } from '../../runtime/agent/task-events.ts';
import { type AnyOf, candidatesOf, leastLoadedOf } from '../agent/least-loaded.ts';
import type { FleetSchedules } from './fleet-schedules.ts';
import { dataCopy } from '../../runtime/values/data-copy.ts';
import { AgentSystemError, inWords } from '../../runtime/values/errors.ts';
import { parseInput } from '../../runtime/values/malformed.ts';
import { type Answer, answeringTo, valueOf } from '../engine/call-answer.ts';
import { taskPriority } from '../../runtime/definition/task-kind.ts';
import type { FleetAgents } from './fleet-agents.ts';
import { assertJson } from './fleet-calls.ts';
import type { FleetCommands } from './fleet-commands.ts';
import { toPool } from '../engine/calls.ts';
import { type EngineClient, REPEATABLE } from '../engine/engine-client.ts';
import type { Command, PoolCommand } from '../engine/names.ts';
import { POOLS, type PoolLook } from '../pools/pool-object.ts';
import type { TaskTerms } from '../agent/agent-acts.ts';
import { agentOfTask, lineOfTask, type TaskWish, wishedOf } from '../tasks/task-entries.ts';
import { someAtOnce } from './some-at-once.ts';
import type { CalledRecord } from '../tasks/task-record-of.ts';
import { type TaskOwners, taskPage } from './task-pages.ts';
import type { TaskPage } from '../../runtime/fleet/task-pages.ts';

const taskSchema = z.strictObject({
  type: z.string(),
  input: z.unknown().optional(),
  timeoutMs: durationMs.optional(),
  idempotencyKey: z.string().min(1).max(1_024).optional(),
  dedupeKey: z.string().min(1).max(1_024).optional(),
  priority: taskPriority.optional(),
  whenDown: z.enum(['refuse', 'wait']).default('wait'),
  retry: retryPolicy.optional(),
  notBefore: z.number().optional(),
  delayMs: z.number().min(0).optional(),
  by: actor.optional(),
});
const cancelSchema = z.strictObject({ reason: z.string().min(1).max(65_536), options: actSchema });
const resultSchema = z.strictObject({ timeoutMs: durationMs.optional() });

/** The task that asks for another, the tasks that wait for it, and its span. */
export interface AskedBy {
  readonly taskId: string;
  readonly chain: readonly string[];
  readonly trace: TraceParent | undefined;
}

export class FleetTasks {
  readonly #engine: EngineClient;
  readonly #commands: FleetCommands;
  readonly #agents: FleetAgents;
  readonly #schedules: FleetSchedules;

  constructor(engine: EngineClient, commands: FleetCommands, agents: FleetAgents, schedules: FleetSchedules) {
    this.#engine = engine;
    this.#commands = commands;
    this.#schedules = schedules;
    this.#agents = agents;
  }

  /**
   * Submits a task. Resolves with its record once that is durable.
   *
   * The same `idempotencyKey` to the same target gives the same task, for as long as there is a record of it: also to a
   * `{ type }` or a `{ pool }`, whichever agent got it.
   *
   * @throws AgentSystemError `AGENT_NOT_FOUND`, `AGENT_NOT_RUNNING`, `TASK_INCOMPATIBLE`, `TASK_INPUT_INVALID`,
   * `TASK_QUEUE_FULL`, `SYSTEM_CLOSED`
   */
  submit<Tasks extends TaskTypes, Name extends keyof Tasks & string>(
    target: TaskTarget<Tasks>,
    task: SubmittedTaskOf<Tasks, Name>,
  ): Promise<TaskRecord<Tasks[Name]['output']>>;
  async submit(target: TaskTarget, task: SubmittedTask): Promise<TaskRecord> {
    return this.#submit(target, task, undefined);
  }

  /** @internal The task of a key, for a task that waits for it. One that ended without an output is done again. */
  submitFor(target: TaskTarget, task: SubmittedTask, asking: AskedBy): Promise<CalledRecord> {
    return this.#submit(target, task, asking);
  }

  /** @internal A task no longer waits for one that it has asked for under a key, up to the call of this number. */
  async leave(taskId: string, caller: string, joined: number | undefined): Promise<void> {
    await this.#commands.give(ownerOf(taskId), { type: 'leaveTask', taskId, caller, joined });
  }

  async #submit(target: TaskTarget, task: SubmittedTask, asking: AskedBy | undefined): Promise<TaskRecord> {
    this.#engine.assertOpen();
    const expectation = { what: 'submit', code: 'TASK_INPUT_INVALID' } as const;
    const to = parseInput(taskTarget, target, expectation);
    const { retry: policy, ...asked } = parseInput(taskSchema, task, expectation);
    refuseBoth('notBefore', 'delayMs', asked);
    refuseBoth('idempotencyKey', 'dedupeKey', asked);
    assertJson(asked.type, asked.input);
    // It leaves only after other calls: what its caller does to the input meanwhile is nothing to it.
    const work = {
      ...asked,
      input: dataCopy(asked.input),
      policy,
      submitted: true,
      ...(asking === undefined ? {} : { caller: asking.taskId, terms: termsOf(asking) }),
    };
    const { idempotencyKey, dedupeKey } = asked;
    if (typeof to !== 'string' && (idempotencyKey ?? dedupeKey) !== undefined) {
      return this.#commands.submitOnce(to, { idempotencyKey, dedupeKey }, await this.#picked(to), work);
    }
    const id = typeof to === 'string' ? to : await this.leastLoaded(to);
    return this.#commands.give(id, { type: 'submit', work });
  }

  /** @throws AgentSystemError `TASK_UNKNOWN` */
  async get<Output = unknown>(taskId: TaskId<Output>): Promise<TaskRecord<Output>> {
    this.#engine.assertOpen();
    const line = lineOf(taskId);
    if (line !== undefined) return this.#waiting(line.pool, taskId) as Promise<TaskRecord<Output>>;
    const owner = ownerOf(taskId);
    return valueOf(await this.#commands.read<Answer<TaskRecord<Output>>>(owner, 'task', { taskId }));
  }

  /**
   * All known tasks that match the filter, in the order of their acceptance. Every agent that may have some is asked, some
   * at a time; for a pool, its queue, and its members. Each sends at most `limit`. With `after` a page of them: first those
   * that wait for a member of a pool, then in the order of their agents' ids and of their own. It costs by the page: no
   * more agents are asked once it is full.
   *
   * @throws AgentSystemError `TASK_INPUT_INVALID`, `SYSTEM_CLOSED`
   */
  async list(filter: TaskFilter = {}): Promise<TaskRecord[]> {
    this.#engine.assertOpen();
    const { agentId, pool, ...wish } = parseInput(taskFilter, filter, {
      what: 'tasks.list',
      code: 'TASK_INPUT_INVALID',
    });
    if (wish.limit === 0) return [];
    const { after } = wish;
    if (after !== undefined) return this.#page({ agentId, pool }, { ...wish, after });
    // Before the agents are asked: one that a member gets meanwhile is then seen there.
    const waiting = agentId === undefined ? await this.#inLines(pool, wish) : [];
    const ids = await this.#owners(agentId, pool);
    const ofAgents = await someAtOnce(ids, (id) =>
      this.#commands.read<readonly TaskRecord[]>(id, 'tasks', wish),
    );
    return [...wishedOf([waiting, ...ofAgents].flat(), wish)];
  }

  /** Of all agents, or of those that the filter leaves. */
  async #page(
    { agentId, pool }: { readonly agentId: string | undefined; readonly pool: string | undefined },
    { limit, after, ...wish }: TaskWish & TaskPage,
  ): Promise<TaskRecord[]> {
    const isOfAll = agentId === undefined && pool === undefined;
    let few: Promise<readonly string[]> | undefined;
    // After the queues were read: a member may be new.
    const fewOnes = () => (isOfAll ? undefined : (few ??= this.#owners(agentId, pool)));
    const owners: TaskOwners = {
      agents: async (page) => {
        const ids = await fewOnes();
        if (ids === undefined) return this.#agents.ids(page);
        const later = ids.filter((id) => id > page.after);
        return later.toSorted().slice(0, page.limit);
      },
      tasksOf: async (id, page) =>
        (await fewOnes())?.includes(id) === false
          ? []
          : this.#commands.read<readonly TaskRecord[]>(id, 'tasks', { ...wish, ...page }),
      pools: async () => {
        if (agentId !== undefined || pool === '') return [];
        return pool === undefined ? this.#pools() : [pool];
      },
      waitingIn: (name, page) => this.#inLines(name, { ...wish, ...page }),
    };
    return taskPage(owners, { limit, after });
  }

  async #owners(agentId: string | undefined, pool: string | undefined): Promise<readonly string[]> {
    if (agentId === '') return [];
    if (agentId !== undefined && pool === undefined) return [agentId];
    return (await this.#agents.briefs({ agentId, pool })).map(({ id }) => id);
  }

  async #waiting(pool: string, taskId: string): Promise<TaskRecord> {
    const found = (await this.#inLines(pool, {})).find(({ id }) => id === taskId);
    if (found !== undefined) return found;
    throw new AgentSystemError('TASK_UNKNOWN', `no task ${inWords(taskId)} is known`);
  }

  /** Those that wait in the queues of their pools. */
  async #inLines(pool: string | undefined, wanted: TaskWish): Promise<readonly TaskRecord[]> {
    if (pool === '') return [];
    const pools = pool === undefined ? await this.#pools() : [pool];
    const lines = await someAtOnce(pools, (name) =>
      this.#engine.call<readonly TaskRecord[]>(toPool(name, 'tasks'), wanted, REPEATABLE),
    );
    return lines.flat();
  }

  async #pools(): Promise<readonly string[]> {
    const looks = await this.#engine.call<readonly PoolLook[]>(
      { ...POOLS, method: 'list' },
      null,
      REPEATABLE,
    );
    return looks.filter(({ record }) => record.waiting > 0).map(({ record }) => record.name);
  }

  /** How many tasks are in each status: every agent is asked. */
  async counts(): Promise<Readonly<Record<TaskStatus, number>>> {
    const counts = Object.fromEntries(taskStatuses.map((status) => [status, 0])) as Record<
      TaskStatus,
      number
    >;
    for (const { status } of await this.list()) counts[status] += 1;
    return counts;
  }

  /** Commands that a task's status allows. @throws AgentSystemError `TASK_UNKNOWN` */
  async legal(taskId: string): Promise<readonly TaskCommand[]> {
    this.#engine.assertOpen();
    const line = lineOf(taskId);
    if (line !== undefined) {
      await this.#waiting(line.pool, taskId);
      return ['cancel'];
    }
    const owner = ownerOf(taskId);
    return valueOf(
      await this.#commands.read<Answer<readonly TaskCommand[]>>(owner, 'legalForTask', { taskId }),
    );
  }

  /** Waits for a task to end. @throws AgentSystemError as `system.tasks.result` */
  async result<Output = unknown>(
    taskId: TaskId<Output>,
    options: { readonly timeoutMs?: number | undefined } = {},
  ): Promise<Output> {
    this.#engine.assertOpen();
    const { timeoutMs } = parseInput(resultSchema, options, {
      what: 'tasks.result',
      code: 'TASK_INPUT_INVALID',
    });
    const late = new AbortController();
    const timer = timeoutMs === undefined ? undefined : armDelay(globalThis, () => late.abort(), timeoutMs);
    const command: Command = { type: 'awaitTask', taskId };
    try {
      return await this.#commands.give(ownerOf(taskId), command, { signal: late.signal });
    } catch (thrown) {
      if (!late.signal.aborted || thrown instanceof AgentSystemError) throw thrown;
      const { status } = await this.get(taskId);
      const message = `task ${taskId} has not ended within ${timeoutMs} ms: it is ${status}`;
      throw new AgentSystemError('TASK_TIMED_OUT', message, { details: { status } });
    } finally {
      clearDelay(globalThis, timer);
    }
  }

  /** @throws AgentSystemError `TASK_UNKNOWN`, `AGENT_ILLEGAL_COMMAND` for one that has ended */
  async cancel(
    taskId: string,
    reason: string = CANCELLED_BY_CALLER,
    options: ActOptions = {},
  ): Promise<TaskRecord> {
    this.#engine.assertOpen();
    const { reason: why, options: said } = parseInput(
      cancelSchema,
      { reason, options },
      { what: 'tasks.cancel', code: 'TASK_INPUT_INVALID' },
    );
    const line = lineOf(taskId);
    if (line === undefined) {
      return this.#commands.give(ownerOf(taskId), { type: 'cancelTask', taskId, why, by: said.by });
    }
    const { pool, number } = line;
    const command: PoolCommand = { type: 'cancelTask', number, why, at: await this.#engine.now() };
    return valueOf(await this.#engine.call<Answer<TaskRecord>>(toPool(pool, 'ask'), command));
  }

  /** @throws AgentSystemError `TASK_UNKNOWN`, `AGENT_ILLEGAL_COMMAND` for one that has not ended, or is done */
  async retry(taskId: string, options: ActOptions = {}): Promise<TaskRecord> {
    this.#engine.assertOpen();
    return this.#commands.give(ownerOf(taskId), { type: 'retryTask', taskId, ...acted('retry', options) });
  }

  /**
   * Submits a task repeatedly: at the times of a cron pattern, or every `everyMs`. Resolves with the schedule's record
   * once that is durable.
   *
   * There is one task for each due time. Setting the same schedule again changes nothing; another one of its name replaces
   * it. Of the due times that passed while nobody answered for the fleet only the latest gets its task, or with
   * `missed: 'skip'` none. A pattern without a time zone gets that of the program that sets it.
   *
   * @throws AgentSystemError `TASK_INPUT_INVALID` naming the field, `SYSTEM_CLOSED`
   */
  schedule<Tasks extends TaskTypes, Name extends keyof Tasks & string>(
    options: ScheduleOptions<Tasks, Name>,
  ): Promise<ScheduleRecord>;
  async schedule(options: ScheduleOptions): Promise<ScheduleRecord> {
    return this.#schedules.set(options);
  }

  /** All schedules, in the order in which they were set. */
  schedules(): Promise<ScheduleRecord[]> {
    return this.#schedules.list();
  }

  /** Removes a schedule; tasks that it has submitted stay. @throws AgentSystemError `TASK_UNKNOWN` */
  async unschedule(name: string, options: ActOptions = {}): Promise<void> {
    return this.#schedules.remove(name, options);
  }

  /** @throws AgentSystemError `TASK_UNKNOWN`, `AGENT_ILLEGAL_COMMAND` */
  async forget(taskId: string, options: ActOptions = {}): Promise<void> {
    this.#engine.assertOpen();
    await this.#commands.give(ownerOf(taskId), { type: 'forgetTask', taskId, ...acted('forget', options) });
  }

  /** The agent that would get it. That there is none matters only for a new task. */
  async #picked(to: AnyOf): Promise<Answer<string>> {
    return answeringTo(() => this.leastLoaded(to));
  }

  /**
   * @internal Of some random agents of a type or a pool that take tasks, the least loaded one.
   *
   * @throws AgentSystemError `AGENT_NOT_FOUND`, `AGENT_NOT_RUNNING`
   */
  async leastLoaded(of: AnyOf): Promise<string> {
    const candidates = candidatesOf(await this.#agents.briefs(of), of, Math.random);
    const records = await Promise.all(candidates.map((id) => this.#agents.get(id).catch(() => undefined)));
    return leastLoadedOf(records.filter((record) => record !== undefined)) ?? candidates[0]!;
  }
}

/** Who acts, for the event. @throws AgentSystemError `TASK_INPUT_INVALID` */
function acted(what: string, options: ActOptions): { readonly by?: string | undefined } {
  return parseInput(actSchema, options, { what: `tasks.${what}`, code: 'TASK_INPUT_INVALID' });
}

/** @throws AgentSystemError `TASK_INPUT_INVALID` */
function refuseBoth(one: string, other: string, given: object): void {
  const both = given as Readonly<Record<string, unknown>>;
  if (both[one] === undefined || both[other] === undefined) return;
  throw new AgentSystemError('TASK_INPUT_INVALID', `submit: expected ${one} or ${other}, got both`);
}

/** Of a task that waits in the queue of a pool. */
function lineOf(taskId: string): ReturnType<typeof lineOfTask> {
  return typeof taskId === 'string' ? lineOfTask(taskId) : undefined;
}

/** @throws AgentSystemError `TASK_UNKNOWN` */
function ownerOf(taskId: string): string {
  const agentId = typeof taskId === 'string' ? agentOfTask(taskId) : undefined;
  if (agentId !== undefined) return agentId;
  throw new AgentSystemError('TASK_UNKNOWN', `no task ${inWords(taskId)} is known`);
}

function termsOf({ chain, trace }: AskedBy): TaskTerms {
  return { chain, ...(trace === undefined ? {} : { trace }) };
}

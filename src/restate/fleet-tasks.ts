/** Tasks as things of their own, in a fleet: `fleet.tasks`. A task's id says whose it is; its agent keeps its record. */
import { z } from 'zod';
import { durationMs, positionAt, taskStatuses } from '../machines/index.ts';
import type { TaskRecord } from '../runtime/fleet/task-record.ts';
import type { SubmittedTask } from '../runtime/fleet/task-submission.ts';
import type { TaskFilter } from '../runtime/fleet/tasks.ts';
import { AgentSystemError, inWords } from '../runtime/values/errors.ts';
import { parseInput } from '../runtime/values/malformed.ts';
import { type Answer, valueOf } from './answer.ts';
import { toAgent } from './calls.ts';
import type { EngineClient } from './engine-client.ts';
import { assertJson, type FleetAgents } from './fleet-agents.ts';
import type { Command } from './names.ts';
import { agentOfTask } from './task-ledger.ts';

/** An agent's id, or the least loaded agent of a type. */
export type FleetTaskTarget = string | { readonly type: string };

const targetSchema = z.union([z.string(), z.strictObject({ type: z.string() })], {
  error: 'expected the id of an agent, or { type }',
});
const taskSchema = z.strictObject({
  type: z.string(),
  input: z.unknown().optional(),
  timeoutMs: durationMs.optional(),
  idempotencyKey: z.string().min(1).max(1_024).optional(),
});
const filterSchema = z.strictObject({
  agentId: z.string().optional(),
  type: z.string().optional(),
  status: z.enum(taskStatuses).optional(),
});
const resultSchema = z.strictObject({ timeoutMs: durationMs.optional() });

export class FleetTasks {
  readonly #engine: EngineClient;
  readonly #agents: FleetAgents;

  constructor(engine: EngineClient, agents: FleetAgents) {
    this.#engine = engine;
    this.#agents = agents;
  }

  /**
   * Hands a task over to be done. Resolves with its record once that is durable.
   *
   * The same `idempotencyKey` to the same target gives the same task, for as long as there is a record of it.
   *
   * @throws AgentSystemError `AGENT_NOT_FOUND`, `AGENT_NOT_RUNNING`, `TASK_INCOMPATIBLE`, `TASK_INPUT_INVALID`,
   * `TASK_QUEUE_FULL`, `SYSTEM_CLOSED`
   */
  async submit(target: FleetTaskTarget, task: SubmittedTask): Promise<TaskRecord> {
    const expectation = { what: 'submit', code: 'TASK_INPUT_INVALID' } as const;
    const to = parseInput(targetSchema, target, expectation);
    const { type, input, timeoutMs, idempotencyKey } = parseInput(taskSchema, task, expectation);
    assertJson(type, input);
    const id = typeof to === 'string' ? to : await this.#leastLoaded(to.type, idempotencyKey);
    const work = { type, input, timeoutMs, retry: false, submitted: true, idempotencyKey };
    return this.#ask(id, { type: 'submit', work });
  }

  /** @throws AgentSystemError `TASK_UNKNOWN` */
  async get(taskId: string): Promise<TaskRecord> {
    const answer = await this.#engine.call<Answer<TaskRecord>>(toAgent(ownerOf(taskId), 'task'), { taskId });
    return valueOf(answer);
  }

  /** All that are known and fit, in the order of their acceptance: every agent that it may be of is asked. */
  async list(filter: TaskFilter = {}): Promise<TaskRecord[]> {
    const { agentId, type, status } = parseInput(filterSchema, filter, {
      what: 'tasks.list',
      code: 'TASK_INPUT_INVALID',
    });
    const ids =
      agentId === undefined ? (await this.#agents.looks()).map(({ record }) => record.id) : [agentId];
    const tasks = await Promise.all(
      ids.map((id) => this.#engine.call<readonly TaskRecord[]>(toAgent(id, 'tasks'), null)),
    );
    return tasks
      .flat()
      .filter(
        (task) =>
          (type === undefined || task.task === type) && (status === undefined || task.status === status),
      )
      .toSorted((one, other) => one.acceptedAt - other.acceptedAt);
  }

  /** Waits for a task to end. @throws AgentSystemError as `system.tasks.result` */
  async result(taskId: string, options: { readonly timeoutMs?: number } = {}): Promise<unknown> {
    const { timeoutMs } = parseInput(resultSchema, options, {
      what: 'tasks.result',
      code: 'TASK_INPUT_INVALID',
    });
    const isLimited = timeoutMs !== undefined && timeoutMs !== Infinity;
    const signal = isLimited ? AbortSignal.timeout(timeoutMs) : undefined;
    const command: Command = { type: 'awaitTask', taskId };
    try {
      return valueOf(
        await this.#engine.call<Answer>(toAgent(ownerOf(taskId), 'ask'), command, signal && { signal }),
      );
    } catch (thrown) {
      if (signal?.aborted !== true || thrown instanceof AgentSystemError) throw thrown;
      const { status } = await this.get(taskId);
      const message = `task ${taskId} has not ended within ${timeoutMs} ms: it is ${status}`;
      throw new AgentSystemError('TASK_TIMED_OUT', message, { details: { status } });
    }
  }

  /** @throws AgentSystemError `TASK_UNKNOWN`, `AGENT_ILLEGAL_COMMAND` for one that has ended */
  cancel(taskId: string, why = 'cancelled by its caller'): Promise<TaskRecord> {
    return this.#ask(ownerOf(taskId), { type: 'cancelTask', taskId, why });
  }

  /** @throws AgentSystemError `TASK_UNKNOWN`, `AGENT_ILLEGAL_COMMAND` for one that has not ended, or is done */
  retry(taskId: string): Promise<TaskRecord> {
    return this.#ask(ownerOf(taskId), { type: 'retryTask', taskId });
  }

  /** @throws AgentSystemError `TASK_UNKNOWN`, `AGENT_ILLEGAL_COMMAND` */
  async forget(taskId: string): Promise<void> {
    await this.#ask(ownerOf(taskId), { type: 'forgetTask', taskId });
  }

  async #ask(agentId: string, command: Command): Promise<TaskRecord> {
    return valueOf(await this.#engine.call<Answer<TaskRecord>>(toAgent(agentId, 'ask'), command));
  }

  async #leastLoaded(type: string, key: string | undefined): Promise<string> {
    if (key !== undefined) {
      const message = `submit: an idempotencyKey is for the task of one agent, expected its id, got { type: ${inWords(type)} }`;
      throw new AgentSystemError('TASK_INPUT_INVALID', message);
    }
    const looks = (await this.#agents.looks()).filter(({ record }) => record.type === type);
    const taking = looks.filter(
      ({ record, isMoving }) => isMoving || positionAt(record.state).legal.has('execute'),
    );
    const loadOf = ({ record: { metrics } }: (typeof taking)[number]) => metrics.waiting + metrics.running;
    const least = taking.toSorted((one, other) => loadOf(one) - loadOf(other))[0];
    if (least !== undefined) return least.record.id;
    const isThere = looks.length > 0;
    const message = isThere
      ? `no agent of type ${inWords(type)} takes tasks now`
      : `no agent of type ${inWords(type)} is registered`;
    throw new AgentSystemError(isThere ? 'AGENT_NOT_RUNNING' : 'AGENT_NOT_FOUND', message);
  }
}

/** @throws AgentSystemError `TASK_UNKNOWN` */
function ownerOf(taskId: string): string {
  const agentId = typeof taskId === 'string' ? agentOfTask(taskId) : undefined;
  if (agentId !== undefined) return agentId;
  throw new AgentSystemError('TASK_UNKNOWN', `no task ${inWords(taskId)} is known`);
}

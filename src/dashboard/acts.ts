/**
 * What an operator may do through the dashboard: the acts, their arguments, and the log line and mark of each.
 *
 * I1  A command that the agent's state does not allow is refused, and the answer names those that it allows.
 * I2  Every act, refused or done, is a log line and a mark with `by`; so are the events of an act that was done.
 */
import type { Logger } from 'pino';
import { z } from 'zod';
import { type AgentCommand, describeExit, durationMs } from '../machines/index.ts';
import { AgentSystemError, type SubmittedTask } from '../index.ts';
import { parseInput } from '../runtime/values/malformed.ts';
import { errorInfoOf } from '../runtime/values/errors.ts';
import { oneLine } from './agent-row.ts';
import type { Chronicle } from './chronicle.ts';
import type { ActReport } from './protocol.ts';
import { settled, type WatchedSystem } from './watched-system.ts';

/** The agent's state does not allow this command. */
export class IllegalCommand extends AgentSystemError<'AGENT_ILLEGAL_COMMAND'> {
  readonly legal: readonly AgentCommand[];

  constructor(agentId: string, command: AgentCommand, legal: readonly AgentCommand[]) {
    const message = `agent ${agentId} does not take ${command} now; legal: ${legal.join(', ') || 'nothing'}`;
    super('AGENT_ILLEGAL_COMMAND', message, { agentId, details: { command, legal } });
    this.legal = legal;
  }
}

/** The target of the act. */
export interface Subject {
  readonly agentId?: string;
  readonly pool?: string;
  readonly variable?: string;
}

interface Done {
  readonly act: string;
  readonly subject: Subject;
  readonly by: string;
  readonly work: () => Promise<unknown>;
}

export interface ActsOptions {
  readonly system: WatchedSystem;
  readonly chronicle: Chronicle;
  readonly logger: Logger;
}

export const taskActs = ['cancel', 'retry', 'forget'] as const;
export type TaskAct = (typeof taskActs)[number];
export const agentActs = ['start', 'restart', 'pause', 'resume', 'stop', 'kill', 'forget'] as const;
export type AgentAct = (typeof agentActs)[number];

const by = z.string().trim().min(1).max(100).default('dashboard');
const why = z.string().max(1_000).optional();
const actSchema = z.strictObject({ by });
const stopSchema = z.strictObject({ by, timeoutMs: durationMs.optional() });
const sizeSchema = z.strictObject({ by, size: z.int().min(0) });
/** The system checks the rest. */
const submitSchema = z.strictObject({
  by,
  target: z.union([z.string(), z.strictObject({ type: z.string() }), z.strictObject({ pool: z.string() })], {
    error: 'expected the id of an agent, { type } or { pool }',
  }),
  type: z.string(),
  input: z.json().optional(),
  timeoutMs: durationMs.optional(),
  idempotencyKey: z.string().optional(),
});
const cancelSchema = z.strictObject({ by, reason: z.string().trim().min(1).max(1_000).optional() });
const valueSchema = z.strictObject({ by, why, value: z.json() });
const refillSchema = z.strictObject({ by, of: z.string().max(512).optional() });
const answerSchema = z.strictObject({ by, answer: z.json() });
const rollbackSchema = z.strictObject({ by, why, version: z.int().min(1) });
const proposalSchema = z.strictObject({
  by,
  why,
  variable: z.string(),
  value: z.json(),
  rule: z.enum(['majority', 'supermajority', 'unanimous', 'weighted']).optional(),
  quorum: z.number().optional(),
  deadlineMs: durationMs.optional(),
  tie: z.enum(['reject', 'keep', 'leader']).optional(),
});

export class Acts {
  readonly #options: ActsOptions;

  constructor(options: ActsOptions) {
    this.#options = options;
  }

  /** @throws AgentSystemError as `agents.start` and its like */
  agent(id: string, command: AgentAct, body: unknown): Promise<ActReport> {
    const { agents } = this.#options.system;
    const { by, timeoutMs } =
      command === 'stop'
        ? parse(stopSchema, body, 'agents.stop')
        : { ...parse(actSchema, body, `agents.${command}`), timeoutMs: undefined };
    const grace = timeoutMs === undefined ? {} : { timeoutMs };
    return this.#done({
      act: command,
      subject: { agentId: id },
      by,
      work: async () => {
        const { system } = this.#options;
        system.mirror?.outdate();
        const legal = await settled(system, () => agents.legal(id));
        if (!legal.includes(command)) throw new IllegalCommand(id, command, legal);
        switch (command) {
          case 'start':
          case 'restart': {
            const { incarnation } = await agents[command](id, { by });
            return { incarnation };
          }
          case 'pause':
          case 'resume': {
            const { status, state, paused } = await agents[command](id, { by });
            return { status, state, ...(paused === undefined ? {} : { paused }) };
          }
          case 'forget':
            await agents.forget(id, { by });
            return { status: 'forgotten' };
          default: {
            const record = await (command === 'stop'
              ? agents.stop(id, { by, ...grace })
              : agents.kill(id, { by }));
            const { status, incarnation, reason } = record;
            return { status, incarnation, ...(reason === undefined ? {} : { reason: describeExit(reason) }) };
          }
        }
      },
    });
  }

  /** @throws AgentSystemError as `pools.ensureSize` */
  resize(pool: string, body: unknown): Promise<ActReport> {
    const { by, size } = parse(sizeSchema, body, 'pools.ensureSize');
    return this.#done({
      act: `ensureSize ${size}`,
      subject: { pool },
      by,
      work: async () => {
        const { members: _, ...record } = await this.#options.system.pools.ensureSize(pool, size, { by });
        return record;
      },
    });
  }

  /** @throws AgentSystemError as `tasks.submit` */
  submit(body: unknown): Promise<ActReport> {
    const { target, ...task } = parse(submitSchema, body, 'tasks.submit');
    const subject =
      typeof target === 'string' ? { agentId: target } : 'pool' in target ? { pool: target.pool } : {};
    return this.#done({
      act: `submit ${task.type}`,
      subject,
      by: task.by,
      work: async () => {
        const given = Object.fromEntries(Object.entries(task).filter(([, value]) => value !== undefined));
        const asked = given as unknown as SubmittedTask;
        const { id, status, agentId, pool } = await this.#options.system.tasks.submit(target, asked);
        return { id, status, agentId, ...(pool === undefined ? {} : { pool }) };
      },
    });
  }

  /** @throws AgentSystemError as `tasks.cancel` and its like */
  async task(id: string, command: TaskAct, body: unknown): Promise<ActReport> {
    const { tasks } = this.#options.system;
    const { by, reason } =
      command === 'cancel'
        ? parse(cancelSchema, body, 'tasks.cancel')
        : { ...parse(actSchema, body, `tasks.${command}`), reason: undefined };
    const { agentId } = await settled(this.#options.system, () => tasks.get(id));
    return this.#done({
      act: `${command} ${id}`,
      subject: agentId === '' ? {} : { agentId },
      by,
      work: async () => {
        if (command === 'forget') {
          await tasks.forget(id, { by });
          return { id, status: 'forgotten' };
        }
        const { status, attempts } = await (command === 'cancel'
          ? tasks.cancel(id, reason ?? `cancelled by ${by}`, { by })
          : tasks.retry(id, { by }));
        return { id, status, attempts };
      },
    });
  }

  /** @throws AgentSystemError as `tasks.unschedule` */
  unschedule(name: string, body: unknown): Promise<ActReport> {
    const { by } = parse(actSchema, body, 'tasks.unschedule');
    return this.#done({
      act: `remove schedule ${name}`,
      subject: {},
      by,
      work: async () => {
        await this.#options.system.tasks.unschedule(name, { by });
        return { name };
      },
    });
  }

  /** @throws AgentSystemError as `questions.answer` */
  async answer(question: string, body: unknown): Promise<ActReport> {
    const { by, answer } = parse(answerSchema, body, 'questions.answer');
    const { questions } = this.#options.system;
    const { agentId } = await settled(this.#options.system, () => questions.get(question));
    return this.#done({
      act: `answer ${question}`,
      subject: { agentId },
      by,
      work: async () => {
        const { id, agentId, taskId, status } = await questions.answer(question, answer, { by });
        return { id, agentId, taskId, status };
      },
    });
  }

  /** @throws AgentSystemError as `quotas.lift` */
  lift(quota: string, body: unknown): Promise<ActReport> {
    const { by } = parse(actSchema, body, 'quotas.lift');
    const work = () => this.#options.system.quotas.lift(quota, { by });
    return this.#done({ act: `lift the limit ${quota}`, subject: {}, by, work });
  }

  /** @throws AgentSystemError as `budgets.refill` */
  refill(budget: string, body: unknown): Promise<ActReport> {
    const { by, of } = parse(refillSchema, body, 'budgets.refill');
    return this.#done({
      act: `refill the budget ${budget}${of === undefined ? '' : ` of ${of}`}`,
      subject: {},
      by,
      work: () => this.#options.system.budgets.refill(budget, { by, ...(of === undefined ? {} : { of }) }),
    });
  }

  /** @throws AgentSystemError as `variables.set` */
  set(variable: string, body: unknown): Promise<ActReport> {
    const { by, why, value } = parse(valueSchema, body, 'variables.set');
    return this.#done({
      act: 'set',
      subject: { variable },
      by,
      work: () => this.#options.system.variables.set(variable, value, reasonOf(by, why)),
    });
  }

  /** @throws AgentSystemError as `variables.rollback` */
  rollBack(variable: string, body: unknown): Promise<ActReport> {
    const { by, why, version } = parse(rollbackSchema, body, 'variables.rollback');
    return this.#done({
      act: `roll back to v${version}`,
      subject: { variable },
      by,
      work: () => this.#options.system.variables.rollback(variable, version, reasonOf(by, why)),
    });
  }

  /** Resolves when the round has ended. @throws AgentSystemError as `consensus.propose` */
  propose(body: unknown): Promise<ActReport> {
    const { by, why, ...proposal } = parse(proposalSchema, body, 'consensus.propose');
    const given = Object.fromEntries(Object.entries(proposal).filter(([, value]) => value !== undefined));
    return this.#done({
      act: 'propose',
      subject: { variable: proposal.variable },
      by,
      work: async () => {
        const asked = { ...given, ...reasonOf(by, why) } as Parameters<
          WatchedSystem['consensus']['propose']
        >[0];
        const { electorate, ...decision } = await this.#options.system.consensus.propose(asked);
        return { ...decision, electorate: electorate.length };
      },
    });
  }

  /** @throws AgentSystemError `SYSTEM_CLOSED` */
  coordination(command: 'suspend' | 'resume', body: unknown): Promise<ActReport> {
    const { by } = parse(actSchema, body, `coordination.${command}`);
    return this.#done({
      act: `${command} coordination`,
      subject: {},
      by,
      work: async () => {
        const { coordination, mirror } = this.#options.system;
        await coordination[command]({ by });
        const status = () => coordination.status();
        return { status: mirror === undefined ? status() : await mirror.settled(status) };
      },
    });
  }

  async #done({ act, subject, by, work }: Done): Promise<ActReport> {
    const { chronicle, logger } = this.#options;
    const trace = (text: string) => {
      chronicle.add({ at: Date.now(), type: 'operator.act', by, text: oneLine(text), ...subject });
    };
    try {
      const result = await work();
      trace(act);
      logger.info({ by, act, ...subject }, 'dashboard: done');
      return { act, by, result };
    } catch (thrown) {
      const { message } = errorInfoOf(thrown);
      trace(`${act}: refused, ${message}`);
      logger.warn({ by, act, ...subject, refused: message }, 'dashboard: refused');
      throw thrown;
    }
  }
}

function parse<Schema extends z.ZodType>(schema: Schema, body: unknown, what: string): z.output<Schema> {
  return parseInput(schema, body, { what });
}

function reasonOf(by: string, why: string | undefined) {
  return { by, ...(why === undefined ? {} : { why }) };
}

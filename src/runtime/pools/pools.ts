/**
 * All pools of a system: `system.pools`.
 *
 * Owns their names, and refuses what is malformed. What a pool does, pool.ts has.
 *
 * I1  A refused call has changed nothing.
 * I2  A pool's members are the agents whose spec names it: after the loss of the whole program they come back like
 *     all agents, and `create` with the same name finds them again.
 */
import { z } from 'zod';
import { durationMs, poolSpec, type PoolSpecInput } from '../../machines/index.ts';
import type { Agent } from '../agent/agent.ts';
import type { CalledPool } from '../fleet/agent-calls.ts';
import type { TypedPoolName, TaskOf } from '../fleet/agent-handle.ts';
import type { CheckedSpec, IsSeveral, NothingBeside, WithModule } from '../fleet/spec-of-several.ts';
import type { DemandedArgs, SpecFields } from '../fleet/spec-reading.ts';
import { checkTask } from '../fleet/task-check.ts';
import type { TaskTypes } from '../definition/define-agent.ts';
import { answered, refused } from '../time/loop-turn.ts';
import { type ActOptions, actSchema } from '../values/act.ts';
import { AgentSystemError, inWords } from '../values/errors.ts';
import type { GivenTask, TaskCancel, TaskRequest } from '../agent/task-request.ts';
import { meantBy } from '../values/near-name.ts';
import { TaskChunks, type TaskStream } from '../agent/task-stream.ts';
import { parseInput, readInput } from '../values/malformed.ts';
import { withoutKnownSecrets } from '../values/secrets.ts';
import type { Telemetry } from '../observability/telemetry.ts';
import type { PoolCloseReport } from './close-report.ts';
import { type LeftTask, LeftTasks } from './left-tasks.ts';
import { Pool, type PoolRecord, type PoolServices } from './pool.ts';
import type { NamedScalingSignal, ScalingSignalSource } from './scaling-signal.ts';

/** What is asked for when a pool is created; all but the name, the spec and the bounds has a default. */
export type PoolSpec<Args = unknown, Tasks extends TaskTypes = TaskTypes> = Omit<
  PoolSpecInput,
  'spec' | 'scale'
> & {
  /** Of every member. The pool gives them their ids: its name and a number. */
  readonly spec: Omit<SpecFields<Args, Tasks>, 'id'> & DemandedArgs<Args>;
  /** Given, the pool sizes itself between `min` and `max`. */
  readonly scale?:
    | (Omit<NonNullable<PoolSpecInput['scale']>, 'signal'> & {
        /** A function, or what `defineScalingSignal` gives. Default: `machineSignal`. */
        readonly signal?: ScalingSignalSource | NamedScalingSignal | undefined;
      })
    | undefined;
};

/** The spec of a pool, by its members. */
export interface WithSpec {
  readonly spec: WithModule;
}

/**
 * The spec of a pool whose members are of one definition, or of one of several.
 *
 * @typeParam One a spec of a pool of one definition
 * @typeParam Known a spec of a pool of any definition
 */
export type PoolOfOneOrSeveral<Pool extends WithSpec, One, Known extends WithSpec = PoolSpec> =
  true extends IsSeveral<Pool['spec']> ? Pool & CheckedPool<Pool, Known> : One;

type CheckedPool<Pool extends WithSpec, Known extends WithSpec> = Pool extends unknown
  ? Pool &
      Omit<Known, 'spec'> & { readonly spec: CheckedSpec<Pool['spec'], Known['spec']> } & NothingBeside<
        Known,
        Pool
      >
  : never;

/** Of a pool with such a spec: it knows the tasks of one definition. */
export type PoolNameOf<Pool extends WithSpec, Tasks extends TaskTypes> =
  true extends IsSeveral<Pool['spec']> ? string : TypedPoolName<Tasks>;

/** Pools of agents of one type behind one queue. */
export interface Pools {
  /**
   * Makes a pool and starts its first members, `target` or else `min` of them. Resolves with its name once they run.
   *
   * A first member that cannot start is the caller's error: what was started is ended, and there is no pool.
   * Agents of an earlier program that were members of a pool of this name are its members again, with their states;
   * then it does not wait for them, and without a `target` the pool is as large as it was, within its bounds. Those
   * that had completed or given up, and those of another type, are replaced.
   *
   * @throws AgentSystemError `AGENT_SPEC_INVALID` naming the field, as `agents.start`, `SYSTEM_CLOSED`
   */
  create<Args, Tasks extends TaskTypes, Pool extends WithSpec = never>(
    spec: PoolOfOneOrSeveral<Pool, PoolSpec<Args, Tasks>>,
    options?: ActOptions,
  ): Promise<PoolNameOf<Pool, Tasks>>;
  /**
   * Sets a pool's size. Resolves with its record once it has that size, and members that had to leave are gone.
   *
   * It shrinks by draining: idle members first, busy ones when they have done what they have begun, however long
   * that takes. A call that another one, or the autoscaler, overtakes resolves once the pool has the size that was
   * set last: `wanted` of the record. A member that cannot start is the caller's error: the size goes back by as
   * much.
   *
   * @throws AgentSystemError `POOL_UNKNOWN`, `AGENT_SPEC_INVALID` for a size that is not within its bounds,
   * `RESOURCES_EXHAUSTED`, `AGENT_START_FAILED`, `AGENT_START_TIMED_OUT`, `STORE_FAILED`, `SYSTEM_CLOSED`
   */
  ensureSize(name: string, size: number, options?: ActOptions): Promise<PoolRecord>;
  /**
   * Has the least loaded member of a pool do a task. While none is free it waits in the pool's queue, in the order
   * of an agent's own. `timeoutMs` and `signal` count from now on, in the queue, too.
   *
   * A task whose member crashes is abandoned, as with any agent: it may have been done or not. It is given to another
   * member, before all that wait, only where the pool allows it (`retryAbandoned`) and the task's definition says
   * that it may be done twice (`retry`). A task that waits in the queue is in the store, as one that waits for an agent:
   * one that was submitted goes on in the next program, one that was executed only where it may be done twice.
   *
   * @throws AgentSystemError `POOL_UNKNOWN`, also for one that closes, `TASK_QUEUE_FULL`, and as `agents.execute`
   */
  execute<Tasks extends TaskTypes, Name extends keyof Tasks & string>(
    name: TypedPoolName<Tasks>,
    task: TaskOf<Tasks, Name>,
  ): Promise<Tasks[Name]['output']>;
  /**
   * Has a member do a task as `execute` does, and gives the parts of its output as they come, as `agents.stream` does:
   * the task is held back by its reader; `break`, `return()` and `await using` cancel it, also while it waits for a
   * member. A task that has given a chunk is never given to another member.
   *
   * Whatever it is refused for, as by `execute`, is thrown where it is read, and by `output`.
   */
  stream<Tasks extends TaskTypes, Name extends keyof Tasks & string>(
    name: TypedPoolName<Tasks>,
    task: TaskOf<Tasks, Name>,
  ): TaskStream<Tasks[Name]['chunk'], Tasks[Name]['output']>;
  /** @throws AgentSystemError `POOL_UNKNOWN` */
  get(name: string): PoolRecord;
  /** All pools, in the order of their creation. */
  list(): PoolRecord[];
  /**
   * Ends a pool: no new task; tasks that wait are done for the greater part of the time, then members drain, save
   * and end. At the deadline what is left is given up, busy members are killed, and all are forgotten.
   *
   * @param options.timeoutMs one deadline for all of it, ms; default the members' `shutdownMs`
   * @throws AgentSystemError `POOL_UNKNOWN`, `AGENT_SPEC_INVALID` for invalid options, `SYSTEM_CLOSED`
   */
  close(
    name: string,
    options?: ActOptions & { readonly timeoutMs?: number | undefined },
  ): Promise<PoolCloseReport>;
}

export interface PoolRegistryOptions extends PoolServices {
  readonly telemetry: Telemetry;
  /** Throws `SYSTEM_CLOSED` once the system closes. */
  readonly assertOpen: () => void;
}

const closeSchema = actSchema.extend({ timeoutMs: durationMs.optional() });

export class PoolRegistry implements Pools {
  readonly #options: PoolRegistryOptions;
  readonly #pools = new Map<string, Pool>();
  /** Pools whose first members start, by the names that are taken for them. */
  readonly #opening = new Map<string, Pool | undefined>();
  readonly #left: LeftTasks;
  #halting: PromiseWithResolvers<void> | undefined;
  /** Of those that are told to halt, the ones that have not. */
  readonly #unhalted = new Set<Pool>();

  constructor(options: PoolRegistryOptions) {
    this.#options = options;
    this.#left = new LeftTasks(options);
  }

  create(asked: WithSpec, options: ActOptions = {}): Promise<string> {
    return answered(this.#options.clock, async () => {
      const { agents, assertOpen } = this.#options;
      assertOpen();
      const spec = parseInput(poolSpec, asked, { what: 'pools.create' });
      const { by } = parseInput(actSchema, options, { what: 'pools.create' });
      const { name, scale } = spec;
      if (typeof scale?.signal === 'string') {
        throw invalid(
          `scale.signal: expected a function, or what defineScalingSignal gives, got ${inWords(scale.signal)}: a name alone is for a fleet, whose nodes have its code`,
        );
      }
      if (this.#pools.has(name) || this.#opening.has(name)) {
        throw invalid(`name: there is a pool ${inWords(name)} already`);
      }
      readInput(() => assertOwnNames(spec.spec), { what: 'pools.create: spec' });
      this.#opening.set(name, undefined);
      try {
        const { spec: member, manifest } = await agents.describe(spec.spec);
        assertOpen();
        const found = this.#membersOf(name);
        const closed = (pool: Pool) => this.#closed(pool);
        const pool = new Pool({ spec, member, manifest, found, closed, by }, this.#options);
        this.#opening.set(name, pool);
        await pool.opened();
        this.#pools.set(name, pool);
        for (const task of this.#left.take(name)) pool.restore(task);
        return name;
      } finally {
        this.#opening.delete(name);
      }
    });
  }

  ensureSize(name: string, size: number, options: ActOptions = {}): Promise<PoolRecord> {
    return answered(this.#options.clock, async () => {
      const pool = this.#open(name);
      const { min, max } = pool.record();
      const asked = z.strictObject({ size: z.int().min(min).max(max), options: actSchema });
      const read = parseInput(asked, { size, options }, { what: 'ensureSize' });
      return pool.resize(read.size, read.options.by);
    });
  }

  execute<Tasks extends TaskTypes, Name extends keyof Tasks & string>(
    name: TypedPoolName<Tasks>,
    task: TaskOf<Tasks, Name>,
  ): Promise<Tasks[Name]['output']>;
  execute(name: string, task: TaskRequest): Promise<unknown> {
    return this.#execute(name, ({ manifest }) => checkTask(task, manifest));
  }

  stream<Tasks extends TaskTypes, Name extends keyof Tasks & string>(
    name: TypedPoolName<Tasks>,
    task: TaskOf<Tasks, Name>,
  ): TaskStream<Tasks[Name]['chunk'], Tasks[Name]['output']>;
  stream(name: string, task: TaskRequest): TaskStream {
    return new TaskChunks((reader, gone) =>
      this.#execute(name, ({ manifest }) => {
        const asked = checkTask(task, manifest);
        const signal = asked.signal === undefined ? gone : AbortSignal.any([asked.signal, gone]);
        return { ...asked, signal, reader };
      }),
    );
  }

  /** @internal What a task that waits for a pool has to know of it. @throws AgentSystemError `POOL_UNKNOWN` */
  called(name: string): CalledPool {
    return this.#open(name);
  }

  /** @internal Tasks of an earlier program: they go on when their pool is there. */
  restore(name: string, tasks: readonly LeftTask[]): void {
    this.#left.keep(name, tasks);
  }

  /** @internal Cancels a task that waits in a queue; whether there was one. */
  cancel(name: string, taskId: string, cancel: TaskCancel): boolean {
    return (
      this.#left.cancel(name, taskId, cancel) || (this.#pools.get(name)?.cancel(taskId, cancel) ?? false)
    );
  }

  /** @internal A task that is given more than a caller may give. */
  run(name: string, given: GivenTask): Promise<unknown> {
    const {
      submission: _,
      begins: _begins,
      policy: _policy,
      again: _again,
      dueAt: _due,
      delayMs: _delay,
      reader: _reader,
      ...task
    } = given;
    return this.#execute(name, ({ manifest }) => ({ ...given, ...checkTask(task, manifest) }));
  }

  /** @param read checks the task, and gives it as it was checked */
  async #execute(name: string, read: (pool: Pool) => GivenTask): Promise<unknown> {
    const { telemetry, clock } = this.#options;
    let pool: Pool;
    let given: GivenTask;
    try {
      pool = this.#open(name);
      given = read(pool);
    } catch (thrown) {
      return refused(clock, thrown);
    }
    return telemetry.poolTask({ pool: name, task: given.type, clock }, () => pool.execute(given));
  }

  get(name: string): PoolRecord {
    return this.#find(name).record();
  }

  list(): PoolRecord[] {
    return [...this.#pools.values()].map((pool) => pool.record());
  }

  close(
    name: string,
    options: ActOptions & { readonly timeoutMs?: number | undefined } = {},
  ): Promise<PoolCloseReport> {
    return answered(this.#options.clock, async () => {
      this.#options.assertOpen();
      const pool = this.#find(name);
      const read = parseInput(closeSchema, options, { what: 'pools.close' });
      return pool.close(read.timeoutMs, read.by);
    });
  }

  /**
   * @internal The system closes: no pool gets another member. Resolves when no task waits in a pool any more;
   * `undefined` where there is no pool.
   */
  halt(finishMs: number): Promise<void> | undefined {
    const pools = this.#all();
    if (pools.length === 0) return undefined;
    this.#halting = Promise.withResolvers();
    for (const pool of pools) this.#unhalted.add(pool);
    for (const pool of pools) pool.halt(finishMs);
    return this.#halting.promise;
  }

  /** @internal All agents have ended. */
  discard(why: AgentSystemError): void {
    this.#left.discard();
    for (const pool of this.#all()) pool.discard(why);
  }

  #closed(pool: Pool): void {
    this.#unhalted.delete(pool);
    if (this.#halting === undefined) this.#forget(pool);
    else if (this.#unhalted.size === 0) this.#halting.resolve();
  }

  /** It has ended: there is nothing to halt. The name of one that could not open stays taken until its caller is answered. */
  #forget(pool: Pool): void {
    if (this.#opening.get(pool.name) === pool) this.#opening.set(pool.name, undefined);
    this.#pools.delete(pool.name);
  }

  #all(): Pool[] {
    return [...this.#opening.values(), ...this.#pools.values()].filter((pool) => pool !== undefined);
  }

  #membersOf(name: string): Agent[] {
    const { agents, alerts } = this.#options;
    const members = [...agents.all()].filter(({ spec }) => spec.pool === name);
    const without = new Set(
      alerts.list().flatMap(({ alert, agentId }) => (alert === 'definition_missing' ? [agentId] : [])),
    );
    const missing = members.find(({ id }) => without.has(id));
    if (missing) {
      throw invalid(
        `spec.module: agent ${missing.id} of an earlier program has no code, give its definition to createAgentSystem({ agents })`,
      );
    }
    return members;
  }

  #open(name: string): Pool {
    this.#options.assertOpen();
    const pool = this.#find(name);
    if (!pool.isClosing) return pool;
    throw new AgentSystemError('POOL_UNKNOWN', `pool ${name} is closing`, {
      details: { pool: name },
    });
  }

  #find(name: string): Pool {
    const pool = this.#pools.get(name);
    if (pool !== undefined) return pool;
    throw new AgentSystemError(
      'POOL_UNKNOWN',
      `there is no pool ${inWords(name)}, ${meantBy(name, [...this.#pools.keys()])}`,
      {
        details: { pool: typeof name === 'string' ? withoutKnownSecrets(name) : name },
      },
    );
  }
}

/** @throws AgentSystemError for a spec that gives members what their pool gives them */
function assertOwnNames(spec: { readonly id?: unknown; readonly pool?: unknown }): void {
  for (const field of ['id', 'pool'] as const) {
    if (spec[field] === undefined) continue;
    throw invalid(`spec.${field}: members get theirs from the pool, got ${inWords(spec[field])}`);
  }
}

function invalid(problem: string): AgentSystemError {
  return new AgentSystemError('AGENT_SPEC_INVALID', `pools.create: ${problem}`);
}

/** Pools of a fleet: `fleet.pools`. The shape of `system.pools`; reads are promises. */
import { durationMs, poolSpec, type ScalingPolicy } from '../../machines/index.ts';
import type { TaskRequest } from '../../runtime/agent/task-request.ts';
import { TaskChunks, type TaskStream } from '../../runtime/agent/task-stream.ts';
import type { TaskTypes } from '../../runtime/definition/define-agent.ts';
import type { TaskOf, TypedPoolName } from '../../runtime/fleet/agent-handle.ts';
import { invalidSpec } from '../../runtime/fleet/spec-reading.ts';
import type { PoolCloseReport } from '../../runtime/pools/close-report.ts';
import type { PoolRecord } from '../../runtime/pools/pool.ts';
import type { PoolNameOf, PoolOfOneOrSeveral, PoolSpec, WithSpec } from '../../runtime/pools/pools.ts';
import type { NamedScalingSignal } from '../../runtime/pools/scaling-signal.ts';
import { type ActOptions, actSchema } from '../../runtime/values/act.ts';
import { AgentSystemError, inWords } from '../../runtime/values/errors.ts';
import { parseInput } from '../../runtime/values/malformed.ts';
import { withoutKnownSecrets } from '../../runtime/values/secrets.ts';
import { type Answer, valueOf } from '../engine/call-answer.ts';
import { toPool } from '../engine/calls.ts';
import { type EngineClient, REPEATABLE } from '../engine/engine-client.ts';
import { type CallOptions, type FleetCalls, untilGone } from './fleet-calls.ts';
import { type FleetSpecs, keptSpecOf, placedSpec } from './fleet-specs.ts';
import { someAtOnce } from './some-at-once.ts';
import type { PoolCommand } from '../engine/names.ts';
import type { PlacementWish } from '../nodes/placement.ts';
import { type PoolCharts, type PoolLook, POOLS } from '../pools/pool-object.ts';

const closeSchema = actSchema.extend({ timeoutMs: durationMs.optional() });

/** The spec of a fleet's pool: as that of one program, with a `scale.signal` that has a name. */
export type FleetPoolSpec<Args = unknown, Tasks extends TaskTypes = TaskTypes> = Omit<
  PoolSpec<Args, Tasks>,
  'scale'
> & {
  /** With it, the pool sizes itself between `min` and `max`, by its load and by its signal. */
  readonly scale?:
    | (Omit<NonNullable<PoolSpec<Args, Tasks>['scale']>, 'signal'> & {
        /**
         * What `defineScalingSignal` gives, or its name; its code is on the nodes, `createAgentNode({ scalingSignals })`.
         * Default: the strain of the least strained node.
         */
        readonly signal?: NamedScalingSignal | string | undefined;
      })
    | undefined;
  readonly spec: PoolSpec<Args, Tasks>['spec'] & { readonly placement?: PlacementWish };
};

export class FleetPools {
  readonly #engine: EngineClient;
  readonly #specs: FleetSpecs;
  readonly #calls: FleetCalls;

  constructor(engine: EngineClient, specs: FleetSpecs, calls: FleetCalls) {
    this.#engine = engine;
    this.#specs = specs;
    this.#calls = calls;
  }

  /**
   * Makes a pool and starts its first members. Resolves with its name once they run.
   *
   * @throws AgentSystemError as `system.pools.create`; `AGENT_SPEC_INVALID` also for a `scale.signal` that is a function
   * alone, or that the node which answers was not given
   */
  async create<Args, Tasks extends TaskTypes, Pool extends WithSpec = never>(
    asked: PoolOfOneOrSeveral<Pool, FleetPoolSpec<Args, Tasks>, FleetPoolSpec>,
    options: ActOptions = {},
  ): Promise<PoolNameOf<Pool, Tasks>> {
    this.#engine.assertOpen();
    const { name, spec: given, scale, ...pool } = parseInput(poolSpec, asked, { what: 'pools.create' });
    const { by } = parseInput(actSchema, options, { what: 'pools.create' });
    if (!name.isWellFormed()) throw invalid(`name: expected whole characters, got ${inWords(name)}`);
    const { signal, ...policy } = scale ?? {};
    if (typeof signal === 'function') {
      throw invalid(
        'scale.signal: expected what defineScalingSignal gives, or its name, got a function: a function alone stays in this program, so give the nodes a signal with a name, createAgentNode({ scalingSignals })',
      );
    }
    for (const field of ['id', 'pool'] as const) {
      const own = (given as Record<string, unknown>)[field];
      if (own !== undefined)
        throw invalid(`spec.${field}: members get theirs from the pool, got ${inWords(own)}`);
    }
    const placed = placedSpec(given);
    const manifest = await this.#specs.manifestOf(placed.read);
    const spec = keptSpecOf(placed, name, manifest.type);
    return this.#ask(name, {
      type: 'create',
      pool: {
        ...pool,
        ...(scale === undefined ? {} : { scale: policy as ScalingPolicy }),
        ...(signal === undefined ? {} : { signal: typeof signal === 'string' ? signal : signal.name }),
      },
      spec,
      manifest,
      by,
    });
  }

  /** Sets a pool's size. Resolves with its record once it has that size. @throws AgentSystemError as `system.pools.ensureSize` */
  async ensureSize(name: string, size: number, options: ActOptions = {}): Promise<PoolRecord> {
    this.#engine.assertOpen();
    const { by } = parseInput(actSchema, options, { what: 'ensureSize' });
    return this.#ask(name, { type: 'resize', size, by });
  }

  /**
   * Has the least loaded member do a task; while none is free it waits in the pool's queue.
   *
   * @throws AgentSystemError `POOL_UNKNOWN`, `TASK_QUEUE_FULL`, and as `agents.execute`
   */
  execute<Tasks extends TaskTypes, Name extends keyof Tasks & string>(
    name: TypedPoolName<Tasks>,
    task: TaskOf<Tasks, Name>,
  ): Promise<Tasks[Name]['output']>;
  async execute(name: string, task: TaskRequest): Promise<unknown> {
    return this.executeFor(name, task);
  }

  /**
   * Has a member do a task, and gives the parts of its output as they come, as `system.pools.stream`. A task that is read
   * goes to no other member.
   */
  stream<Tasks extends TaskTypes, Name extends keyof Tasks & string>(
    name: TypedPoolName<Tasks>,
    task: TaskOf<Tasks, Name>,
  ): TaskStream<Tasks[Name]['chunk'], Tasks[Name]['output']>;
  stream(name: string, task: TaskRequest): TaskStream {
    return new TaskChunks((reader, gone) => {
      return this.executeFor(name, untilGone(task, gone), { reader });
    });
  }

  /** @internal A task that the tasks of the chain wait for, or that is read. */
  async executeFor(
    name: string,
    task: TaskRequest,
    options: Pick<CallOptions, 'reader' | 'chain'> = {},
  ): Promise<unknown> {
    const give = (command: PoolCommand): Promise<unknown> => this.#ask(name, command);
    return this.#calls.executeBy(name, give, task, options);
  }

  /** @throws AgentSystemError `POOL_UNKNOWN` */
  async get(name: string): Promise<PoolRecord> {
    this.#engine.assertOpen();
    const record = await this.#engine.call<PoolRecord | null>(
      toPool(keyOf(name), 'record'),
      null,
      REPEATABLE,
    );
    if (record === null) throw unknown(name);
    return record;
  }

  /** All pools, by name. */
  async list(): Promise<PoolRecord[]> {
    const looks = await this.looks();
    return looks.map(({ record }) => record).toSorted((one, other) => (one.name < other.name ? -1 : 1));
  }

  /** @internal */
  looks(): Promise<readonly PoolLook[]> {
    return this.#engine.call<readonly PoolLook[]>({ ...POOLS, method: 'list' }, null, REPEATABLE);
  }

  /** @internal Identities of the charts of all pools. */
  async charts(): Promise<readonly (PoolCharts & { readonly name: string })[]> {
    const names = (await this.list()).map(({ name }) => name);
    const asked = await someAtOnce(names, async (name) => {
      const charts = await this.#engine.call<PoolCharts | null>(toPool(name, 'charts'), null, REPEATABLE);
      return charts === null ? [] : [{ name, ...charts }];
    });
    return asked.flat();
  }

  /** Ends a pool, as `system.pools.close`. @throws AgentSystemError `POOL_UNKNOWN`, `AGENT_SPEC_INVALID` */
  async close(
    name: string,
    options: ActOptions & { readonly timeoutMs?: number | undefined } = {},
  ): Promise<PoolCloseReport> {
    this.#engine.assertOpen();
    const { timeoutMs, by } = parseInput(closeSchema, options, { what: 'pools.close' });
    return this.#ask(name, { type: 'close', timeoutMs, by });
  }

  async #ask<Value>(name: string, command: PoolCommand): Promise<Value> {
    const at = await this.#engine.now();
    return valueOf(await this.#engine.call<Answer<Value>>(toPool(keyOf(name), 'ask'), { ...command, at }));
  }
}

function keyOf(name: string): string {
  if (typeof name !== 'string' || name === '' || !name.isWellFormed()) throw unknown(name);
  return name;
}

function unknown(name: string): AgentSystemError {
  return new AgentSystemError('POOL_UNKNOWN', `there is no pool ${inWords(name)}`, {
    details: { pool: typeof name === 'string' ? withoutKnownSecrets(name) : name },
  });
}

function invalid(problem: string): AgentSystemError {
  return invalidSpec(problem, undefined);
}

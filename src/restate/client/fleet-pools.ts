/** Pools of a fleet: `fleet.pools`. The shape of `system.pools`; reads are promises, and a pool's size is set by hand. */
import { durationMs, poolSpec } from '../../machines/index.ts';
import type { TaskRequest } from '../../runtime/agent/task-request.ts';
import type { TaskTypes } from '../../runtime/definition/define-agent.ts';
import type { TaskOf } from '../../runtime/fleet/agent-handle.ts';
import { invalidSpec } from '../../runtime/fleet/spec-reading.ts';
import type { PoolCloseReport } from '../../runtime/pools/close-report.ts';
import type { PoolRecord } from '../../runtime/pools/pool.ts';
import type { TypedPoolName } from '../../runtime/fleet/agent-handle.ts';
import type { PoolSpec } from '../../runtime/pools/pools.ts';
import { type ActOptions, actSchema } from '../../runtime/values/act.ts';
import { AgentSystemError, inWords } from '../../runtime/values/errors.ts';
import { parseInput } from '../../runtime/values/malformed.ts';
import { type Answer, valueOf } from '../engine/call-answer.ts';
import { toPool } from '../engine/calls.ts';
import { type EngineClient, REPEATABLE } from '../engine/engine-client.ts';
import type { FleetCalls } from './fleet-calls.ts';
import { type FleetSpecs, keptSpecOf, placedSpec } from './fleet-specs.ts';
import type { PoolCommand } from '../engine/names.ts';
import type { PlacementWish } from '../nodes/placement.ts';
import { type PoolLook, POOLS } from '../pools/pool-object.ts';

const closeSchema = actSchema.extend({ timeoutMs: durationMs.optional() });

/** What is asked for when a pool of a fleet is created: `scale` it does not have. */
export type FleetPoolSpec<Args = unknown, Tasks extends TaskTypes = TaskTypes> = Omit<
  PoolSpec<Args, Tasks>,
  'scale'
> & { readonly spec: PoolSpec<Args, Tasks>['spec'] & { readonly placement?: PlacementWish } };

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
   * @throws AgentSystemError as `system.pools.create`; `AGENT_SPEC_INVALID` also for `scale` and `retryAbandoned`, which
   * a fleet does not have
   */
  async create<Args, Tasks extends TaskTypes>(
    options: FleetPoolSpec<Args, Tasks>,
  ): Promise<TypedPoolName<Tasks>> {
    const { name, spec: given, scale, ...pool } = parseInput(poolSpec, options, { what: 'pools.create' });
    if (scale !== undefined)
      throw invalid('scale: a fleet does not size its pools by itself, use ensureSize');
    if (pool.retryAbandoned > 0) throw invalid('retryAbandoned: a fleet gives no task to another member');
    for (const field of ['id', 'pool'] as const) {
      const own = (given as Record<string, unknown>)[field];
      if (own !== undefined)
        throw invalid(`spec.${field}: members get theirs from the pool, got ${inWords(own)}`);
    }
    const placed = placedSpec(given);
    const manifest = await this.#specs.manifestOf(placed.read);
    const spec = keptSpecOf(placed, name, manifest.type);
    return this.#ask(name, { type: 'create', pool, spec, manifest });
  }

  /** Sets a pool's size. Resolves with its record once it has that size. @throws AgentSystemError as `system.pools.ensureSize` */
  async ensureSize(name: string, size: number, options: ActOptions = {}): Promise<PoolRecord> {
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
    return this.executeFor(name, task, undefined);
  }

  /** @internal A task that others wait for: those of the chain. */
  executeFor(name: string, task: TaskRequest, chain: readonly string[] | undefined): Promise<unknown> {
    const give = (command: PoolCommand): Promise<unknown> => this.#ask(name, command);
    return this.#calls.executeBy(give, task, chain);
  }

  /** @throws AgentSystemError `POOL_UNKNOWN` */
  async get(name: string): Promise<PoolRecord> {
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

  /** Ends a pool, as `system.pools.close`. @throws AgentSystemError `POOL_UNKNOWN`, `AGENT_SPEC_INVALID` */
  async close(
    name: string,
    options: ActOptions & { readonly timeoutMs?: number } = {},
  ): Promise<PoolCloseReport> {
    const { timeoutMs, by } = parseInput(closeSchema, options, { what: 'pools.close' });
    return this.#ask(name, { type: 'close', timeoutMs, by });
  }

  async #ask<Value>(name: string, command: PoolCommand): Promise<Value> {
    const at = await this.#engine.now();
    return valueOf(await this.#engine.call<Answer<Value>>(toPool(keyOf(name), 'ask'), { ...command, at }));
  }
}

function keyOf(name: string): string {
  if (typeof name !== 'string' || name === '') throw unknown(name);
  return name;
}

function unknown(name: string): AgentSystemError {
  return new AgentSystemError('POOL_UNKNOWN', `there is no pool ${inWords(name)}`, {
    details: { pool: name },
  });
}

function invalid(problem: string): AgentSystemError {
  return invalidSpec(problem, undefined);
}

/**
 * Every command to one agent of a fleet that is on other machines: `fleet.agents`.
 *
 * The shape of `system.agents`, with the same codes and records. Reads are promises: what they read is elsewhere.
 *
 * I1  What is malformed is refused here, before anything is sent.
 * I2  A command is done once, however often its answer gets lost on the way.
 */
import { z } from 'zod';
import {
  type AgentCommand,
  agentStatuses,
  durationMs,
  type Isolation,
  type ParsedAgentSpec,
} from '../machines/index.ts';
import { positionAt } from '../machines/index.ts';
import type { AgentRecord } from '../runtime/agent/agent-record.ts';
import type { HealthReport } from '../runtime/agent/liveness.ts';
import type { TaskRequest } from '../runtime/agent/task-request.ts';
import type { AnyAgentDefinition, TaskTypes } from '../runtime/definition/define-agent.ts';
import { type AgentManifest, manifestOf } from '../runtime/definition/manifest.ts';
import type { BoundCode } from '../runtime/definition/module-binding.ts';
import type { SavedState } from '../runtime/definition/saved-state.ts';
import type { AgentId, TaskOf } from '../runtime/fleet/agent-handle.ts';
import type { StopOptions } from '../runtime/fleet/agent-handle.ts';
import type { AgentFilter } from '../runtime/fleet/registry.ts';
import { specChanges } from '../runtime/fleet/spec-difference.ts';
import {
  type AgentSpec,
  type DemandedArgs,
  invalidSpec,
  isolationOf,
  readSpec,
  specToKeep,
} from '../runtime/fleet/spec-reading.ts';
import { checkTask } from '../runtime/fleet/task-check.ts';
import type { Host } from '../runtime/hosting/host.ts';
import { type ActOptions, actSchema } from '../runtime/values/act.ts';
import { AgentSystemError, errorInfoOf, inWords } from '../runtime/values/errors.ts';
import { jsonProblemOf } from '../runtime/values/json-survey.ts';
import { parseInput } from '../runtime/values/malformed.ts';
import { judge } from '../runtime/values/schema.ts';
import { type Answer, valueOf } from './answer.ts';
import { toAgent } from './calls.ts';
import type { EngineClient } from './engine-client.ts';
import { type Command, type Look, nodeOf, REGISTRY, SHARDS } from './names.ts';
import type { PlacementWish } from './placement.ts';
import type { ProgressPage } from './progress-desk.ts';

/** A spec, and which node its agent may run on: one by name, or any that has all these labels. */
export type PlacedAgentSpec<Args = unknown, Tasks extends TaskTypes = TaskTypes> = AgentSpec<Args, Tasks> & {
  readonly placement?: PlacementWish;
};

/** One incarnation of an agent. Every method throws `AGENT_NOT_RUNNING` once it has ended. */
export interface FleetHandle<Tasks extends TaskTypes = TaskTypes> {
  readonly id: string;
  readonly incarnation: number;
  execute<Name extends keyof Tasks & string>(task: TaskOf<Tasks, Name>): Promise<Tasks[Name]['output']>;
  stop(options?: { readonly timeoutMs?: number }): Promise<AgentRecord>;
  kill(): Promise<AgentRecord>;
  health(): Promise<HealthReport>;
}

const placementSchema = z.strictObject({
  node: z.string().min(1).optional(),
  labels: z.record(z.string(), z.string()).optional(),
});
const filterSchema = z.strictObject({
  type: z.string().optional(),
  status: z.enum(agentStatuses).optional(),
  capability: z.string().optional(),
});
const stopSchema = actSchema.extend({ timeoutMs: durationMs.optional() });
const taskSchema = z.looseObject({ type: z.string() });

/** How long a look at progress waits for some to come, ms. */
const PROGRESS_WAIT_MS = 1_000;
/** Between two looks, where there is nothing to look at, ms. */
const PROGRESS_PAUSE_MS = 50;

export interface FleetAgentsOptions {
  readonly engine: EngineClient;
  readonly code: ReadonlyMap<string, BoundCode>;
  /** Who describes a module, by isolation: where it would run, never in this thread. */
  readonly hosts: ReadonlyMap<Isolation, Host>;
  readonly reportFault: (message: string, thrown: unknown) => void;
}

export class FleetAgents {
  readonly #options: FleetAgentsOptions;

  constructor(options: FleetAgentsOptions) {
    this.#options = options;
  }

  /**
   * Makes an agent known to the fleet; it does not run yet. Resolves with its id: the spec's, or a new one.
   *
   * @throws AgentSystemError `AGENT_SPEC_INVALID` naming the field, `AGENT_EXISTS`, `STORE_FAILED`, `SYSTEM_CLOSED`
   */
  async register<Args, Tasks extends TaskTypes>(
    spec: PlacedAgentSpec<Args, Tasks> & DemandedArgs<Args>,
  ): Promise<AgentId<Tasks>> {
    const { read, placement } = placedSpec(spec);
    return this.#register(read, placement);
  }

  /** @internal A spec that was read, of a member of a pool too. */
  async registerRead(read: ParsedAgentSpec, placement: PlacementWish | undefined): Promise<string> {
    return this.#register(read, placement);
  }

  async #register(read: ParsedAgentSpec, placement: PlacementWish | undefined): Promise<string> {
    const manifest = await this.#manifestOf(read);
    refuseUnkept(read, manifest);
    const id = read.id ?? `${manifest.type}-${crypto.randomUUID().slice(0, 8)}`;
    const kept = specToKeep(read, id, manifest.type);
    const spec = placement === undefined ? kept : { ...kept, placement };
    return this.#command<string>(id, { type: 'register', spec, manifest });
  }

  /**
   * Registers an agent unless it is there already, with this very spec.
   *
   * @throws AgentSystemError as `register`; `AGENT_EXISTS` for an agent whose spec is another, with the fields that
   * differ in `details.changed`
   */
  async ensure<Args, Tasks extends TaskTypes>(
    spec: PlacedAgentSpec<Args, Tasks> & DemandedArgs<Args> & { readonly id: string },
  ): Promise<{ readonly id: AgentId<Tasks>; readonly change: 'registered' | 'none' }> {
    const { read, placement } = placedSpec(spec);
    const { id } = read;
    if (id === undefined) throw invalidSpec('id: expected the id of the agent to ensure, got undefined', id);
    try {
      await this.#register(read, placement);
      return { id, change: 'registered' };
    } catch (thrown) {
      if (!(thrown instanceof AgentSystemError) || thrown.code !== 'AGENT_EXISTS') throw thrown;
      const { record } = await this.#look(id);
      const changed = specChanges(this.#withModule(record).spec, read).map(({ field }) => field);
      if (changed.length === 0) return { id, change: 'none' };
      const message = `agent ${inWords(id)} is registered with another spec: expected the same ${changed.join(', ')}`;
      throw new AgentSystemError('AGENT_EXISTS', message, { agentId: id, details: { changed } });
    }
  }

  /**
   * Starts an agent that has no body, on the node that has most room. Resolves with a handle once its init has returned.
   *
   * @throws AgentSystemError `AGENT_NOT_FOUND`, `AGENT_ALREADY_RUNNING`, `AGENT_ILLEGAL_COMMAND`,
   * `RESOURCES_EXHAUSTED` when no live node can take it, `AGENT_START_FAILED`, `AGENT_START_TIMED_OUT`, `SYSTEM_CLOSED`
   */
  async start<Tasks extends TaskTypes>(
    id: AgentId<Tasks>,
    options: ActOptions = {},
  ): Promise<FleetHandle<Tasks>> {
    return this.#handleOf(
      id,
      await this.#command<number>(id, { type: 'start', ...acted('start', options, id) }),
    );
  }

  /** @throws AgentSystemError as `start`; `AGENT_ILLEGAL_COMMAND` for one that was never started */
  async restart<Tasks extends TaskTypes>(
    id: AgentId<Tasks>,
    options: ActOptions = {},
  ): Promise<FleetHandle<Tasks>> {
    return this.#handleOf(
      id,
      await this.#command<number>(id, { type: 'restart', ...acted('restart', options, id) }),
    );
  }

  /**
   * Has an agent do a task. Resolves with its output once that, and the state it left, is durable.
   *
   * Input, output and progress are JSON data: they cross machines.
   *
   * @throws AgentSystemError as `system.agents.execute`; `TASK_INPUT_INVALID` also for an input that is no JSON data
   */
  execute<Tasks extends TaskTypes, Name extends keyof Tasks & string>(
    id: AgentId<Tasks>,
    task: TaskOf<Tasks, Name>,
  ): Promise<Tasks[Name]['output']>;
  async execute(id: string, task: TaskRequest): Promise<unknown> {
    return this.#execute(id, task, undefined);
  }

  /** @throws AgentSystemError `AGENT_NOT_FOUND`, `AGENT_NOT_RUNNING`, `AGENT_SPEC_INVALID`, `SYSTEM_CLOSED` */
  async stop(id: string, options: StopOptions = {}): Promise<AgentRecord> {
    return this.#stop(id, options, undefined);
  }

  /** @throws AgentSystemError `AGENT_NOT_FOUND`, `AGENT_NOT_RUNNING`, `SYSTEM_CLOSED` */
  async kill(id: string, options: ActOptions = {}): Promise<AgentRecord> {
    return this.#withModule(
      await this.#command<AgentRecord>(id, { type: 'kill', ...acted('kill', options, id) }),
    );
  }

  /**
   * Lets nothing new begin; what runs may finish. Over all ends of its lives, until it is resumed.
   *
   * @throws AgentSystemError `AGENT_NOT_FOUND`, `AGENT_ILLEGAL_COMMAND` for one that is paused, `SYSTEM_CLOSED`
   */
  async pause(id: string, options: ActOptions = {}): Promise<AgentRecord> {
    return this.#hold(id, 'pause', options);
  }

  /** @throws AgentSystemError `AGENT_NOT_FOUND`, `AGENT_ILLEGAL_COMMAND` for one that is not paused, `SYSTEM_CLOSED` */
  async resume(id: string, options: ActOptions = {}): Promise<AgentRecord> {
    return this.#hold(id, 'resume', options);
  }

  /** @throws AgentSystemError `AGENT_NOT_FOUND`, `AGENT_ILLEGAL_COMMAND` while it is alive, `SYSTEM_CLOSED` */
  async forget(id: string, options: ActOptions = {}): Promise<void> {
    await this.#command(id, { type: 'forget', ...acted('forget', options, id) });
  }

  /** How an agent stands: asked of itself. @throws AgentSystemError `AGENT_NOT_FOUND` */
  async get(id: string): Promise<AgentRecord> {
    return this.#withModule((await this.#look(id)).record);
  }

  /** All agents that fit, in the order of their registration, as the fleet lists them. */
  async list(filter: AgentFilter = {}): Promise<AgentRecord[]> {
    const { type, status, capability } = parseInput(filterSchema, filter, { what: 'list' });
    const looks = await this.looks();
    return looks
      .map(({ record }) => this.#withModule(record))
      .filter(
        (record) =>
          (type === undefined || record.type === type) &&
          (status === undefined || record.status === status) &&
          (capability === undefined || record.capabilities.includes(capability)),
      );
  }

  /** @internal */
  async looks(): Promise<readonly Look[]> {
    const { engine } = this.#options;
    const shards = Array.from({ length: SHARDS }, (_, shard) =>
      engine.call<readonly Look[]>({ service: REGISTRY, key: String(shard), method: 'list' }, null),
    );
    const looks = (await Promise.all(shards)).flat();
    return looks.toSorted(
      (one, other) => one.registeredAt - other.registeredAt || (one.record.id < other.record.id ? -1 : 1),
    );
  }

  /** The living incarnation. @throws AgentSystemError `AGENT_NOT_FOUND`, `AGENT_NOT_RUNNING` */
  async handle<Tasks extends TaskTypes>(id: AgentId<Tasks>): Promise<FleetHandle<Tasks>> {
    const { record } = await this.#look(id);
    if (positionAt(record.state).legal.has('execute')) return this.#handleOf(id, record.incarnation);
    const message = `agent ${id} is ${record.status} (${record.state}), execute is not possible`;
    throw new AgentSystemError('AGENT_NOT_RUNNING', message, { agentId: id });
  }

  /** One health check, now. @throws AgentSystemError `AGENT_NOT_FOUND` */
  async checkHealth(id: string): Promise<HealthReport> {
    const { record, placement } = await this.#look(id);
    if (placement === undefined) return record.health;
    const { incarnation } = record;
    const report = await this.#serve<HealthReport | null>(placement.node, 'health', {
      agentId: id,
      incarnation,
    });
    return report ?? record.health;
  }

  /** The newest saved state, as JSON data, or `undefined`. @throws AgentSystemError `AGENT_NOT_FOUND` */
  async savedState(id: string): Promise<unknown> {
    const { engine } = this.#options;
    assertId(id);
    const saved = valueOf(await engine.call<Answer<SavedState | null>>(toAgent(id, 'savedState'), null));
    return saved === null || saved === undefined ? undefined : JSON.parse(saved.json);
  }

  /** Whether an agent's state allows a command. @throws AgentSystemError `AGENT_NOT_FOUND` */
  async can(id: string, command: AgentCommand): Promise<boolean> {
    return (await this.legal(id)).includes(command);
  }

  /** @throws AgentSystemError `AGENT_NOT_FOUND` */
  async legal(id: string): Promise<readonly AgentCommand[]> {
    const { state, paused } = (await this.#look(id)).record;
    return [...positionAt(state, paused !== undefined).legal];
  }

  /** Where its body is; `undefined` while it has none. @throws AgentSystemError `AGENT_NOT_FOUND` */
  async nodeOf(id: string): Promise<string | undefined> {
    return (await this.#look(id)).placement?.node;
  }

  async #hold(id: string, type: 'pause' | 'resume', options: ActOptions): Promise<AgentRecord> {
    return this.#withModule(await this.#command<AgentRecord>(id, { type, ...acted(type, options, id) }));
  }

  async #stop(
    id: string,
    options: StopOptions | undefined,
    incarnation: number | undefined,
  ): Promise<AgentRecord> {
    const { timeoutMs, by } = parseInput(stopSchema, options ?? {}, { what: 'stop', agentId: id });
    return this.#withModule(
      await this.#command<AgentRecord>(id, { type: 'stop', timeoutMs, incarnation, by }),
    );
  }

  async #execute(id: string, task: TaskRequest, incarnation: number | undefined): Promise<unknown> {
    assertId(id);
    parseInput(taskSchema, task, { what: 'execute', code: 'TASK_INPUT_INVALID', agentId: id });
    // What is malformed beyond its name is refused as in one program.
    checkTask(task, anyManifest(task.type), id);
    refuseUnknown(task, id);
    const { type, input, timeoutMs, signal, onProgress } = task;
    assertJson(type, input, id);
    const callId = crypto.randomUUID();
    const work = {
      type,
      input,
      timeoutMs,
      retry: false,
      submitted: false,
      callId,
      isFollowed: onProgress !== undefined,
    };
    if (signal?.aborted) throw cancelled(id, type, signal);
    const over = new AbortController();
    const cancel = (): void => {
      this.#command(id, { type: 'cancelCall', callId }).catch((thrown: unknown) =>
        this.#options.reportFault('a task could not be cancelled', thrown),
      );
    };
    signal?.addEventListener('abort', cancel, { once: true });
    const followed = onProgress && this.#follow(id, callId, onProgress, over.signal);
    try {
      return await this.#command(id, { type: 'execute', work, incarnation });
    } catch (thrown) {
      const isCancelled =
        signal?.aborted === true && thrown instanceof AgentSystemError && thrown.code === 'TASK_ABANDONED';
      throw isCancelled ? cancelled(id, type, signal, thrown.details) : thrown;
    } finally {
      signal?.removeEventListener('abort', cancel);
      over.abort();
      await followed;
    }
  }

  /** Fetches what a task tells of its progress, until it is over and all has been fetched. */
  async #follow(
    id: string,
    callId: string,
    onProgress: (value: unknown) => void,
    over: AbortSignal,
  ): Promise<void> {
    let seen = 0;
    let node: string | undefined;
    try {
      for (let isLast = false; !isLast; ) {
        isLast = over.aborted;
        node = (await this.nodeOf(id)) ?? node;
        if (node === undefined) {
          await pause(PROGRESS_PAUSE_MS);
          continue;
        }
        const waitMs = isLast ? 0 : PROGRESS_WAIT_MS;
        const asked = this.#serve<ProgressPage>(node, 'progress', { callId, seen, waitMs });
        const page = isLast ? await asked : await Promise.race([asked, ended(over)]);
        if (page === undefined) continue;
        seen = page.count;
        for (const value of page.values) this.#tellProgress(onProgress, value);
      }
    } catch (thrown) {
      this.#options.reportFault('the progress of a task could not be followed', thrown);
    }
  }

  #tellProgress(onProgress: (value: unknown) => void, value: unknown): void {
    try {
      onProgress(value);
    } catch (thrown) {
      this.#options.reportFault('a listener of progress threw', thrown);
    }
  }

  #serve<Value>(node: string, what: string, parameter: unknown): Promise<Value> {
    return this.#options.engine.call<Value>({ service: nodeOf(node), method: 'serve' }, { what, parameter });
  }

  async #command<Value>(id: string, command: Command): Promise<Value> {
    assertId(id);
    return valueOf(await this.#options.engine.call<Answer<Value>>(toAgent(id, 'ask'), command));
  }

  async #look(id: string): Promise<Look> {
    assertId(id);
    const look = await this.#options.engine.call<Look | null>(toAgent(id, 'look'), null);
    if (look === null) throw notFound(id);
    return look;
  }

  #handleOf<Tasks extends TaskTypes>(id: string, incarnation: number): FleetHandle<Tasks> {
    return Object.freeze({
      id,
      incarnation,
      execute: (task: TaskRequest) => this.#execute(id, task, incarnation) as Promise<never>,
      stop: (options?: { readonly timeoutMs?: number }) => this.#stop(id, options, incarnation),
      kill: async () => this.#withModule(await this.#command<AgentRecord>(id, { type: 'kill', incarnation })),
      health: async () => {
        const { incarnation: newest, state } = await this.get(id);
        if (newest === incarnation && positionAt(state).isAlive) return this.checkHealth(id);
        const message = `incarnation ${incarnation} of agent ${id} has ended`;
        throw new AgentSystemError('AGENT_NOT_RUNNING', message, { agentId: id });
      },
    }) as FleetHandle<Tasks>;
  }

  /** A record whose module is what it is here: this program's definition, or a URL. */
  #withModule(record: AgentRecord): AgentRecord {
    const kept = record.spec.module as { readonly url?: string };
    const module = kept.url === undefined ? (this.#options.code.get(record.type) ?? kept) : new URL(kept.url);
    return Object.freeze({ ...record, spec: Object.freeze({ ...record.spec, module }) });
  }

  async #manifestOf(spec: ParsedAgentSpec): Promise<AgentManifest> {
    const { id, module, initArgs, resources } = spec;
    const isolation = isolationOf(spec);
    const host = this.#options.hosts.get(isolation);
    if (host === undefined) throw invalidSpec(`isolation: there is no host for "${isolation}"`, id);
    const refusal = host.refusal(spec);
    if (refusal !== undefined) throw invalidSpec(refusal, id);
    const problem = jsonProblemOf(initArgs);
    if (problem !== undefined) {
      throw invalidSpec(`initArgs: ${problem}, expected data that a durable store can keep as JSON`, id);
    }
    if (module instanceof URL) {
      try {
        return await host.describe(module, initArgs, resources);
      } catch (thrown) {
        throw invalidSpec(`module: ${errorInfoOf(thrown).message}`, id, thrown);
      }
    }
    const definition = module as AnyAgentDefinition;
    const verdict = await judge(definition.initArgs, initArgs);
    if ('problem' in verdict) throw invalidSpec(`initArgs: ${verdict.problem}`, id);
    return manifestOf(definition);
  }
}

/** Who acts, for the event. @throws AgentSystemError `AGENT_SPEC_INVALID` */
function acted(what: string, options: ActOptions, agentId: string): { readonly by?: string | undefined } {
  return parseInput(actSchema, options, { what, agentId });
}

/** @throws AgentSystemError `AGENT_SPEC_INVALID` naming the field */
function placedSpec(spec: unknown): {
  readonly read: ParsedAgentSpec;
  readonly placement: PlacementWish | undefined;
} {
  if (typeof spec !== 'object' || spec === null) return { read: readSpec(spec), placement: undefined };
  const { placement, ...rest } = spec as { readonly placement?: unknown };
  const read = readSpec(rest);
  if (read.pool !== undefined) {
    throw invalidSpec('pool: agents become members of a pool by pools.create alone', read.id);
  }
  if (placement === undefined) return { read, placement: undefined };
  return {
    read,
    placement: parseInput(placementSchema, placement, { what: 'spec.placement', agentId: read.id }),
  };
}

/** @throws AgentSystemError `TASK_INPUT_INVALID` */
export function assertJson(task: string, input: unknown, agentId?: string): void {
  const problem = jsonProblemOf(input);
  if (problem === undefined) return;
  const message = `the input of ${inWords(task)}, which crosses machines: ${problem}, expected JSON data`;
  throw new AgentSystemError('TASK_INPUT_INVALID', message, { agentId });
}

/** An agent's key is its id, and no key is empty. */
function assertId(id: unknown): asserts id is string {
  if (typeof id !== 'string' || id === '') throw notFound(id);
}

/** What a fleet would not keep is refused by name, never left out in silence. @throws AgentSystemError `AGENT_SPEC_INVALID` */
function refuseUnkept(spec: ParsedAgentSpec, { tasks, quota }: AgentManifest): void {
  const refuse = (field: string, why: string): never => {
    throw invalidSpec(`${field}: a fleet ${why}`, spec.id);
  };
  if (spec.secrets !== undefined) refuse('secrets', 'keeps the spec of an agent in its engine, as it is');
  if ((spec.quota ?? quota) !== undefined) refuse('quota', 'has no limits that agents share');
  for (const [name, { policy, priority, concurrency }] of Object.entries(tasks)) {
    if (policy !== undefined) refuse(`tasks.${name}.retry`, 'repeats tasks after the loss of a node alone');
    if (priority !== undefined)
      refuse(`tasks.${name}.priority`, 'begins tasks in the order of their acceptance');
    if (concurrency !== undefined)
      refuse(`tasks.${name}.concurrency`, 'counts all tasks of an agent as one kind');
  }
}

/** @throws AgentSystemError `TASK_INPUT_INVALID` */
function refuseUnknown({ whenDown, priority, transfer }: TaskRequest, agentId: string): void {
  const [field, why] =
    whenDown === 'wait'
      ? ['whenDown', 'has what is executed wait for no agent: submit it']
      : priority !== undefined
        ? ['priority', 'begins tasks in the order of their acceptance']
        : transfer !== undefined
          ? ['transfer', 'moves no buffers between machines']
          : [];
  if (field === undefined) return;
  throw new AgentSystemError('TASK_INPUT_INVALID', `execute: ${field}: a fleet ${why}`, { agentId });
}

function notFound(id: unknown): AgentSystemError {
  return new AgentSystemError('AGENT_NOT_FOUND', `no agent ${inWords(id)} is registered`, {
    agentId: typeof id === 'string' ? id : undefined,
  });
}

function cancelled(
  agentId: string,
  task: string,
  { reason: cause }: AbortSignal,
  details?: Readonly<Record<string, unknown>>,
): AgentSystemError {
  const message = `task ${task} of agent ${agentId} was abandoned: cancelled by its caller`;
  return new AgentSystemError('TASK_ABANDONED', message, { agentId, cause, details });
}

/** Of an agent whose tasks nobody here knows: it takes the one that is asked for. */
function anyManifest(task: string): AgentManifest {
  return {
    type: '',
    capabilities: [],
    variables: [],
    votes: false,
    stateVersion: 1,
    hash: '',
    tasks: { [task]: { requires: [], retry: false } },
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function ended(signal: AbortSignal): Promise<undefined> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/**
 * The registry of a fleet, and every command to one of its agents: `system.agents`.
 *
 * Owns who exists. What may be asked of an agent is its chart's to say; what is malformed is refused here.
 *
 * I1  A refused call has changed nothing.
 * I2  No step looks at more agents than the one it is for, but for `list`.
 */
import { z } from 'zod';
import {
  type AgentCommand,
  agentSpec,
  type AgentStatus,
  agentStatuses,
  durationMs,
  type Isolation,
  lifePolicyOf,
  type ParsedAgentSpec,
} from '../../machines/index.ts';
import { Agent, type AgentRecord, type AgentServices } from '../agent/agent.ts';
import type { AgentHandle, AgentId, TaskOf } from './agent-handle.ts';
import {
  type AgentDefinition,
  type AgentManifest,
  type AnyAgentDefinition,
  isAgentDefinition,
  manifestOf,
  type TaskTypes,
} from '../definition/define-agent.ts';
import type { AskedTask } from '../definition/agent-self.ts';
import { DescriptionTime } from './description-time.ts';
import { dataCopy } from '../values/data-copy.ts';
import { AgentSystemError, errorInfoOf, inWords } from '../values/errors.ts';
import type { HealthReport } from '../agent/liveness.ts';
import type { Host } from '../hosting/host.ts';
import type { GivenTask, TaskRequest } from '../agent/mailbox.ts';
import { jsonProblemOf } from '../values/json-survey.ts';
import { parseInput } from '../values/malformed.ts';
import { judge } from '../values/schema.ts';
import type { StoredSpec } from '../journal/system-event.ts';

/** What is asked for when an agent is registered; all but `module` has a default. */
export type AgentSpec<Args = unknown, Tasks extends TaskTypes = TaskTypes> = Omit<
  z.input<typeof agentSpec>,
  'module' | 'initArgs' | 'pool'
> & {
  /** A `defineAgent` value, or the URL of a module whose default export is one. */
  readonly module: AgentDefinition<Args, Tasks> | URL;
  readonly initArgs?: Args;
};

export interface AgentFilter {
  readonly type?: string;
  readonly status?: AgentStatus;
  readonly capability?: string;
}

const filterSchema = z.strictObject({
  type: z.string().optional(),
  status: z.enum(agentStatuses).optional(),
  capability: z.string().optional(),
});
const stopSchema = z.strictObject({ timeoutMs: durationMs.optional() });
const askedSchema = z.strictObject({ type: z.string(), input: z.unknown().optional() });
const taskSchema = z.strictObject({
  type: z.string(),
  input: z.unknown().optional(),
  timeoutMs: durationMs.optional(),
  signal: z.instanceof(AbortSignal).optional(),
  onProgress: z.custom((value) => typeof value === 'function', { error: 'expected a function' }).optional(),
  transfer: z.array(z.instanceof(ArrayBuffer)).optional(),
});

export interface AgentsOptions {
  readonly services: AgentServices;
  readonly hosts: ReadonlyMap<Isolation, Host>;
  /** Throws `SYSTEM_CLOSED` once the system closes. */
  readonly assertOpen: () => void;
}

export class Agents {
  readonly #services: AgentServices;
  readonly #hosts: ReadonlyMap<Isolation, Host>;
  readonly #assertOpen: () => void;
  readonly #agents = new Map<string, Agent>();
  /** Ids that are being registered: taken, and not there yet. */
  readonly #reserved = new Set<string>();
  readonly #descriptionTime: DescriptionTime;
  #created = 0;

  constructor({ services, hosts, assertOpen }: AgentsOptions) {
    this.#services = services;
    this.#hosts = hosts;
    this.#assertOpen = assertOpen;
    this.#descriptionTime = new DescriptionTime(services.clock);
  }

  /**
   * Makes an agent known; it does not run yet.
   *
   * Resolves with its id: the spec's, or a new one made of its type.
   *
   * @throws AgentSystemError `AGENT_SPEC_INVALID` naming the field, `AGENT_EXISTS`, `STORE_FAILED`, `SYSTEM_CLOSED`
   * Source: seed, phase 1 "Agent Registration Flow"
   */
  async register<Args, Tasks extends TaskTypes>(spec: AgentSpec<Args, Tasks>): Promise<AgentId<Tasks>> {
    this.#assertOpen();
    const parsed = parseSpec(spec);
    if (parsed.pool !== undefined) {
      throw invalid('pool: agents become members of a pool by pools.create alone', parsed.id);
    }
    return this.#register(parsed);
  }

  /** @internal A member of a pool, whose manifest is known. @throws AgentSystemError as `register` */
  async registerMember(spec: ParsedAgentSpec, manifest: AgentManifest): Promise<Agent> {
    this.#assertOpen();
    return this.find(await this.#register(spec, manifest));
  }

  /** @internal What a spec would register, and its defaults. Changes nothing. @throws AgentSystemError as `register` */
  async describe(spec: unknown): Promise<{ spec: ParsedAgentSpec; manifest: AgentManifest }> {
    this.#assertOpen();
    const parsed = parseSpec(spec);
    const isolation = isolationOf(parsed);
    const manifest = await this.#manifestOf(parsed, this.#hostFor(isolation, parsed));
    return { spec: { ...parsed, isolation, initArgs: dataCopy(parsed.initArgs) }, manifest };
  }

  async #register(parsed: ParsedAgentSpec, known?: AgentManifest): Promise<string> {
    const isolation = isolationOf(parsed);
    const host = this.#hostFor(isolation, parsed);
    const problem = jsonProblemOf(parsed.initArgs);
    // A later program has to start it with the very same.
    if (problem !== undefined && this.#services.store.isDurable) {
      throw invalid(`initArgs: ${problem}, expected data that a durable store can keep as JSON`, parsed.id);
    }
    if (parsed.id !== undefined) this.#reserve(parsed.id);
    let reserved = parsed.id;
    try {
      const manifest = known ?? (await this.#manifestOf(parsed, host));
      this.#assertOpen();
      const { journal } = this.#services;
      if (reserved === undefined) this.#reserve((reserved = this.#newId(manifest.type)));
      const id = reserved;
      // Data stays as it was registered; what is none, a client say, is the caller's own.
      const full = frozen({ ...parsed, id, isolation, initArgs: dataCopy(parsed.initArgs) });
      const agent = this.#create(id, full, manifest, host);
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      journal.emit(
        {
          type: 'agent.registered',
          agentId: id,
          incarnation: 0,
          agentType: manifest.type,
          spec: storedSpec(full, manifest),
          manifest,
        },
        (error) => {
          if (error === undefined) return resolve();
          if (this.#agents.get(id) === agent) this.#agents.delete(id);
          agent.discard(error);
          // The stream says that it is gone again, or a later program would find it.
          journal.emit(
            { type: 'agent.forgotten', agentId: id, incarnation: agent.incarnation },
            undefined,
            null,
          );
          reject(error);
        },
      );
      await promise;
      return id;
    } finally {
      if (reserved !== undefined) this.#reserved.delete(reserved);
    }
  }

  /**
   * Starts an agent that has no body. Resolves with a handle once its init has returned.
   *
   * A start that fails is rolled back: the agent is again where it was, and is not tried again.
   *
   * @throws AgentSystemError `AGENT_NOT_FOUND`, `AGENT_ALREADY_RUNNING`, `AGENT_ILLEGAL_COMMAND`,
   * `RESOURCES_EXHAUSTED`, `AGENT_START_FAILED`, `AGENT_START_TIMED_OUT`, `STORE_FAILED`, `SYSTEM_CLOSED`
   * Source: seed, phase 2 "Correct Agent Startup Pattern"
   */
  async start<Tasks extends TaskTypes>(id: AgentId<Tasks>): Promise<AgentHandle<Tasks>> {
    const agent = this.#commanded(id, 'start');
    return this.#handleOf<Tasks>(agent, await agent.start('agent.start'));
  }

  /**
   * Starts an agent anew after its end: `start` for one that has run before.
   *
   * @throws AgentSystemError as `start`; `AGENT_ILLEGAL_COMMAND` for one that was never started
   */
  async restart<Tasks extends TaskTypes>(id: AgentId<Tasks>): Promise<AgentHandle<Tasks>> {
    const agent = this.#commanded(id, 'restart');
    return this.#handleOf<Tasks>(agent, await agent.start('agent.restart'));
  }

  /**
   * Has an agent do a task. Resolves with its output once that, and the state it left, is durable.
   *
   * @throws AgentSystemError `AGENT_NOT_FOUND`, `AGENT_NOT_RUNNING`, `TASK_INCOMPATIBLE`, `TASK_INPUT_INVALID`,
   * `TASK_QUEUE_FULL`, `TASK_FAILED` with the cause, `TASK_TIMED_OUT`, `TASK_ABANDONED`, `STORE_FAILED`,
   * `SYSTEM_CLOSED`
   * Source: seed, phase 3 "Task Execution Pattern"
   */
  execute<Tasks extends TaskTypes, Name extends keyof Tasks & string>(
    id: AgentId<Tasks>,
    task: TaskOf<Tasks, Name>,
  ): Promise<Tasks[Name]['output']>;
  execute(id: string, task: TaskRequest): Promise<unknown>;
  async execute(id: string, task: TaskRequest): Promise<unknown> {
    const agent = this.#commanded(id, 'execute');
    checkTask(task, agent.manifest, id);
    return this.run(agent, task);
  }

  /** @internal A task that was checked, of an agent that takes tasks. */
  run(agent: Agent, task: GivenTask): Promise<unknown> {
    const { id, incarnation, manifest } = agent;
    return this.#services.telemetry.task(
      { agentId: id, incarnation, agentType: manifest.type, task: task.type },
      (trace) => agent.execute(task, trace),
    );
  }

  /**
   * Stops an agent: asks, waits for its work to drain, saves, then ends its body.
   *
   * Resolves with how it ended, `crashed` included; the record stays listed, its handle is gone. On a crashed
   * agent that waits for its restart, it cancels that.
   *
   * @param timeoutMs grace in ms for all of it, before the body is killed; default the spec's `shutdownMs`
   * @throws AgentSystemError `AGENT_NOT_FOUND`, `AGENT_NOT_RUNNING`, `AGENT_SPEC_INVALID` for options that are
   * none, `STORE_FAILED`, `SYSTEM_CLOSED`
   * Source: seed, phase 5 "Graceful Shutdown Pattern"; OTP's worker shutdown
   */
  async stop(id: string, options: { readonly timeoutMs?: number } = {}): Promise<AgentRecord> {
    const agent = this.#commanded(id, 'stop');
    const { timeoutMs } = parseInput(stopSchema, options, { what: 'stop', agentId: id });
    const at = this.#services.clock.now();
    return agent.end({ type: 'agent.stop', at, ...(timeoutMs === undefined ? {} : { timeoutMs }) });
  }

  /**
   * Ends an agent's body at once, with no chance to clean up: a crash, which its restart policy answers.
   *
   * @throws AgentSystemError `AGENT_NOT_FOUND`, `AGENT_NOT_RUNNING`, `STORE_FAILED`, `SYSTEM_CLOSED`
   */
  async kill(id: string): Promise<AgentRecord> {
    return this.#commanded(id, 'kill').end({ type: 'agent.kill', at: this.#services.clock.now() });
  }

  /**
   * Removes the record of an agent that has no body, and its saved state.
   *
   * @throws AgentSystemError `AGENT_NOT_FOUND`, `AGENT_ILLEGAL_COMMAND` while it is alive, `STORE_FAILED`,
   * `SYSTEM_CLOSED`
   */
  async forget(id: string): Promise<void> {
    await this.#commanded(id, 'forget').forget();
  }

  /** @throws AgentSystemError `AGENT_NOT_FOUND` */
  get(id: string): AgentRecord {
    return this.find(id).record();
  }

  /** All agents that fit, in the order of their registration. @throws AgentSystemError `AGENT_SPEC_INVALID` for a filter that is none */
  list(filter: AgentFilter = {}): AgentRecord[] {
    const { type, status, capability } = parseInput(filterSchema, filter, { what: 'list' });
    const found: AgentRecord[] = [];
    for (const agent of this.#agents.values()) {
      const fits =
        (type === undefined || agent.manifest.type === type) &&
        (status === undefined || agent.position.status === status) &&
        (capability === undefined || agent.manifest.capabilities.includes(capability));
      if (fits) found.push(agent.record());
    }
    return found;
  }

  /** The living incarnation. @throws AgentSystemError `AGENT_NOT_FOUND`, `AGENT_NOT_RUNNING` */
  handle<Tasks extends TaskTypes>(id: AgentId<Tasks>): AgentHandle<Tasks> {
    const agent = this.find(id);
    agent.refuseUnless('execute');
    return this.#handleOf<Tasks>(agent, agent.incarnation);
  }

  /** One health check, now; of an agent that does not run it says just that. @throws AgentSystemError `AGENT_NOT_FOUND` */
  async checkHealth(id: string): Promise<HealthReport> {
    return this.find(id).checkHealth();
  }

  /** The newest saved state, as JSON data, or `undefined`. @throws AgentSystemError `AGENT_NOT_FOUND`, `STORE_FAILED` */
  async savedState(id: string): Promise<unknown> {
    this.find(id);
    await this.#services.journal.settled();
    try {
      const saved = await this.#services.store.state(id);
      return saved === undefined ? undefined : JSON.parse(saved.json);
    } catch (thrown) {
      const message = `the saved state of agent ${id} could not be read: ${errorInfoOf(thrown).message}`;
      throw new AgentSystemError('STORE_FAILED', message, { agentId: id, cause: thrown });
    }
  }

  /**
   * Whether an agent's state allows a command; or whether it would take a task, with that very input, as it stands.
   *
   * Of a task the agent itself is asked: whatever answers may have changed by the time it is sent.
   *
   * @throws AgentSystemError `AGENT_NOT_FOUND`; for a task `TASK_INPUT_INVALID` for one that is malformed,
   * `TASK_TIMED_OUT` for an agent that does not answer within its `health.timeoutMs`
   */
  can(id: string, command: AgentCommand): boolean;
  can<Tasks extends TaskTypes, Name extends keyof Tasks & string>(
    id: AgentId<Tasks>,
    task: Pick<TaskOf<Tasks, Name>, 'type' | 'input'>,
  ): Promise<boolean>;
  can(id: string, task: AskedTask): Promise<boolean>;
  can(id: string, asked: AgentCommand | AskedTask): boolean | Promise<boolean> {
    const agent = this.find(id);
    return typeof asked === 'string' ? agent.position.legal.has(asked) : this.#takes(agent, asked);
  }

  /**
   * Names of the tasks that a running agent takes as it stands: all of them, unless its behaviour is a chart.
   *
   * @throws AgentSystemError `AGENT_NOT_FOUND`, `AGENT_NOT_RUNNING`, `TASK_TIMED_OUT` for an agent that does not
   * answer within its `health.timeoutMs`
   */
  async next<Tasks extends TaskTypes>(id: AgentId<Tasks>): Promise<readonly (keyof Tasks & string)[]> {
    const agent = this.#commanded(id, 'execute');
    const { manifest } = agent;
    const known = Object.keys(manifest.tasks);
    const next = manifest.chart === undefined ? known : (await agent.offer()).next;
    return next.filter((type) => missingFor(type, manifest)?.length === 0);
  }

  /** All commands that an agent's state allows. @throws AgentSystemError `AGENT_NOT_FOUND` */
  legal(id: string): readonly AgentCommand[] {
    return [...this.find(id).position.legal];
  }

  /** @internal */
  typeOf(id: string): string | undefined {
    return this.#agents.get(id)?.manifest.type;
  }

  /** @internal How many agents of each type are in each status. */
  *census(): Generator<{ readonly type: string; readonly status: AgentStatus; readonly count: number }> {
    const types = new Map<string, Map<AgentStatus, number>>();
    for (const { manifest, position } of this.#agents.values()) {
      let counts = types.get(manifest.type);
      if (counts === undefined) types.set(manifest.type, (counts = new Map()));
      counts.set(position.status, (counts.get(position.status) ?? 0) + 1);
    }
    for (const [type, counts] of types) for (const [status, count] of counts) yield { type, status, count };
  }

  /** @internal */
  find(id: string): Agent {
    const agent = this.#agents.get(id);
    if (agent === undefined) {
      throw new AgentSystemError('AGENT_NOT_FOUND', `no agent ${inWords(id)} is registered`, {
        agentId: typeof id === 'string' ? id : undefined,
      });
    }
    return agent;
  }

  /** @internal */
  all(): Iterable<Agent> {
    return this.#agents.values();
  }

  /** @internal The fleet ends: whoever waits for one of its agents, or to register one, is refused with `why`. */
  discard(why: AgentSystemError): void {
    this.#descriptionTime.giveUpAll(why);
    for (const agent of this.#agents.values()) agent.discard(why);
  }

  /** @internal An agent of an earlier program: known again, and not resumed yet. */
  adopt(id: string, spec: ParsedAgentSpec, manifest: AgentManifest, host: Host, missing?: string): Agent {
    return this.#create(id, frozen(spec), manifest, host, missing);
  }

  /** @internal The record is to go; its chart has said so. */
  remove(id: string): void {
    this.#agents.delete(id);
  }

  #create(id: string, spec: ParsedAgentSpec, manifest: AgentManifest, host: Host, missing?: string): Agent {
    const module = spec.module as AnyAgentDefinition | URL;
    const order = this.#created++;
    const agent = new Agent(
      { id, order, spec, policy: lifePolicyOf(spec), manifest, module, host, missing },
      this.#services,
    );
    this.#agents.set(id, agent);
    return agent;
  }

  /** An id that nobody has: of the type, and of the place in the stream that its registration would have. */
  #newId(type: string): string {
    for (let place = this.#services.journal.nextSequence; ; place++) {
      const id = `${type}-${place}`;
      if (!this.#agents.has(id) && !this.#reserved.has(id)) return id;
    }
  }

  #reserve(id: string): void {
    if (this.#agents.has(id) || this.#reserved.has(id)) {
      throw new AgentSystemError('AGENT_EXISTS', `an agent with id ${inWords(id)} is registered already`, {
        agentId: id,
      });
    }
    this.#reserved.add(id);
  }

  #hostFor(isolation: Isolation, spec: ParsedAgentSpec): Host {
    const host = this.#hosts.get(isolation);
    if (host === undefined) throw invalid(`isolation: no host for "${isolation}" is there`, spec.id);
    if (!(spec.module instanceof URL) && isolation !== 'in-process') {
      throw invalid(
        `isolation: "${isolation}" needs the URL of a module, the definition of this agent lives in this program`,
        spec.id,
      );
    }
    const refusal = host.refusal(spec);
    if (refusal !== undefined) throw invalid(refusal, spec.id);
    return host;
  }

  /** Loads what has to be loaded, and has it judge its `initArgs`: within `startTimeoutMs`, in every host. */
  async #manifestOf(
    { module, initArgs, id, resources, startTimeoutMs: timeoutMs }: ParsedAgentSpec,
    host: Host,
  ): Promise<AgentManifest> {
    const late = (problem: string) => () => invalid(`${problem} within startTimeoutMs, ${timeoutMs} ms`, id);
    if (module instanceof URL) {
      try {
        return await this.#descriptionTime.within(
          { timeoutMs, late: late(`module: module ${module.href}: expected it to load`) },
          (turn) => host.describe(module, initArgs, resources, turn),
        );
      } catch (thrown) {
        if (thrown instanceof AgentSystemError) throw thrown;
        throw invalid(`module: ${errorInfoOf(thrown).message}`, id, thrown);
      }
    }
    const definition = module as AnyAgentDefinition;
    const judged = judge(definition.initArgs, initArgs);
    const verdict =
      judged instanceof Promise
        ? await this.#descriptionTime.within(
            { timeoutMs, late: late('initArgs: expected their schema to answer') },
            () => judged,
          )
        : judged;
    if ('problem' in verdict) throw invalid(`initArgs: ${verdict.problem}`, id);
    return manifestOf(definition);
  }

  async #takes(agent: Agent, task: AskedTask): Promise<boolean> {
    parseInput(askedSchema, task, { what: 'can', code: 'TASK_INPUT_INVALID', agentId: agent.id });
    if (!agent.position.legal.has('execute')) return false;
    if (missingFor(task.type, agent.manifest)?.length !== 0) return false;
    try {
      const { can = false } = await agent.offer(task);
      return can;
    } catch (thrown) {
      if (thrown instanceof AgentSystemError && thrown.code === 'AGENT_NOT_RUNNING') return false;
      throw thrown;
    }
  }

  #commanded(id: string, command: AgentCommand): Agent {
    this.#assertOpen();
    const agent = this.find(id);
    agent.refuseUnless(command);
    return agent;
  }

  #handleOf<Tasks extends TaskTypes>(agent: Agent, incarnation: number): AgentHandle<Tasks> {
    const { id } = agent;
    const alive = () => {
      if (agent.incarnation === incarnation && agent.position.isAlive) return;
      const message = `incarnation ${incarnation} of agent ${id} has ended`;
      throw new AgentSystemError('AGENT_NOT_RUNNING', message, {
        agentId: id,
        details: { incarnation, newest: agent.incarnation, status: agent.position.status },
      });
    };
    return Object.freeze({
      id,
      incarnation,
      execute: async (task: TaskRequest) => {
        alive();
        return this.execute(id, task);
      },
      stop: async (options?: { readonly timeoutMs?: number }) => {
        alive();
        return this.stop(id, options);
      },
      kill: async () => {
        alive();
        return this.kill(id);
      },
      health: async () => {
        alive();
        return this.checkHealth(id);
      },
    }) as AgentHandle<Tasks>;
  }
}

/**
 * Refuses a task that is malformed, or that agents of such a manifest cannot do.
 *
 * @throws AgentSystemError `TASK_INPUT_INVALID`, `TASK_INCOMPATIBLE`
 */
export function checkTask(task: TaskRequest, manifest: AgentManifest, agentId?: string): void {
  if (!isPlainTask(task))
    parseInput(taskSchema, task, { what: 'execute', code: 'TASK_INPUT_INVALID', agentId });
  const { tasks, capabilities } = manifest;
  const missing = missingFor(task.type, manifest);
  if (missing === undefined) {
    const expected = Object.keys(tasks);
    const message = `${performer(manifest, agentId)} no task ${inWords(task.type)}, expected one of: ${expected.join(', ')}`;
    throw new AgentSystemError('TASK_INCOMPATIBLE', message, {
      agentId,
      details: { expected, got: task.type },
    });
  }
  if (missing.length > 0) {
    const message = `${performer(manifest, agentId)} not what ${task.type} requires: ${missing.join(', ')}`;
    throw new AgentSystemError('TASK_INCOMPATIBLE', message, { agentId, details: { missing, capabilities } });
  }
  const problem = tasks[task.type]?.retry ? jsonProblemOf(task.input) : undefined;
  if (problem === undefined) return;
  const message = `the input of ${task.type}, which a later program may have to repeat: ${problem}, expected JSON data`;
  throw new AgentSystemError('TASK_INPUT_INVALID', message, { agentId });
}

/** Capabilities that agents of such a manifest lack for a task; `undefined` for one that they do not have. */
function missingFor(task: string, { tasks, capabilities }: AgentManifest): readonly string[] | undefined {
  if (!Object.hasOwn(tasks, task)) return undefined;
  return tasks[task]!.requires.filter((capability) => !capabilities.includes(capability));
}

function performer({ type }: AgentManifest, agentId: string | undefined): string {
  return agentId === undefined ? `an agent of type ${type} has` : `agent ${agentId} (${type}) has`;
}

function isolationOf({ isolation, module }: ParsedAgentSpec): Isolation {
  return isolation ?? (module instanceof URL ? 'process' : 'in-process');
}

/** The ordinary case without the cost of a schema. */
function isPlainTask(task: unknown): boolean {
  if (typeof task !== 'object' || task === null) return false;
  try {
    if (!('type' in task) || typeof task.type !== 'string') return false;
    for (const key in task) if (key !== 'type' && key !== 'input') return false;
    return true;
  } catch {
    return false;
  }
}

function parseSpec(spec: unknown): ParsedAgentSpec {
  const parsed = parseInput(agentSpec, spec, { what: 'spec', agentId: idOf(spec) });
  const { id, module } = parsed;
  if (!(module instanceof URL) && !isAgentDefinition(module)) {
    throw invalid(`module: expected a defineAgent value or a URL, got ${inWords(module)}`, id);
  }
  return parsed;
}

/** The id that a spec names, whatever else may be wrong with it. */
function idOf(spec: unknown): string | undefined {
  try {
    const { id } = spec as { readonly id?: unknown };
    return typeof id === 'string' ? id : undefined;
  } catch {
    return undefined;
  }
}

/** What a record shows of it is what it lives by: nobody may change that in passing. */
function frozen(spec: ParsedAgentSpec): ParsedAgentSpec {
  for (const part of [spec.resources, spec.coordination, spec.restart, spec.health, spec.tasks]) {
    Object.freeze(part);
  }
  return Object.freeze(spec);
}

function storedSpec(spec: ParsedAgentSpec, { type }: AgentManifest): StoredSpec {
  const { module } = spec;
  return { ...spec, module: module instanceof URL ? { url: module.href } : { type } };
}

function invalid(problem: string, agentId: string | undefined, cause?: unknown): AgentSystemError {
  return new AgentSystemError('AGENT_SPEC_INVALID', `spec: ${problem}`, { agentId, cause });
}

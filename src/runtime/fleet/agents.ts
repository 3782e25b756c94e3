/**
 * Every command to one agent of a fleet: `system.agents`.
 *
 * Owns nothing: the registry knows which agents exist, and an agent's chart which commands it allows. Malformed
 * arguments are refused here. It is long because it is the whole of that API: most of it is what callers read.
 *
 * I1  A refused call has changed nothing. It always rejects, and never throws at once.
 */
import { z } from 'zod';
import { type AgentCommand, durationMs, type Isolation, type ParsedAgentSpec } from '../../machines/index.ts';
import type { Agent } from '../agent/agent.ts';
import type { AgentRecord } from '../agent/agent-record.ts';
import type { AgentServices } from '../agent/agent-services.ts';
import type { HealthReport } from '../agent/liveness.ts';
import type { GivenTask, TaskRequest } from '../agent/task-request.ts';
import { TaskChunks, type TaskStream } from '../agent/task-stream.ts';
import type { AskedTask } from '../definition/agent-self.ts';
import type { TaskTypes } from '../definition/define-agent.ts';
import type { AgentManifest } from '../definition/manifest.ts';
import type { Host } from '../hosting/host.ts';
import type { StoredAgent } from '../journal/store.ts';
import type { Telemetry } from '../observability/telemetry.ts';
import { type ActOptions, actSchema, saidBy } from '../values/act.ts';
import { answered, refused } from '../time/loop-turn.ts';
import { AgentSystemError, errorInfoOf, inWords } from '../values/errors.ts';
import { parseInput, readInput } from '../values/malformed.ts';
import { agentChart, type AgentChart } from './agent-chart.ts';
import {
  type AgentHandle,
  type TypedId,
  IncarnationHandle,
  type StopOptions,
  type TaskOf,
} from './agent-handle.ts';
import { type Adopted, type Described, Registration } from './registration.ts';
import { type AgentFilter, agentFilter, type AgentPage, agentPage, agentQuery } from './agent-filter.ts';
import { type AgentCount, Registry } from './registry.ts';
import type { AgentSpecChange } from './spec-change.ts';
import { type AgentSpec, assertOwn, invalidSpec, readSpec } from './spec-reading.ts';
import type { IdOf, OneOrSeveral, WithModule } from './spec-of-several.ts';
import { startEach, type StartReport } from './start-each.ts';
import { checkTask, missingFor } from './task-check.ts';

/** How a change of a spec comes into force. */
export interface UpdateOptions extends ActOptions {
  /** Whether a running body is ended gracefully and started again, if the change needs that; default `false`. */
  readonly restart?: boolean | undefined;
}

/** How an agent is made to match its spec. */
export interface EnsureOptions extends UpdateOptions {
  /** Whether it is started, where it is registered or stopped; default `false`. */
  readonly autoStart?: boolean | undefined;
}

const askedSchema = z.strictObject({ type: z.string(), input: z.unknown().optional() });
const stopSchema = actSchema.extend({ timeoutMs: durationMs.optional() });
const updateSchema = actSchema.extend({ restart: z.boolean().default(false) });
const ensureSchema = updateSchema.extend({ autoStart: z.boolean().default(false) });

export interface AgentsOptions {
  readonly services: AgentServices;
  readonly telemetry: Telemetry;
  readonly hosts: ReadonlyMap<Isolation, Host>;
  /** Throws `SYSTEM_CLOSED` once the system closes. */
  readonly assertOpen: () => void;
}

/** `system.agents`: every agent, and every command to one by its id. */
export class Agents {
  readonly #services: AgentServices;
  readonly #telemetry: Telemetry;
  readonly #assertOpen: () => void;
  readonly #registry = new Registry();
  readonly #registration: Registration;

  constructor({ services, telemetry, hosts, assertOpen }: AgentsOptions) {
    this.#services = services;
    this.#telemetry = telemetry;
    this.#assertOpen = assertOpen;
    this.#registration = new Registration({ services, registry: this.#registry, hosts, assertOpen });
  }

  /**
   * Registers an agent; it does not run yet.
   *
   * Resolves with its id: that of the spec, or a generated one that begins with its type.
   *
   * @param options.by who asks for it, as `agent.registered` says
   * @throws AgentSystemError `AGENT_SPEC_INVALID` naming the field, `AGENT_EXISTS`, `STORE_FAILED`, `SYSTEM_CLOSED`;
   * `RESOURCES_EXHAUSTED` where the machine lacks a descriptor, say, to load the module: ask again later
   */
  register<Args, Tasks extends TaskTypes, Spec extends WithModule = never>(
    spec: OneOrSeveral<Spec, AgentSpec<Args, Tasks>>,
    options?: ActOptions,
  ): Promise<IdOf<Spec, Tasks>> {
    try {
      this.#assertOpen();
      const read = readSpec(spec);
      assertOwn(read);
      return this.#registration.register(read, undefined, askedBy(options, 'register', read.id));
    } catch (thrown) {
      return refused(this.#services.clock, thrown);
    }
  }

  /**
   * Registers an agent, or changes the spec of the registered one: a program can call it at every start.
   *
   * An unknown agent is registered. A known one gets this spec, as by `update`, and keeps its state and history.
   * Resolves with its id, and with what was done: `registered`, `updated`, or `none` if
   * nothing differed. With `autoStart: true` it runs then: one that is registered or stopped is started, as is one that
   * rested only because this program had not given its code, and one that is stopping once it has stopped. One that has
   * completed, or that its restart policy has given up, stays as it is. A start that is under way already is waited for.
   *
   * @throws AgentSystemError as `register` and `update`, with `autoStart` as `start`; `AGENT_SPEC_INVALID` for a spec
   * without an `id`
   */
  ensure<Args, Tasks extends TaskTypes, Spec extends WithModule & { readonly id: string } = never>(
    spec: OneOrSeveral<Spec, AgentSpec<Args, Tasks> & { readonly id: string }>,
    options?: EnsureOptions,
  ): Promise<{ readonly id: IdOf<Spec, Tasks>; readonly change: 'registered' | 'updated' | 'none' }> {
    return answered(this.#services.clock, async () => {
      this.#assertOpen();
      const read = readSpec(spec);
      const { id } = read;
      assertOwn(read);
      if (id === undefined)
        throw invalidSpec('id: expected the id of the agent to ensure, got undefined', id);
      const { autoStart, ...how } = parseInput(ensureSchema, options ?? {}, { what: 'ensure', agentId: id });
      const change = await this.#registration.ensure({ ...read, id }, how);
      if (autoStart) await this.#startAtRest(id, how.by);
      return { id, change };
    });
  }

  /**
   * Changes the spec of an agent. Fields that are not given stay, also in `resources`, `coordination`, `restart`,
   * `health` and `tasks`; a field that is `undefined` goes back to its default. State, history and incarnation stay.
   *
   * In force at once: `restart`, `health`, `tasks`, `coordination`, `shutdownMs`,
   * `startTimeoutMs`. A waiting restart, a stop, a check or a round that is under way keeps its time and weight.
   * From the next body on: `module`, of the same type, `initArgs`, `isolation`, `resources`. Until
   * then the record names these in `pending`. With `restart: true` a running body is ended gracefully, and the agent
   * started again, if something is pending.
   *
   * Resolves once the change is durable and the restart is over; with `none` if nothing differed.
   *
   * @throws AgentSystemError `AGENT_NOT_FOUND`, `AGENT_SPEC_INVALID` naming the field, also for members of a pool,
   * `STORE_FAILED`, `SYSTEM_CLOSED`; with `restart` those of `stop` and `start`, and the change stays
   */
  update<Args>(
    id: string,
    change: AgentSpecChange<Args>,
    options?: UpdateOptions,
  ): Promise<{ readonly id: string; readonly change: 'updated' | 'none' }> {
    return answered(this.#services.clock, async () => {
      this.#assertOpen();
      this.find(id);
      const how = parseInput(updateSchema, options ?? {}, { what: 'update', agentId: id });
      return { id, change: await this.#registration.update(id, change, how) };
    });
  }

  /** @internal A member of a pool, whose manifest is known. @throws AgentSystemError as `register` */
  async registerMember(spec: ParsedAgentSpec, manifest: AgentManifest): Promise<Agent> {
    this.#assertOpen();
    return this.find(await this.#registration.register(spec, manifest));
  }

  /**
   * @internal Registers a child of an agent, unless it is that agent's child already with the same spec.
   *
   * @throws AgentSystemError as `register`; `AGENT_EXISTS`
   */
  async registerChild(
    given: object,
    parent: NonNullable<ParsedAgentSpec['parent']>,
  ): Promise<{ readonly agent: Agent; readonly isNew: boolean }> {
    this.#assertOpen();
    const read = readSpec(given);
    assertOwn(read);
    const spec = { ...read, parent };
    const { id } = spec;
    if (id === undefined) return { agent: this.find(await this.#registration.register(spec)), isNew: true };
    const isNew = await this.#registration.registerOnce({ ...spec, id });
    return { agent: this.find(id), isNew };
  }

  /** @internal What a spec would register, and its defaults. Changes nothing. @throws AgentSystemError as `register` */
  async describe(spec: unknown): Promise<Described> {
    this.#assertOpen();
    return this.#registration.describe(spec);
  }

  /**
   * Starts an agent. Resolves with a handle once its `init` has returned.
   *
   * A start that fails is rolled back to the status before it, and is not retried.
   *
   * @throws AgentSystemError `AGENT_NOT_FOUND`, `AGENT_ALREADY_RUNNING`, `AGENT_ILLEGAL_COMMAND`,
   * `RESOURCES_EXHAUSTED`, `AGENT_START_FAILED`, `AGENT_START_TIMED_OUT`, `STORE_FAILED`, `SYSTEM_CLOSED`
   */
  start<Tasks extends TaskTypes>(id: TypedId<Tasks>, options?: ActOptions): Promise<AgentHandle<Tasks>> {
    return this.#start(id, 'start', options);
  }

  /**
   * Starts all agents that are registered or stopped, of those that fit, but members of pools: some at a time. Resolves
   * when each of them runs, or could not be started; of the latter it says why, and none keeps the others from starting.
   *
   * @throws AgentSystemError `AGENT_SPEC_INVALID` for an invalid filter or options, `SYSTEM_CLOSED`
   */
  startAll(filter: AgentFilter = {}, options?: ActOptions): Promise<StartReport> {
    return answered(this.#services.clock, async () => {
      this.#assertOpen();
      const by = saidBy(askedBy(options, 'startAll', undefined));
      const fitting = this.#registry.list(parseInput(agentFilter, filter, { what: 'list' }));
      const waiting = fitting.filter(({ id }) => isToStart(this.find(id)));
      return startEach(
        waiting.map(({ id }) => id),
        (id) => this.start(id, by),
      );
    });
  }

  /**
   * Starts an agent again after its end.
   *
   * @throws AgentSystemError as `start`; `AGENT_ILLEGAL_COMMAND` for one that was never started
   */
  restart<Tasks extends TaskTypes>(id: TypedId<Tasks>, options?: ActOptions): Promise<AgentHandle<Tasks>> {
    return this.#start(id, 'restart', options);
  }

  /**
   * Gives an agent a task. Resolves with the output once it, and the agent's state, are durable.
   *
   * An `AgentId` from `register` knows its tasks and their inputs: others do not compile. With a
   * plain string any task compiles.
   *
   * @throws AgentSystemError `AGENT_NOT_FOUND`, `AGENT_NOT_RUNNING`, `TASK_INCOMPATIBLE`, `TASK_INPUT_INVALID`,
   * `TASK_QUEUE_FULL`, `TASK_FAILED` with the cause, `TASK_TIMED_OUT`, `TASK_ABANDONED`, `TASK_STALLED`,
   * `STORE_FAILED`, `SYSTEM_CLOSED`
   */
  execute<Tasks extends TaskTypes, Name extends keyof Tasks & string>(
    id: TypedId<Tasks>,
    task: TaskOf<Tasks, Name>,
  ): Promise<Tasks[Name]['output']>;
  execute(id: string, task: TaskRequest): Promise<unknown> {
    try {
      const agent = this.asked(id, waitsWhenDown(task));
      return this.run(agent, checkTask(task, agent.manifest, id));
    } catch (thrown) {
      return refused(this.#services.clock, thrown);
    }
  }

  /**
   * Gives an agent a task, and returns the chunks that it emits or yields as they come. The output
   * is the promise `output`. A slow reader, or none, holds the task back;
   * `break`, `return()` and `await using` cancel it.
   *
   * A task is not retried once a chunk was given to its reader.
   *
   * Nothing is thrown by the call itself: reading throws, and `output` rejects.
   *
   * @throws AgentSystemError as `execute`, where it is read
   */
  stream<Tasks extends TaskTypes, Name extends keyof Tasks & string>(
    id: TypedId<Tasks>,
    task: TaskOf<Tasks, Name>,
  ): TaskStream<Tasks[Name]['chunk'], Tasks[Name]['output']>;
  stream(id: string, task: TaskRequest): TaskStream {
    return new TaskChunks((reader, gone) =>
      this.#promised(() => {
        const agent = this.asked(id, waitsWhenDown(task));
        const asked = checkTask(task, agent.manifest, id);
        const signal = asked.signal === undefined ? gone : AbortSignal.any([asked.signal, gone]);
        return this.run(agent, { ...asked, signal, reader });
      }),
    );
  }

  /** @internal The agent of a task. @throws AgentSystemError `AGENT_NOT_FOUND`, and `AGENT_NOT_RUNNING` for one that cannot take it */
  asked(id: string, waits: 'never' | 'if it comes back' | 'until it runs'): Agent {
    this.#assertOpen();
    const agent = this.find(id);
    const isWaitedFor = waits === 'if it comes back' ? agent.position.comesBack : waits === 'until it runs';
    if (!isWaitedFor) agent.refuseUnless('execute');
    return agent;
  }

  /** @internal A task that was checked, of an agent that takes tasks. */
  run(agent: Agent, task: GivenTask): Promise<unknown> {
    if (!this.#telemetry.isTracing) return agent.execute(task);
    const { id, incarnation, manifest } = agent;
    return this.#telemetry.task(
      { agentId: id, incarnation, agentType: manifest.type, task: task.type },
      (trace) => agent.execute(task, trace),
    );
  }

  /**
   * Stops an agent: asks, waits for its work to drain, saves, then ends its body.
   *
   * Resolves with the record, of a crash too; the agent stays listed, and its handle is refused. For a crashed
   * agent that waits for its restart, the restart is cancelled.
   *
   * @param options.timeoutMs grace in ms for all of it, before the body is killed; default the spec's `shutdownMs`
   * @throws AgentSystemError `AGENT_NOT_FOUND`, `AGENT_NOT_RUNNING`, `AGENT_SPEC_INVALID` for invalid options,
   * `STORE_FAILED`, `SYSTEM_CLOSED`
   */
  stop(id: string, options?: StopOptions): Promise<AgentRecord> {
    return this.#promised(() => {
      const agent = this.#commanded(id, 'stop');
      const { timeoutMs, by } =
        options === undefined ? NO_OPTIONS : parseInput(stopSchema, options, { what: 'stop', agentId: id });
      const at = this.#services.clock.now();
      return agent.end({
        type: 'agent.stop',
        at,
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
        ...saidBy(by),
      });
    });
  }

  /**
   * Ends an agent's body at once, without cleaning up. That is a crash, and its restart policy applies.
   *
   * @throws AgentSystemError `AGENT_NOT_FOUND`, `AGENT_NOT_RUNNING`, `STORE_FAILED`, `SYSTEM_CLOSED`
   */
  kill(id: string, options?: ActOptions): Promise<AgentRecord> {
    try {
      const agent = this.#commanded(id, 'kill');
      const by = askedBy(options, 'kill', id);
      const at = this.#services.clock.now();
      return agent.end(by === undefined ? { type: 'agent.kill', at } : { type: 'agent.kill', at, by });
    } catch (thrown) {
      return refused(this.#services.clock, thrown);
    }
  }

  /**
   * Pauses an agent: running tasks may end, nothing new begins, tasks wait in its queue. Resolves with its record once
   * that is durable; `state` ends in `pausing` while something runs, then in `paused` (event `agent.paused`).
   *
   * The pause lasts until `resume`, across restarts, a stop and a start, and the end of the program. A stop of
   * a paused agent abandons waiting tasks; submitted ones are left to the next program.
   *
   * @param options.by who asks for it, for the record and the events
   * @throws AgentSystemError `AGENT_NOT_FOUND`, `AGENT_ILLEGAL_COMMAND` for one that is paused, or is ending,
   * `AGENT_SPEC_INVALID` for invalid options, `STORE_FAILED`, `SYSTEM_CLOSED`
   */
  pause(id: string, options: ActOptions = {}): Promise<AgentRecord> {
    return this.#promised(() => this.#hold(id, 'pause', options));
  }

  /**
   * Resumes a paused agent. Resolves with its record once that is durable.
   *
   * @throws AgentSystemError `AGENT_NOT_FOUND`, `AGENT_ILLEGAL_COMMAND` for one that is not paused, or is ending,
   * `AGENT_SPEC_INVALID` for invalid options, `STORE_FAILED`, `SYSTEM_CLOSED`
   */
  resume(id: string, options: ActOptions = {}): Promise<AgentRecord> {
    return this.#promised(() => this.#hold(id, 'resume', options));
  }

  /**
   * Removes the record and the saved state of an agent that is not alive.
   *
   * @throws AgentSystemError `AGENT_NOT_FOUND`, `AGENT_ILLEGAL_COMMAND` while it is alive, `STORE_FAILED`,
   * `SYSTEM_CLOSED`
   */
  forget(id: string, options?: ActOptions): Promise<void> {
    return this.#promised(() => this.#commanded(id, 'forget').forget(askedBy(options, 'forget', id)));
  }

  /** An agent's record: the same frozen object while nothing changes. @throws AgentSystemError `AGENT_NOT_FOUND` */
  get(id: string): AgentRecord {
    return this.find(id).record();
  }

  /**
   * The records of all agents that match, in the order of their registration; with `limit` or `after` a page of them, in
   * the order of their ids.
   *
   * @throws AgentSystemError `AGENT_SPEC_INVALID` for an invalid filter
   */
  list(filter: AgentFilter & AgentPage = {}): AgentRecord[] {
    return this.#registry.list(parseInput(agentQuery, filter, { what: 'list' }));
  }

  /** The living incarnation. @throws AgentSystemError `AGENT_NOT_FOUND`, `AGENT_NOT_RUNNING` */
  handle<Tasks extends TaskTypes>(id: TypedId<Tasks>): AgentHandle<Tasks> {
    const agent = this.find(id);
    agent.refuseUnless('execute');
    return this.#handleOf(agent, agent.incarnation);
  }

  /**
   * The ids of all agents, in the order of their registration; with `limit` or `after` a page of them, in their own order.
   * Makes no records.
   *
   * @throws AgentSystemError `AGENT_SPEC_INVALID` for an invalid page
   */
  ids(page: AgentPage = {}): string[] {
    return this.#registry.ids(parseInput(agentPage, page, { what: 'ids' }));
  }

  /** How many agents of each type are in each status. Makes no records. */
  counts(): AgentCount[] {
    return [...this.#registry.counts()];
  }

  /** Makes a health check now; `not_running` for an agent without a body. @throws AgentSystemError `AGENT_NOT_FOUND` */
  checkHealth(id: string): Promise<HealthReport> {
    return answered(this.#services.clock, async () => this.find(id).checkHealth());
  }

  /** The newest saved state, as JSON data, or `undefined`. @throws AgentSystemError `AGENT_NOT_FOUND`, `STORE_FAILED` */
  savedState(id: string): Promise<unknown> {
    return answered(this.#services.clock, async () => {
      this.find(id);
      await this.#services.journal.settled();
      try {
        const saved = await this.#services.store.state(id);
        return saved === undefined ? undefined : JSON.parse(saved.json);
      } catch (thrown) {
        const message = `the saved state of agent ${id} could not be read: ${errorInfoOf(thrown).message}`;
        throw new AgentSystemError('STORE_FAILED', message, { agentId: id, cause: thrown });
      }
    });
  }

  /**
   * Whether an agent's state allows a command, or whether it would accept a task with this input now.
   *
   * For a task the agent itself is asked; its answer may have changed by the time that the task is sent.
   *
   * @throws AgentSystemError `AGENT_NOT_FOUND`; for a task `TASK_INPUT_INVALID` for one that is malformed,
   * `TASK_TIMED_OUT` for an agent that does not answer within its `health.timeoutMs`
   */
  can(id: string, command: AgentCommand): boolean;
  can<Tasks extends TaskTypes, Name extends keyof Tasks & string>(
    id: TypedId<Tasks>,
    task: Pick<TaskOf<Tasks, Name>, 'type' | 'input'>,
  ): Promise<boolean>;
  can(id: string, task: AskedTask): Promise<boolean>;
  can(id: string, asked: AgentCommand | AskedTask): boolean | Promise<boolean> {
    const agent = this.find(id);
    return typeof asked === 'string'
      ? agent.position.legal.has(asked)
      : answered(this.#services.clock, () => this.#takes(agent, asked));
  }

  /**
   * Names of the tasks that a running agent accepts now: all of them, unless its behaviour is a chart.
   *
   * @throws AgentSystemError `AGENT_NOT_FOUND`, `AGENT_NOT_RUNNING`, `TASK_TIMED_OUT` for an agent that does not
   * answer within its `health.timeoutMs`
   */
  next<Tasks extends TaskTypes>(id: TypedId<Tasks>): Promise<readonly (keyof Tasks & string)[]> {
    return answered(this.#services.clock, async () => {
      const agent = this.#commanded(id, 'execute');
      const { manifest } = agent;
      const known = Object.keys(manifest.tasks);
      const next = manifest.chart === undefined ? known : (await agent.offer()).next;
      return next.filter((type) => missingFor(type, manifest)?.length === 0);
    });
  }

  /**
   * The chart of a running agent's own behaviour, in any host: its states, its transitions,
   * and its current state. `undefined` for an agent whose behaviour is not a chart.
   *
   * @throws AgentSystemError `AGENT_NOT_FOUND`, `AGENT_NOT_RUNNING`, `TASK_TIMED_OUT` for an agent that does not
   * answer within its `health.timeoutMs`
   */
  chart(id: string): Promise<AgentChart | undefined> {
    return answered(this.#services.clock, async () => {
      const agent = this.#commanded(id, 'execute');
      if (agent.manifest.chart === undefined) return undefined;
      const { outline, state } = await agent.offer(undefined, true);
      return agentChart(outline, state);
    });
  }

  /** All commands that an agent's state allows. @throws AgentSystemError `AGENT_NOT_FOUND` */
  legal(id: string): readonly AgentCommand[] {
    return [...this.find(id).position.legal];
  }

  /** @internal */
  typeOf(id: string): string | undefined {
    return this.#registry.get(id)?.manifest.type;
  }

  /** @internal */
  has(id: string): boolean {
    return this.#registry.has(id);
  }

  /** @internal */
  find(id: string): Agent {
    return this.#registry.find(id);
  }

  /**
   * @internal The least loaded agent of a type that takes tasks.
   *
   * @throws AgentSystemError `AGENT_NOT_FOUND`, `AGENT_NOT_RUNNING`
   */
  leastLoaded(type: string, whenDown?: TaskRequest['whenDown']): Agent {
    return this.#registry.leastLoaded(type, whenDown);
  }

  /** @internal What agents of a type can do. @throws AgentSystemError `AGENT_NOT_FOUND` where there is none */
  manifestOf(type: string): AgentManifest {
    return this.#registry.manifestOf(type);
  }

  /** @internal */
  all(): Iterable<Agent> {
    return this.#registry.all();
  }

  /** @internal The fleet ends: callers that wait for an agent, or for a registration, are refused with `why`. */
  discard(why: AgentSystemError): void {
    this.#registration.giveUp(why);
    for (const agent of this.#registry.all()) agent.discard(why);
  }

  /** @internal What the code of an agent of an earlier program is where it is now. */
  describeMoved(registered: StoredAgent['registered'], module: URL): Promise<AgentManifest> {
    return this.#registration.describeMoved(registered, module);
  }

  /** @internal An agent of an earlier program: known again, and not resumed yet. */
  adopt(spec: ParsedAgentSpec & { readonly id: string }, known: Adopted): Agent {
    return this.#registration.adopt(spec, known);
  }

  /** @internal Removes a record: the agent's chart has announced that it is forgotten. */
  remove(agent: Pick<Agent, 'id'>): void {
    this.#registry.remove(agent);
  }

  /**
   * What `work` gives; what it throws, as a promise that is rejected. No promise is made where it gives one.
   *
   * What is called most says the same itself, and makes no function for it.
   */
  #promised<Value>(work: () => Promise<Value>): Promise<Value> {
    try {
      return work();
    } catch (thrown) {
      return refused(this.#services.clock, thrown);
    }
  }

  /** Starts it if somebody has yet to: one that is stopping when that is over. Waits for a start that is under way. */
  async #startAtRest(id: string, by: string | undefined): Promise<void> {
    const known = this.find(id);
    if (known.position.status === 'stopping') await known.ended();
    const agent = this.find(id);
    if (isToStart(agent)) await this.start(id, saidBy(by));
    else if (agent.position.status === 'starting') await untilStarted(agent);
  }

  #start<Tasks extends TaskTypes>(
    id: string,
    command: 'start' | 'restart',
    options: ActOptions | undefined,
  ): Promise<AgentHandle<Tasks>> {
    try {
      const agent = this.#commanded(id, command);
      const by = askedBy(options, command, id);
      return this.#services.journal.hasKept(agent.registered)
        ? this.#startNow(agent, command, by)
        : this.#startOnceKept(agent, command, by);
    } catch (thrown) {
      return refused(this.#services.clock, thrown);
    }
  }

  #startNow<Tasks extends TaskTypes>(
    agent: Agent,
    command: 'start' | 'restart',
    by: string | undefined,
  ): Promise<AgentHandle<Tasks>> {
    const answer = (incarnation: number) => this.#handleOf<Tasks>(agent, incarnation);
    return agent.start(command === 'start' ? 'agent.start' : 'agent.restart', answer, by);
  }

  /** Its registration is not durable yet, and the store may refuse that. */
  async #startOnceKept<Tasks extends TaskTypes>(
    agent: Agent,
    command: 'start' | 'restart',
    by: string | undefined,
  ): Promise<AgentHandle<Tasks>> {
    await this.#services.journal.settled();
    if (this.#commanded(agent.id, command) !== agent) throw notRegistered(agent.id);
    return this.#startNow(agent, command, by);
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

  #hold(id: string, command: 'pause' | 'resume', options: ActOptions): Promise<AgentRecord> {
    const { by } = parseInput(actSchema, options, { what: command, agentId: id });
    return this.#commanded(id, command).hold(`agent.${command}`, by);
  }

  #commanded(id: string, command: AgentCommand): Agent {
    this.#assertOpen();
    const agent = this.find(id);
    agent.refuseUnless(command);
    return agent;
  }

  #handleOf<Tasks extends TaskTypes>(agent: Agent, incarnation: number): AgentHandle<Tasks> {
    return new IncarnationHandle(agent, incarnation, this);
  }
}

const NO_OPTIONS: StopOptions = Object.freeze({});

function notRegistered(agentId: string): AgentSystemError {
  const message = `the registration of agent ${inWords(agentId)} was refused before the agent could start`;
  return new AgentSystemError('AGENT_NOT_FOUND', message, { agentId });
}

/** A restart that fails is its restart policy's to try again. */
async function untilStarted(agent: Agent): Promise<void> {
  try {
    await agent.started();
  } catch (thrown) {
    if (!agent.position.comesBack) throw thrown;
  }
}

/** Whether somebody has yet to start it. Members of pools are the pools' to start. */
function isToStart({ position: { status }, spec, isWithoutCode, missing }: Agent): boolean {
  const isDue = status === 'registered' || status === 'stopped' || (isWithoutCode && missing === undefined);
  return isDue && spec.pool === undefined;
}

function askedBy(
  options: ActOptions | undefined,
  what: string,
  agentId: string | undefined,
): string | undefined {
  return options === undefined ? undefined : parseInput(actSchema, options, { what, agentId }).by;
}

/** For a task that was not checked yet. */
function waitsWhenDown(task: TaskRequest | null | undefined): 'never' | 'if it comes back' {
  const whenDown = readInput(() => task?.whenDown, { what: 'task', code: 'TASK_INPUT_INVALID' });
  return whenDown === 'wait' ? 'if it comes back' : 'never';
}

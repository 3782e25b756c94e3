/**
 * Every command to one agent of a fleet that is on other machines: `fleet.agents`.
 *
 * The shape of `system.agents`, with the same codes and records. Reads are promises: the data is on other machines.
 *
 * I1  A malformed request is refused here, before anything is sent.
 * I2  A command is done once, however often its answer gets lost on the way.
 */
import { z } from 'zod';
import { type AgentCommand, durationMs, positionAt } from '../../machines/index.ts';
import type { AgentRecord } from '../../runtime/agent/agent-record.ts';
import type { HealthReport } from '../../runtime/agent/liveness.ts';
import type { TaskRequest } from '../../runtime/agent/task-request.ts';
import { type ChunkReader, TaskChunks, type TaskStream } from '../../runtime/agent/task-stream.ts';
import type { TaskTypes } from '../../runtime/definition/define-agent.ts';
import type { SavedState } from '../../runtime/definition/saved-state.ts';
import type {
  AgentHandle,
  AnyTasks,
  StopOptions,
  TaskOf,
  TypedId,
} from '../../runtime/fleet/agent-handle.ts';
import type { EnsureOptions, UpdateOptions } from '../../runtime/fleet/agents.ts';
import {
  type AgentFilter,
  agentFilter,
  type AgentPage,
  agentPage,
  agentQuery,
  isPage,
} from '../../runtime/fleet/agent-filter.ts';
import type { AgentCount } from '../../runtime/fleet/registry.ts';
import type { AgentSpecChange } from '../../runtime/fleet/spec-change.ts';
import { invalidSpec } from '../../runtime/fleet/spec-reading.ts';
import type { IdOf, OneOrSeveral, WithModule } from '../../runtime/fleet/spec-of-several.ts';
import { startEach, type StartReport } from '../../runtime/fleet/start-each.ts';
import { type ActOptions, actSchema } from '../../runtime/values/act.ts';
import { type AgentChart, agentChart } from '../../runtime/fleet/agent-chart.ts';
import { missingFor } from '../../runtime/fleet/task-check.ts';
import { commandRefusal } from '../../runtime/agent/command-refusal.ts';
import type { AskedTask, Offer } from '../../runtime/definition/agent-self.ts';
import { assertJson, untilGone } from './fleet-calls.ts';
import { AgentSystemError, inWords } from '../../runtime/values/errors.ts';
import { parseInput } from '../../runtime/values/malformed.ts';
import { type Answer, valueOf } from '../engine/call-answer.ts';
import { type EngineClient, REPEATABLE } from '../engine/engine-client.ts';
import type { FleetCalls } from './fleet-calls.ts';
import type { FleetCommands } from './fleet-commands.ts';
import {
  changedPlacedSpec,
  type FleetSpecs,
  keptSpecOf,
  placedChanges,
  type PlacedAgentSpec,
  placedSpec,
  type PlacedSpec,
} from './fleet-specs.ts';
import { type BriefLook, byRegistration, type LookFilter } from '../agent/look-filter.ts';
import { type Look, REGISTRY, SHARDS } from '../engine/names.ts';
import { pageOf } from './shard-pages.ts';
import { changeSpec } from './spec-change.ts';

/** One incarnation of an agent. Every method throws `AGENT_NOT_RUNNING` once it has ended. */
export type FleetHandle<Tasks extends TaskTypes = AnyTasks> = AgentHandle<Tasks>;

/** A record, and the node of its body, if it has one. */
export type PlacedRecord = AgentRecord & { readonly node?: string };

/** Why an agent that has a body is not started. */
const NOT_AT_REST: ReadonlySet<string> = new Set(['AGENT_ALREADY_RUNNING', 'AGENT_ILLEGAL_COMMAND']);
const askedSchema = z.strictObject({ type: z.string(), input: z.unknown().optional() });
const updateSchema = actSchema.extend({ restart: z.boolean().default(false) });
const ensureSchema = updateSchema.extend({ autoStart: z.boolean().default(false) });
const stopSchema = actSchema.extend({ timeoutMs: durationMs.optional() });

export interface FleetAgentsOptions {
  readonly engine: EngineClient;
  readonly commands: FleetCommands;
  readonly calls: FleetCalls;
  readonly specs: FleetSpecs;
}

export class FleetAgents {
  readonly #options: FleetAgentsOptions;

  constructor(options: FleetAgentsOptions) {
    this.#options = options;
  }

  /**
   * Makes an agent known to the fleet; it does not run yet. Resolves with its id: the spec's, or a new one.
   *
   * @param options.by who asks for it, as `agent.registered` says
   * @throws AgentSystemError `AGENT_SPEC_INVALID` naming the field, `AGENT_EXISTS`, `STORE_FAILED`, `SYSTEM_CLOSED`;
   * `RESOURCES_EXHAUSTED` where the machine lacks a descriptor, say, to load the module: ask again later
   */
  async register<Args, Tasks extends TaskTypes, Spec extends WithModule = never>(
    spec: OneOrSeveral<Spec, PlacedAgentSpec<Args, Tasks>, PlacedAgentSpec>,
    options: ActOptions = {},
  ): Promise<IdOf<Spec, Tasks>> {
    this.#options.commands.assertOpen();
    const placed = placedSpec(spec);
    return this.registerRead(placed, acted('register', options, placed.read.id).by);
  }

  /** @internal Registers a spec that was read, also that of a member of a pool or of a child. */
  async registerRead(spec: PlacedSpec, by?: string): Promise<string> {
    const { read } = spec;
    if (read.id?.isWellFormed() === false)
      throw invalidSpec(`id: expected whole characters, got ${inWords(read.id)}`, read.id);
    const manifest = await this.#options.specs.manifestOf(read);
    const id = read.id ?? `${manifest.type}-${crypto.randomUUID().slice(0, 8)}`;
    return this.#command<string>(id, {
      type: 'register',
      spec: keptSpecOf(spec, id, manifest.type),
      manifest,
      by,
    });
  }

  /**
   * Registers an agent, or changes the spec of one that is registered, as `system.agents.ensure`. With `autoStart: true`
   * it runs then, if it was registered or stopped, or once it has stopped if it is stopping. One that moves to another
   * node is left to that.
   *
   * @throws AgentSystemError as `register` and `update`, with `autoStart` as `start`; `AGENT_SPEC_INVALID` for a spec
   * without an `id`
   */
  async ensure<Args, Tasks extends TaskTypes, Spec extends WithModule & { readonly id: string } = never>(
    spec: OneOrSeveral<Spec, PlacedAgentSpec<Args, Tasks> & { readonly id: string }, PlacedAgentSpec>,
    options?: EnsureOptions,
  ): Promise<{ readonly id: IdOf<Spec, Tasks>; readonly change: 'registered' | 'updated' | 'none' }> {
    this.#options.commands.assertOpen();
    const placed = placedSpec(spec);
    const { id } = placed.read;
    if (id === undefined) throw invalidSpec('id: expected the id of the agent to ensure, got undefined', id);
    const { autoStart, ...how } = parseInput(ensureSchema, options ?? {}, { what: 'ensure', agentId: id });
    let change: 'registered' | 'updated' | 'none';
    try {
      await this.registerRead(placed, how.by);
      change = 'registered';
    } catch (thrown) {
      if (!(thrown instanceof AgentSystemError) || thrown.code !== 'AGENT_EXISTS') throw thrown;
      change = await this.#change(id, () => placed, how);
    }
    if (autoStart) await this.#startAtRest(id, how.by);
    return { id, change };
  }

  /** Starts one that is registered or stopped, and one that is stopping once it has stopped. Waits for a start that is under way. */
  async #startAtRest(id: string, by: string | undefined): Promise<void> {
    const { record, isMoving } = await this.#look(id);
    const { status, spec } = record;
    // It begins elsewhere without anybody's help, once there is room.
    if (isMoving) return;
    if (status === 'stopping') {
      await this.#command(id, { type: 'awaitEnd' });
      return this.#startAtRest(id, by);
    }
    if (status === 'starting') return this.#untilStarted(id);
    if ((status !== 'registered' && status !== 'stopped') || spec.pool !== undefined) return;
    try {
      await this.#command(id, { type: 'start', by });
    } catch (thrown) {
      // Somebody else has started it meanwhile, and may be stopping it.
      const isOvertaken = thrown instanceof AgentSystemError && NOT_AT_REST.has(thrown.code);
      if (!isOvertaken) throw thrown;
      await this.#startAtRest(id, by);
    }
  }

  /** A start that fails is of no concern where the agent runs, or will run without anybody's help. */
  async #untilStarted(id: string): Promise<void> {
    try {
      await this.#command(id, { type: 'awaitStart' });
    } catch (thrown) {
      const { record, isMoving } = await this.#look(id);
      if (!isMoving && !positionAt(record.state).comesBack) throw thrown;
    }
  }

  /**
   * Changes the spec of an agent, as `system.agents.update`: what needs no new body is in force at once, the rest from
   * its next start on; until then the record names it in `pending`. `placement` is for the next start, too.
   *
   * @throws AgentSystemError `AGENT_NOT_FOUND`, `AGENT_SPEC_INVALID` naming the field, also for members of a pool,
   * `SYSTEM_CLOSED`; with `restart` as `stop` and `start`, and the change is made all the same
   */
  async update<Args>(
    id: string,
    change: AgentSpecChange<Args> & Pick<PlacedAgentSpec, 'placement'>,
    options?: UpdateOptions,
  ): Promise<{ readonly id: string; readonly change: 'updated' | 'none' }> {
    this.#options.commands.assertOpen();
    const how = parseInput(updateSchema, options ?? {}, { what: 'update', agentId: id });
    const changed = (known: AgentRecord['spec']): PlacedSpec => changedPlacedSpec(known, id, change);
    return { id, change: await this.#change(id, changed, how) };
  }

  /** @internal Checks that an agent has this very spec. @throws AgentSystemError `AGENT_EXISTS` with the fields that differ */
  async assertSame(id: string, spec: PlacedSpec): Promise<void> {
    const record = await this.get(id);
    const changed = placedChanges(record.spec, spec).map(({ field }) => field);
    if (changed.length === 0) return;
    const message = `agent ${inWords(id)} is registered with another spec: expected the same ${changed.join(', ')}`;
    throw new AgentSystemError('AGENT_EXISTS', message, { agentId: id, details: { changed } });
  }

  async #change(
    id: string,
    wantedOf: (known: AgentRecord['spec']) => PlacedSpec,
    { by, restart }: { readonly by?: string | undefined; readonly restart: boolean },
  ): Promise<'updated' | 'none'> {
    const { commands, specs } = this.#options;
    const change = await changeSpec(id, { commands, specs, wantedOf, by });
    if (restart) await this.#renew(id, by);
    return change;
  }

  /** Ends a body that was made from an earlier spec, and makes another. One that is ending anyway is left to end. */
  async #renew(id: string, by: string | undefined): Promise<void> {
    const { pending, state, status } = await this.get(id);
    if (pending === undefined || status === 'stopping' || !positionAt(state).legal.has('stop')) return;
    await this.#command(id, { type: 'stop', by });
    const ended = await this.get(id);
    if (positionAt(ended.state).legal.has('start')) await this.#command(id, { type: 'start', by });
  }

  /**
   * Starts an agent that has no body, on the node that has most room. Resolves with a handle once its init has returned.
   *
   * @throws AgentSystemError `AGENT_NOT_FOUND`, `AGENT_ALREADY_RUNNING`, `AGENT_ILLEGAL_COMMAND`,
   * `RESOURCES_EXHAUSTED` when no live node can take it, `AGENT_START_FAILED`, `AGENT_START_TIMED_OUT`, `SYSTEM_CLOSED`
   */
  start<Tasks extends TaskTypes>(id: TypedId<Tasks>, options: ActOptions = {}): Promise<FleetHandle<Tasks>> {
    return this.#begin('start', id, options);
  }

  /**
   * Starts all registered and stopped agents that match the filter, except members of pools, as `system.agents.startAll`.
   *
   * @throws AgentSystemError `AGENT_SPEC_INVALID` for an invalid filter or options, `SYSTEM_CLOSED`
   */
  async startAll(filter: AgentFilter = {}, options?: ActOptions): Promise<StartReport> {
    this.#options.commands.assertOpen();
    const asked = parseInput(actSchema, options ?? {}, { what: 'startAll' });
    const by = asked.by === undefined ? {} : { by: asked.by };
    const fitting = await this.briefs(parseInput(agentFilter, filter, { what: 'list' }));
    const waiting = fitting.filter(
      ({ status, pool }) => (status === 'registered' || status === 'stopped') && pool === undefined,
    );
    return startEach(
      waiting.map(({ id }) => id),
      (id) => this.start(id, by),
    );
  }

  /** @throws AgentSystemError as `start`; `AGENT_ILLEGAL_COMMAND` for one that was never started */
  restart<Tasks extends TaskTypes>(
    id: TypedId<Tasks>,
    options: ActOptions = {},
  ): Promise<FleetHandle<Tasks>> {
    return this.#begin('restart', id, options);
  }

  /**
   * Has an agent do a task. Resolves with its output once that, and the state it left, is durable.
   *
   * Input, output and progress are JSON data: they cross machines.
   *
   * @throws AgentSystemError as `system.agents.execute`; `TASK_INPUT_INVALID` also for an input that is no JSON data
   */
  execute<Tasks extends TaskTypes, Name extends keyof Tasks & string>(
    id: TypedId<Tasks>,
    task: TaskOf<Tasks, Name>,
  ): Promise<Tasks[Name]['output']>;
  async execute(id: string, task: TaskRequest): Promise<unknown> {
    return this.#options.calls.execute(id, task);
  }

  /** @internal A task that the tasks of the chain wait for. */
  executeFor(
    id: string,
    task: TaskRequest,
    chain: readonly string[],
    reader?: ChunkReader,
  ): Promise<unknown> {
    return this.#options.calls.execute(id, task, { chain, reader });
  }

  /**
   * Has an agent do a task, and gives the parts of its output as they come, as `system.agents.stream`.
   *
   * A task that has given a chunk to its reader never begins again, not even after the loss of its node.
   */
  stream<Tasks extends TaskTypes, Name extends keyof Tasks & string>(
    id: TypedId<Tasks>,
    task: TaskOf<Tasks, Name>,
  ): TaskStream<Tasks[Name]['chunk'], Tasks[Name]['output']>;
  stream(id: string, task: TaskRequest): TaskStream {
    return this.#stream(id, task, undefined);
  }

  #stream(id: string, task: TaskRequest, incarnation: number | undefined): TaskStream {
    return new TaskChunks((reader, gone) => {
      return this.#options.calls.execute(id, untilGone(task, gone), { reader, incarnation });
    });
  }

  /** @throws AgentSystemError `AGENT_NOT_FOUND`, `AGENT_NOT_RUNNING`, `AGENT_SPEC_INVALID`, `SYSTEM_CLOSED` */
  async stop(id: string, options: StopOptions = {}): Promise<AgentRecord> {
    return this.#stop(id, options, undefined);
  }

  /** @throws AgentSystemError `AGENT_NOT_FOUND`, `AGENT_NOT_RUNNING`, `SYSTEM_CLOSED` */
  async kill(id: string, options: ActOptions = {}): Promise<AgentRecord> {
    return this.#kill(id, options, undefined);
  }

  /**
   * Lets no new task begin; running ones may finish. It lasts until the agent is resumed, over the ends of its lives.
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
    this.#options.commands.assertOpen();
    await this.#command(id, { type: 'forget', ...acted('forget', options, id) });
  }

  /** The record of an agent, read from its own object. @throws AgentSystemError `AGENT_NOT_FOUND` */
  async get(id: string): Promise<PlacedRecord> {
    return this.#placed(await this.#look(id));
  }

  /**
   * All agents that match the filter, in the order of their registration, as the fleet lists them; with `limit` or `after`
   * a page of them, in the order of their ids, which costs by the page.
   *
   * @throws AgentSystemError `AGENT_SPEC_INVALID` for an invalid filter, `SYSTEM_CLOSED`
   */
  async list(filter: AgentFilter & AgentPage = {}): Promise<PlacedRecord[]> {
    this.#options.commands.assertOpen();
    const { limit, after, ...wanted } = parseInput(agentQuery, filter, { what: 'list' });
    const page = { limit, after };
    const looks = isPage(page)
      ? await this.#page<Look>('page', page, ({ record }) => record.id, { filter: wanted })
      : await this.looks(wanted);
    return looks.map((look) => this.#placed(look));
  }

  /**
   * The ids of all agents, in the order of their registration; with `limit` or `after` a page of them, in their own order.
   *
   * @throws AgentSystemError `AGENT_SPEC_INVALID` for an invalid page, `SYSTEM_CLOSED`
   */
  async ids(page: AgentPage = {}): Promise<string[]> {
    this.#options.commands.assertOpen();
    const asked = parseInput(agentPage, page, { what: 'ids' });
    if (isPage(asked)) return this.#page<string>('ids', asked, (id) => id);
    return (await this.briefs()).map(({ id }) => id);
  }

  /** The number of agents of each type in each status. */
  async counts(): Promise<AgentCount[]> {
    const counts = new Map<string, { type: string; status: AgentRecord['status']; count: number }>();
    for (const { type, status } of await this.briefs()) {
      const key = JSON.stringify([type, status]);
      const known = counts.get(key);
      if (known === undefined) counts.set(key, { type, status, count: 1 });
      else known.count += 1;
    }
    return [...counts.values()];
  }

  /** @internal Those that a filter is of: the others do not leave the engine. */
  async looks(filter: LookFilter = {}): Promise<readonly Look[]> {
    const isOfAll = Object.values(filter).every((wanted) => wanted === undefined);
    const looks = await this.#listed<Look>('list', isOfAll ? null : filter);
    return looks.toSorted((one, other) =>
      byRegistration(
        { id: one.record.id, registeredAt: one.registeredAt },
        { id: other.record.id, registeredAt: other.registeredAt },
      ),
    );
  }

  /** @internal The same in few words. */
  async briefs(filter: LookFilter = {}): Promise<readonly BriefLook[]> {
    return (await this.#listed<BriefLook>('brief', filter)).toSorted(byRegistration);
  }

  async #listed<Shown>(method: 'list' | 'brief', filter: LookFilter | null): Promise<readonly Shown[]> {
    const shards = Array.from({ length: SHARDS }, (_, shard) => this.#shard<Shown>(shard, method, filter));
    return (await Promise.all(shards)).flat();
  }

  #page<Shown>(
    method: 'page' | 'ids',
    page: AgentPage,
    idOf: (shown: Shown) => string,
    more: { readonly filter?: AgentFilter } = {},
  ): Promise<Shown[]> {
    const ask = (shard: number, part: AgentPage) => this.#shard<Shown>(shard, method, { ...part, ...more });
    return pageOf({ count: SHARDS, idOf, ask }, page);
  }

  #shard<Shown>(shard: number, method: string, asked: object | null): Promise<readonly Shown[]> {
    const target = { service: REGISTRY, key: String(shard), method };
    return this.#options.engine.call<readonly Shown[]>(target, asked, REPEATABLE);
  }

  /** The living incarnation. @throws AgentSystemError `AGENT_NOT_FOUND`, `AGENT_NOT_RUNNING` */
  async handle<Tasks extends TaskTypes>(id: TypedId<Tasks>): Promise<FleetHandle<Tasks>> {
    const { record } = await this.#look(id);
    if (positionAt(record.state).legal.has('execute')) return this.#handleOf(id, record.incarnation);
    const message = `agent ${id} is ${record.status} (${record.state}), execute is not possible`;
    throw new AgentSystemError('AGENT_NOT_RUNNING', message, { agentId: id });
  }

  /** One health check, now. @throws AgentSystemError `AGENT_NOT_FOUND`, `NODE_UNREACHABLE` */
  async checkHealth(id: string): Promise<HealthReport> {
    const { record, placement } = await this.#look(id);
    if (placement === undefined) return record.health;
    const { incarnation, spec } = record;
    const asked = { agentId: id, incarnation };
    const report = await this.#options.commands.serve<HealthReport | null>(
      placement.node,
      'health',
      asked,
      spec.health.timeoutMs,
    );
    return report ?? record.health;
  }

  /** The newest saved state, as JSON data, or `undefined`. @throws AgentSystemError `AGENT_NOT_FOUND` */
  async savedState(id: string): Promise<unknown> {
    const saved = valueOf(await this.#options.commands.read<Answer<SavedState | null>>(id, 'savedState'));
    return saved === null || saved === undefined ? undefined : JSON.parse(saved.json);
  }

  /**
   * Whether an agent's state allows a command, or whether it would accept a task with this input now, as
   * `system.agents.can`.
   *
   * @throws AgentSystemError `AGENT_NOT_FOUND`; for a task `TASK_INPUT_INVALID` for one that is malformed,
   * `TASK_TIMED_OUT` for an agent that does not answer within its `health.timeoutMs`, `NODE_UNREACHABLE`
   */
  async can(id: string, asked: AgentCommand | AskedTask): Promise<boolean> {
    this.#options.commands.assertOpen();
    if (typeof asked === 'string') return (await this.legal(id)).includes(asked);
    const look = await this.#look(id);
    const { type, input } = parseInput(askedSchema, asked, {
      what: 'can',
      code: 'TASK_INPUT_INVALID',
      agentId: id,
    });
    assertJson(type, input, id);
    if (!positionAt(look.record.state).legal.has('execute')) return false;
    if (missingFor(type, look.manifest)?.length !== 0) return false;
    try {
      return (await this.#offer(look, { type, input })).can ?? false;
    } catch (thrown) {
      if (thrown instanceof AgentSystemError && thrown.code === 'AGENT_NOT_RUNNING') return false;
      throw thrown;
    }
  }

  /**
   * Names of the tasks that a running agent accepts now, as `system.agents.next`.
   *
   * @throws AgentSystemError as that, `NODE_UNREACHABLE`
   */
  async next<Tasks extends TaskTypes>(id: TypedId<Tasks>): Promise<readonly (keyof Tasks & string)[]> {
    const look = await this.#running(id);
    const { manifest } = look;
    const next = manifest.chart === undefined ? Object.keys(manifest.tasks) : (await this.#offer(look)).next;
    return next.filter((type) => missingFor(type, manifest)?.length === 0);
  }

  /**
   * The chart of a running agent's own behaviour, and its current state; `undefined` for an agent whose behaviour is not
   * a chart.
   *
   * @throws AgentSystemError as `system.agents.chart`, `NODE_UNREACHABLE`
   */
  async chart(id: string): Promise<AgentChart | undefined> {
    const look = await this.#running(id);
    if (look.manifest.chart === undefined) return undefined;
    const { outline, state } = await this.#offer(look, undefined, true);
    return agentChart(outline, state);
  }

  async #running(id: string): Promise<Look> {
    const look = await this.#look(id);
    const { state, paused } = look.record;
    const position = positionAt(state, paused !== undefined);
    if (position.legal.has('execute')) return look;
    throw commandRefusal(id, 'execute', position);
  }

  /** Asks the body. @throws AgentSystemError `AGENT_NOT_RUNNING`, `TASK_TIMED_OUT`, `NODE_UNREACHABLE` */
  async #offer({ record, placement }: Look, task?: AskedTask, isOutlined?: true): Promise<Offer> {
    const { id, incarnation, spec } = record;
    const asked = { agentId: id, incarnation, task, isOutlined };
    const { timeoutMs } = spec.health;
    const answer =
      placement === undefined
        ? null
        : await this.#options.commands.serve<Answer<Offer> | null>(placement.node, 'offer', asked, timeoutMs);
    if (answer !== null) return valueOf(answer);
    const message = `agent ${id} has ended before it said what it takes`;
    throw new AgentSystemError('AGENT_NOT_RUNNING', message, { agentId: id });
  }

  /** @throws AgentSystemError `AGENT_NOT_FOUND` */
  async legal(id: string): Promise<readonly AgentCommand[]> {
    const { record, isMoving } = await this.#look(id);
    const { state, paused } = record;
    const { legal, isAlive } = positionAt(state, paused !== undefined);
    if (!isMoving) return [...legal];
    // It will run again (agent-turn.ts).
    const more: readonly AgentCommand[] = isAlive ? ['execute'] : ['execute', 'stop', 'kill'];
    return [...new Set([...legal, ...more])];
  }

  /** The node of its body; `undefined` while it has none. @throws AgentSystemError `AGENT_NOT_FOUND` */
  async nodeOf(id: string): Promise<string | undefined> {
    return (await this.#look(id)).placement?.node;
  }

  async #hold(id: string, type: 'pause' | 'resume', options: ActOptions): Promise<AgentRecord> {
    this.#options.commands.assertOpen();
    return this.#withModule(await this.#command<AgentRecord>(id, { type, ...acted(type, options, id) }));
  }

  async #stop(
    id: string,
    options: StopOptions | undefined,
    incarnation: number | undefined,
  ): Promise<AgentRecord> {
    this.#options.commands.assertOpen();
    const { timeoutMs, by } = parseInput(stopSchema, options ?? {}, { what: 'stop', agentId: id });
    return this.#withModule(
      await this.#command<AgentRecord>(id, { type: 'stop', timeoutMs, incarnation, by }),
    );
  }

  async #kill(
    id: string,
    options: ActOptions | undefined,
    incarnation: number | undefined,
  ): Promise<AgentRecord> {
    this.#options.commands.assertOpen();
    const { by } = acted('kill', options ?? {}, id);
    return this.#withModule(await this.#command<AgentRecord>(id, { type: 'kill', incarnation, by }));
  }

  async #begin<Tasks extends TaskTypes>(
    type: 'start' | 'restart',
    id: TypedId<Tasks>,
    options: ActOptions,
  ): Promise<FleetHandle<Tasks>> {
    this.#options.commands.assertOpen();
    return this.#handleOf(id, await this.#command<number>(id, { type, ...acted(type, options, id) }));
  }

  #command<Value>(id: string, command: Parameters<FleetCommands['give']>[1]): Promise<Value> {
    return this.#options.commands.give<Value>(id, command);
  }

  #look(id: string): Promise<Look> {
    return this.#options.commands.look(id);
  }

  #handleOf<Tasks extends TaskTypes>(id: string, incarnation: number): FleetHandle<Tasks> {
    return Object.freeze({
      id,
      incarnation,
      execute: (task: TaskRequest) =>
        this.#options.calls.execute(id, task, { incarnation }) as Promise<never>,
      stream: (task: TaskRequest) => this.#stream(id, task, incarnation) as never,
      stop: (options?: StopOptions) => this.#stop(id, options, incarnation),
      kill: (options?: ActOptions) => this.#kill(id, options, incarnation),
      health: async () => {
        const { incarnation: newest, state } = await this.get(id);
        if (newest === incarnation && positionAt(state).isAlive) return this.checkHealth(id);
        const message = `incarnation ${incarnation} of agent ${id} has ended`;
        throw new AgentSystemError('AGENT_NOT_RUNNING', message, { agentId: id });
      },
    }) as FleetHandle<Tasks>;
  }

  #placed({ record, placement }: Look): PlacedRecord {
    const shown = this.#withModule(record);
    return placement === undefined ? shown : Object.freeze({ ...shown, node: placement.node });
  }

  #withModule(record: AgentRecord): AgentRecord {
    return this.#options.specs.shown(record);
  }
}

/** Who acts, for the event. @throws AgentSystemError `AGENT_SPEC_INVALID` */
function acted(
  what: string,
  options: ActOptions,
  agentId: string | undefined,
): { readonly by?: string | undefined } {
  return parseInput(actSchema, options, { what, agentId });
}

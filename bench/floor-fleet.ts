/**
 * The floor under lives, starts, kills and restarts of which everything is kept that the contract promises: what
 * floor-life.ts does by hand, and beside it what a caller may rely on.
 *
 * A spec is checked field by field, its data copied and frozen. A command is refused where it is not legal, and a start
 * beyond the limit of agents. What is emitted together is committed together, in order: then observers are told of each
 * event by its type, a subscriber gets it frozen, and only then callers are answered. A saved state is looked for before
 * a body begins and saved before it ends; the signal that its code was given fires at its end. A start answers with a
 * handle, an end with a frozen record. A restart is bounded by its policy, waits for a turn of the program, and needs a
 * permit. A task is that of floor-task.ts with all of its promises.
 *
 * It is written for the agent of bench/coder.ts: no other host, store, option or failure. As `hand` it knows by itself
 * what comes next; as `chart` the shipped chart decides that, driven by the shipped engine.
 *
 * `node --expose-gc bench/floor-fleet.ts hand|chart LINE SIZE` prints the same lines as bench/fleets.ts, cold and steady.
 */
import { fileURLToPath } from 'node:url';
import {
  type AgentEffect,
  type AgentLife,
  agentMachine,
  agentSpec,
  type LifePolicy,
  lifePolicyOf,
} from '../src/machines/index.ts';
import {
  type Chart,
  type ChartEffect,
  type ChartOptions,
  type Child,
  type ChildInvocation,
  type ChildReport,
  createChart,
} from '../src/runtime/engine/chart.ts';
import { coder, idsOf, specOf } from './coder.ts';
import { measurementsOf } from './fleets.ts';
import { promises, TasksByHand } from './floor-task.ts';
import { type ArmedTimer, TimersByHand } from './floor-life.ts';
import { type Emit, measure } from './measurement.ts';

const MAX_AGENTS = 1_000_000;
const MAX_RESTARTING = 100;
const KEPT = 10_000;
const CLIENTS = 64;
const BETWEEN = 3;

type Given = ReturnType<typeof specOf>;
type Spec = Readonly<Record<string, unknown>> & { readonly id: string; readonly restart: RestartTerms };
interface RestartTerms {
  readonly policy: string;
  readonly maxRestarts: number;
  readonly withinMs: number;
}
type Parts = Readonly<Record<string, unknown>>;

interface KeptEvent {
  sequence: number;
  at: number;
  readonly type: string;
  readonly agentId: string;
  readonly incarnation: number;
  readonly life?: AgentLife;
  readonly [field: string]: unknown;
}

type Observer = (event: KeptEvent) => void;
type Saved = { readonly json: string; readonly version: 1 };

class BatchByHand {
  count = 0;
  stateCount = 0;
  waitingCount = 0;
  readonly events: KeptEvent[] = [];
  readonly owners: string[] = [];
  readonly states: Saved[] = [];
  readonly waiting: (() => void)[] = [];
}

/** Events, states and who waits for them, until all of it is committed: in one microtask. */
class JournalByHand {
  private readonly kept: KeptEvent[] = [];
  // One batch is filled while the other is told: their room is used again.
  private batch = new BatchByHand();
  private spare = new BatchByHand();
  /** What a recovery needs: the registration, and the latest event. */
  private readonly slots = new Map<string, { readonly held: KeptEvent; latest: KeptEvent | undefined }>();
  private readonly observers = new Map<string, readonly Observer[]>();
  readonly stored = new Map<string, Saved>();
  subscriber: Observer | undefined = undefined;
  seen = 0;
  private sequence = 0;
  private isDue = false;

  constructor() {
    const see: Observer = ({ sequence }) => void (this.seen = sequence);
    for (const type of ['registered', 'starting', 'started', 'stopping', 'stopped', 'crashed']) {
      this.observers.set(`agent.${type}`, [see]);
    }
  }

  emit(event: KeptEvent, committed?: () => void): void {
    event.sequence = ++this.sequence;
    event.at = Date.now();
    const { batch } = this;
    batch.events[batch.count++] = event;
    if (committed !== undefined) batch.waiting[batch.waitingCount++] = committed;
    if (this.isDue) return;
    this.isDue = true;
    queueMicrotask(this.commit);
  }

  save(agentId: string, state: Saved): void {
    const { batch } = this;
    batch.owners[batch.stateCount] = agentId;
    batch.states[batch.stateCount++] = state;
  }

  forget(agentId: string): void {
    this.slots.delete(agentId);
    this.stored.delete(agentId);
  }

  private readonly commit = (): void => {
    this.isDue = false;
    const { batch } = this;
    const { events, count, owners, states, stateCount, waiting, waitingCount } = batch;
    this.batch = this.spare;
    for (let at = 0; at < count; at++) this.keep(events[at]!);
    for (let at = 0; at < stateCount; at++) this.stored.set(owners[at]!, states[at]!);
    for (let at = 0; at < count; at++) {
      this.tell(events[at]!);
      events[at] = undefined as never;
    }
    for (let at = 0; at < waitingCount; at++) {
      waiting[at]!();
      waiting[at] = undefined as never;
    }
    batch.count = 0;
    batch.stateCount = 0;
    batch.waitingCount = 0;
    this.spare = batch;
  };

  private keep(event: KeptEvent): void {
    this.kept[event.sequence % KEPT] = event;
    if (event.type === 'agent.registered') this.slots.set(event.agentId, { held: event, latest: undefined });
    else if (event.life !== undefined) this.slots.get(event.agentId)!.latest = event;
  }

  private tell(event: KeptEvent): void {
    const observers = this.observers.get(event.type);
    if (observers !== undefined) for (let at = 0; at < observers.length; at++) observers[at]!(event);
    const { subscriber } = this;
    if (subscriber === undefined) return;
    const { life } = event;
    if (life !== undefined) {
      Object.freeze(life.history.recent);
      Object.freeze(life.history);
      Object.freeze(life);
    }
    subscriber(Object.freeze(event));
  }
}

const known = new Set([
  'id',
  'module',
  'initArgs',
  'isolation',
  'resources',
  'coordination',
  'restart',
  'shutdownMs',
  'startTimeoutMs',
  'health',
  'tasks',
]);
const defaults = agentSpec.parse({ id: 'agent', module: coder });

/** Parts of specs that agents share: those that were seen last. */
const shared = new Map<string, Parts>();

/** A part of a spec with its defaults in it, frozen: the same one for the same fields. */
function part(name: 'resources' | 'coordination' | 'restart', given: object | undefined): Parts {
  const usual = defaults[name] as Parts;
  if (given === undefined) return usual;
  const last = shared.get(name);
  let isLast = last !== undefined;
  for (const key in given) {
    const value = (given as Parts)[key];
    if (!Object.hasOwn(usual, key)) throw new TypeError(`${name}.${key}: unknown`);
    if (typeof value !== typeof usual[key]) throw new TypeError(`${name}.${key}: ${typeof value}`);
    if (isLast && last![key] !== value) isLast = false;
  }
  if (isLast) return last!;
  const made = Object.freeze({ ...usual, ...given });
  shared.set(name, made);
  return made;
}

/** JSON data, copied and frozen. */
function frozenCopy(data: unknown): unknown {
  if (typeof data !== 'object' || data === null) {
    if (typeof data === 'function' || typeof data === 'symbol' || typeof data === 'bigint')
      throw new TypeError(`initArgs: ${typeof data}`);
    return data;
  }
  if (Array.isArray(data)) return Object.freeze(data.map(frozenCopy));
  if (Object.getPrototypeOf(data) !== Object.prototype) throw new TypeError('initArgs: no JSON data');
  const copy: Record<string, unknown> = {};
  for (const key in data) copy[key] = frozenCopy((data as Parts)[key]);
  return Object.freeze(copy);
}

/** What is frozen is the spec's: the agent's code gets its own. */
function ownCopy(data: unknown): unknown {
  if (typeof data !== 'object' || data === null) return data;
  if (Array.isArray(data)) return data.map(ownCopy);
  const copy: Record<string, unknown> = {};
  for (const key in data) copy[key] = ownCopy((data as Parts)[key]);
  return copy;
}

function checked(given: Given): Spec {
  for (const key in given) if (!known.has(key)) throw new TypeError(`${key}: unknown`);
  const { id, module, initArgs, resources, coordination, restart } = given;
  if (typeof id !== 'string' || id === '') throw new TypeError(`id: ${typeof id}`);
  if (module.init === undefined || module.tasks === undefined) throw new TypeError('module: no agent');
  return {
    id,
    module: undefined,
    initArgs: frozenCopy(initArgs ?? {}),
    isolation: 'in-process',
    resources: part('resources', resources),
    coordination: part('coordination', coordination),
    restart: part('restart', restart) as Parts & RestartTerms,
    shutdownMs: defaults.shutdownMs,
    startTimeoutMs: defaults.startTimeoutMs,
    health: defaults.health,
    tasks: defaults.tasks,
  };
}

const manifest = Object.freeze({
  type: 'coder',
  capabilities: ['code'],
  variables: ['rate'],
  tasks: ['test'],
});
const noMetrics = Object.freeze({ done: 0, failed: 0, timedOut: 0, abandoned: 0, waiting: 0, running: 0 });
const healthy = Object.freeze({ status: 'unknown', misses: 0 });
const nothing: readonly string[] = Object.freeze([]);
const noHistory = Object.freeze({ recent: [] as readonly number[], attempt: 0 });

type State = { done: number; rate: number };

/** What its code is given; its signal is made when it is asked for. */
class ContextByHand {
  readonly agentId: string;
  readonly incarnation: number;
  readonly initArgs: unknown;
  readonly restored: State | undefined;
  readonly previousStop: unknown;
  readonly variables: Readonly<Record<string, unknown>>;
  private life: AbortController | undefined = undefined;

  constructor(agent: AgentByHand, incarnation: number, restored: State | undefined) {
    this.agentId = agent.id;
    this.incarnation = incarnation;
    this.initArgs = ownCopy(agent.spec['initArgs']);
    this.restored = restored;
    this.previousStop = agent.reason;
    this.variables = { rate: agent.fleet.rate };
  }

  get signal(): AbortSignal {
    return (this.life ??= new AbortController()).signal;
  }

  end(): void {
    this.life?.abort();
  }
}

const init = ({ restored }: ContextByHand): State => restored ?? { done: 0, rate: 0 };

interface ListenerByHand {
  readonly agent: AgentByHand;
  readonly incarnation: number;
  readonly isSync: boolean;
  readonly voteWeight: number;
  told: number;
  acknowledged: number;
}

class HandleByHand {
  readonly id: string;
  readonly incarnation: number;
  private readonly agent: AgentByHand;

  constructor(agent: AgentByHand, incarnation: number) {
    this.id = agent.id;
    this.incarnation = incarnation;
    this.agent = agent;
  }

  get isLiving(): boolean {
    return this.agent.incarnation === this.incarnation;
  }
}

type Place = AgentLife['at'];
/** Where an end is legal, and elsewhere a start. */
const living = new Set<Place>(['starting', 'serving', 'stopping']);

class AgentByHand implements ChartOptions {
  readonly id: string;
  readonly spec: Spec;
  readonly fleet: FleetOfPromises;
  readonly chart: Chart<typeof agentMachine> | undefined;
  place: Place = 'registered';
  incarnation = 0;
  startedFrom: AgentLife['startedFrom'] = 'registered';
  restarts = 0;
  history: AgentLife['history'] = noHistory;
  startedAt: number | undefined = undefined;
  startedTick = 0;
  endedAt: number | undefined = undefined;
  restartAt: number | undefined = undefined;
  reason: AgentLife['reason'] = undefined;
  state: State | undefined = undefined;
  context: ContextByHand | undefined = undefined;
  listener: ListenerByHand | undefined = undefined;
  limit: ArmedTimer | undefined = undefined;
  check: ArmedTimer | undefined = undefined;
  report: ChildReport | undefined = undefined;
  hasPermit = false;
  /** Who waits for its start, and for its end. */
  starting: ((handle: HandleByHand) => void) | undefined = undefined;
  ending: ((record: object) => void) | undefined = undefined;
  readonly clock: ChartOptions['clock'];

  constructor(spec: Spec, fleet: FleetOfPromises, policy: LifePolicy | undefined) {
    this.id = spec.id;
    this.spec = spec;
    this.fleet = fleet;
    this.clock = fleet.clock;
    this.chart = policy && createChart(agentMachine, { id: spec.id, policy }, this);
  }

  // What a start and an end do.

  open(incarnation: number): void {
    const { fleet, id } = this;
    fleet.running += 1;
    const saved = fleet.journal.stored.get(id);
    const restored = saved && (JSON.parse(saved.json) as State);
    const { participatesInConsensus, communicationPattern, voteWeight } = this.spec['coordination'] as Parts;
    this.listener = {
      agent: this,
      incarnation,
      isSync: communicationPattern === 'sync',
      voteWeight: participatesInConsensus === true ? (voteWeight as number) : 0,
      told: 0,
      acknowledged: 0,
    };
    fleet.listeners.add(this.listener);
    this.context = new ContextByHand(this, incarnation, restored);
    this.state = init(this.context);
  }

  close(): void {
    this.fleet.running -= 1;
    this.context!.end();
    this.context = undefined;
    this.state = undefined;
    this.fleet.listeners.delete(this.listener!);
    this.listener = undefined;
  }

  watch(): void {
    this.check = this.fleet.checks.arm(this.fleet.late, 30_000);
  }

  unwatch(): void {
    if (this.check !== undefined) this.fleet.checks.clear(this.check);
    this.check = undefined;
  }

  /** Saved before it ends: its body goes on once that is durable. */
  save(saved: () => void): void {
    const { journal } = this.fleet;
    const json = JSON.stringify(this.state);
    journal.save(this.id, { json, version: 1 });
    const { id: agentId, incarnation } = this;
    const bytes = Buffer.byteLength(json);
    journal.emit(
      { sequence: 0, at: 0, type: 'agent.state_saved', agentId, incarnation, bytes, stateVersion: 1 },
      saved,
    );
  }

  announce(type: string, life: AgentLife): void {
    const { journal } = this.fleet;
    const { id: agentId } = this;
    const { incarnation } = life;
    this.place = life.at;
    this.incarnation = incarnation;
    switch (type) {
      case 'agent.started': {
        const { starting } = this;
        this.starting = undefined;
        const told = starting && (() => starting(new HandleByHand(this, incarnation)));
        return journal.emit({ sequence: 0, at: 0, type, agentId, incarnation, life }, told);
      }
      case 'agent.stopped':
      case 'agent.crashed': {
        const { ending } = this;
        this.ending = undefined;
        const record = ending && this.record(life);
        const { reason } = life;
        this.reason = reason;
        const event = { sequence: 0, at: 0, type, agentId, incarnation, life, reason, abandoned: nothing };
        return journal.emit(event, ending && (() => ending(record!)));
      }
      case 'agent.restart_scheduled': {
        const { restartAt } = life;
        const delayMs = Math.max(0, restartAt! - Date.now());
        const event = { sequence: 0, at: 0, type, agentId, incarnation, life, restartAt, delayMs };
        return journal.emit(event);
      }
      default:
        journal.emit({ sequence: 0, at: 0, type, agentId, incarnation, life });
    }
  }

  record({ at, incarnation, restarts, reason, startedAt, endedAt, restartAt }: AgentLife): object {
    const { id, spec } = this;
    return Object.freeze({
      id,
      type: manifest.type,
      status: at === 'stopped' ? 'stopped' : 'crashed',
      state: at,
      incarnation,
      isolation: 'in-process',
      capabilities: manifest.capabilities,
      stateVersion: 1,
      restarts,
      health: healthy,
      abandoned: nothing,
      metrics: noMetrics,
      spec,
      reason,
      startedAt,
      endedAt,
      restartAt,
    });
  }

  // By hand: what comes next.

  life(at: Place): AgentLife {
    const { incarnation, startedFrom, restarts, history, reason, startedAt, endedAt, restartAt } = this;
    return { at, incarnation, startedFrom, restarts, history, reason, startedAt, endedAt, restartAt };
  }

  begin(from: AgentLife['startedFrom']): void {
    this.incarnation += 1;
    this.startedFrom = from;
    this.restartAt = undefined;
    this.announce('agent.starting', this.life('starting'));
    this.limit = this.fleet.starts.arm(this.fleet.late, 30_000);
    this.open(this.incarnation);
    this.fleet.starts.clear(this.limit);
    this.startedAt = Date.now();
    this.startedTick = performance.now();
    if (from !== 'restart') this.history = noHistory;
    this.watch();
    this.announce('agent.started', this.life('serving'));
  }

  stop(): void {
    const { deadlines, late } = this.fleet;
    this.unwatch();
    this.announce('agent.stopping', this.life('stopping'));
    const whole = deadlines.arm(late, 5_000);
    const drain = deadlines.arm(late, 4_000);
    deadlines.clear(drain);
    this.save(() => {
      deadlines.clear(whole);
      this.close();
      this.endedAt = Date.now();
      this.reason = 'shutdown';
      this.announce('agent.stopped', this.life('stopped'));
    });
  }

  kill(): void {
    this.unwatch();
    this.close();
    this.endedAt = Date.now();
    this.reason = 'killed';
    const { policy, maxRestarts, withinMs } = this.spec.restart;
    if (policy === 'never') return this.announce('agent.crashed', this.life('leftDown'));
    const tick = performance.now();
    const recent = this.history.recent.filter((at) => tick - at < withinMs);
    if (recent.length >= maxRestarts) return this.announce('agent.crashed', this.life('gaveUp'));
    recent.push(tick);
    this.history = { recent, attempt: this.history.attempt + 1 };
    this.restartAt = this.endedAt;
    this.announce('agent.crashed', this.life('waiting'));
    this.announce('agent.restart_scheduled', this.life('waiting'));
    setImmediate(() => this.fleet.request(this));
  }

  granted(): void {
    if (this.chart !== undefined) return this.chart.send({ type: 'permit.granted', at: Date.now() });
    this.restarts += 1;
    this.begin('restart');
    this.fleet.release(this);
  }

  // By the chart: it says what is to be done.

  changed(): void {}

  onBug(bug: unknown): void {
    throw bug;
  }

  child(_: ChildInvocation, report: ChildReport): Child {
    this.report = report;
    this.open(this.chart!.context.incarnation);
    this.chart!.send({ type: 'body.ready', at: Date.now(), tick: performance.now() });
    return noChild;
  }

  perform(given: ChartEffect): void {
    const effect = given as AgentEffect;
    switch (effect.type) {
      case 'announce':
        return this.announce(effect.params.event, effect.params.life);
      case 'watchHealth':
        return effect.params.command === 'watch' ? this.watch() : this.unwatch();
      case 'commandMailbox':
        if (effect.params.command === 'drain') this.chart!.send({ type: 'mailbox.idle' });
        return;
      case 'commandBody':
        if (effect.params.command === 'save') {
          return this.save(() => this.chart!.send({ type: 'body.saved', at: Date.now() }));
        }
        this.close();
        return this.report!.done({
          reason: effect.params.command === 'kill' ? 'killed' : 'shutdown',
          at: Date.now(),
          tick: performance.now(),
          chance: Math.random(),
        });
      case 'handlePermit':
        if (effect.params.command === 'request') this.fleet.request(this);
        else if (effect.params.command === 'release') this.fleet.release(this);
        return;
      default:
    }
  }
}

const noChild: Child = { stop: () => undefined };
const ignore = (): void => undefined;

export class FleetOfPromises {
  readonly journal = new JournalByHand();
  readonly starts = new TimersByHand();
  readonly checks = new TimersByHand();
  readonly deadlines = new TimersByHand();
  readonly listeners = new Set<ListenerByHand>();
  readonly rate = 0;
  running = 0;
  readonly late = ignore;
  readonly clock: ChartOptions['clock'] = {
    setTimeout: (run, delayMs) => (delayMs === 0 ? setImmediate(run) : this.deadlines.arm(run, delayMs)),
    clearTimeout: (handle) => {
      if (handle instanceof Object && 'run' in handle) this.deadlines.clear(handle as ArmedTimer);
    },
  };
  private readonly agents = new Map<string, AgentByHand>();
  private readonly isByChart: boolean;
  private readonly policies = new Map<object, LifePolicy>();
  private readonly queue: AgentByHand[] = [];
  private readonly task: ReturnType<TasksByHand['add']>;
  private restarting = 0;

  constructor(isByChart: boolean) {
    this.isByChart = isByChart;
    const kept = isByChart ? promises : promises.filter((one) => one !== 'chart');
    this.task = new TasksByHand(new Set(kept)).add('task');
  }

  register(given: Given): Promise<string> {
    try {
      const spec = checked(given);
      const { id } = spec;
      if (this.agents.has(id)) throw new Error(`agent ${id} exists`);
      this.agents.set(id, new AgentByHand(spec, this, this.isByChart ? this.policyOf(spec) : undefined));
      return new Promise((resolve) => {
        const [type, agentType] = ['agent.registered', 'coder'];
        const event = { sequence: 0, at: 0, type, agentId: id, incarnation: 0, agentType, spec, manifest };
        this.journal.emit(event, () => resolve(id));
      });
    } catch (thrown) {
      return Promise.reject(thrown);
    }
  }

  start(id: string): Promise<HandleByHand> {
    const agent = this.agents.get(id);
    if (agent === undefined || living.has(agent.place) || this.running >= MAX_AGENTS)
      return Promise.reject(new Error(`agent ${id} cannot start`));
    return new Promise((resolve) => {
      agent.starting = resolve;
      if (agent.chart === undefined) agent.begin(agent.place as AgentLife['startedFrom']);
      else agent.chart.send({ type: 'agent.start', at: Date.now() });
    });
  }

  execute(id: string, task: { readonly type: string }): Promise<unknown> {
    const agent = this.agents.get(id);
    if (agent?.place !== 'serving') return Promise.reject(new Error(`agent ${id} takes no task`));
    return this.task.execute(task);
  }

  stop(id: string): Promise<object> {
    return this.end(id, 'agent.stop');
  }

  kill(id: string): Promise<object> {
    return this.end(id, 'agent.kill');
  }

  forget(id: string): void {
    this.agents.delete(id);
    this.journal.forget(id);
  }

  request(agent: AgentByHand): void {
    if (this.restarting >= MAX_RESTARTING) {
      this.queue.push(agent);
      return;
    }
    this.restarting += 1;
    agent.hasPermit = true;
    agent.granted();
  }

  release(agent: AgentByHand): void {
    if (!agent.hasPermit) return;
    agent.hasPermit = false;
    this.restarting -= 1;
    const next = this.queue.shift();
    if (next !== undefined) this.request(next);
  }

  private end(id: string, type: 'agent.stop' | 'agent.kill'): Promise<object> {
    const agent = this.agents.get(id);
    if (agent === undefined || !living.has(agent.place))
      return Promise.reject(new Error(`agent ${id} does not run`));
    return new Promise((resolve) => {
      agent.ending = resolve;
      if (agent.chart !== undefined) agent.chart.send({ type, at: Date.now() });
      else if (type === 'agent.stop') agent.stop();
      else agent.kill();
    });
  }

  private policyOf(spec: Spec): LifePolicy {
    let policy = this.policies.get(spec.restart);
    if (policy === undefined) {
      policy = lifePolicyOf(spec as unknown as Parameters<typeof lifePolicyOf>[0]);
      this.policies.set(spec.restart, policy);
    }
    return policy;
  }
}

const task = { type: 'test' } as const;
const atOnce = { policy: 'immediate', delayMs: 0 } as const;

async function live(fleet: FleetOfPromises, id: string): Promise<void> {
  await fleet.register(specOf(id));
  await fleet.start(id);
  await fleet.execute(id, task);
  await fleet.stop(id);
}

async function spawn(fleet: FleetOfPromises, ids: readonly string[], more = {}): Promise<void> {
  for (const id of ids) {
    await fleet.register(specOf(id, more));
    await fleet.start(id);
  }
}

/** As `warmSystem` of bench/coder.ts. */
async function warmFleet(isByChart: boolean): Promise<FleetOfPromises> {
  const fleet = new FleetOfPromises(isByChart);
  for (const id of idsOf('warm', 500)) await live(fleet, id);
  const members = idsOf('warm-member', 50);
  await spawn(fleet, members);
  for (const id of members) await fleet.stop(id);
  return fleet;
}

type Line = (fleet: FleetOfPromises, size: number, emit: Emit) => Promise<void>;

const lines: Record<string, Line> = {
  async lifecycle(fleet, times, emit) {
    const lives = async (bench: string, clients: number) => {
      const ids = idsOf('life', times);
      const measured = await measure(bench, {
        times,
        clients,
        operation: (index) => live(fleet, ids[index]!),
      });
      for (const id of ids) fleet.forget(id);
      return measured;
    };
    emit(await lives('lifecycle_1client', 1));
    emit(await lives('lifecycle_64clients', CLIENTS));
    for (let series = 0; series < 2 * BETWEEN; series++) await lives('between', series % 2 ? CLIENTS : 1);
    emit(await lives('lifecycle_1client_steady', 1));
    emit(await lives('lifecycle_64clients_steady', CLIENTS));
  },
  async spawn(fleet, times, emit) {
    const ids = idsOf('agent', times);
    const operation = async (index: number) => {
      const id = ids[index]!;
      await fleet.register(specOf(id));
      await fleet.start(id);
    };
    emit(await measure('spawn_1client', { times, operation }));
  },
  async crash(fleet, times, emit) {
    const seen = async (bench: string) => {
      const ids = idsOf('mortal', times);
      await spawn(fleet, ids, { restart: { policy: 'never' } });
      const measured = await measure(bench, { times, operation: (index) => fleet.kill(ids[index]!) });
      for (const id of ids) fleet.forget(id);
      return measured;
    };
    const undone = async (bench: string) => {
      const ids = idsOf('phoenix', times);
      await spawn(fleet, ids, { restart: atOnce });
      const again = runningAgain(fleet);
      const operation = async (index: number) => {
        const running = again(1);
        void fleet.kill(ids[index]!);
        await running;
      };
      const measured = await measure(bench, { times, operation });
      fleet.journal.subscriber = undefined;
      for (const id of ids) {
        await fleet.stop(id);
        fleet.forget(id);
      }
      return measured;
    };
    emit(await seen('crash_detect'));
    emit(await undone('crash_restart'));
    for (let series = 0; series < 5; series++) {
      await seen('between');
      await undone('between');
    }
    emit(await seen('crash_detect_steady'));
    emit(await undone('crash_restart_steady'));
  },
  async storm(fleet, killed, emit) {
    const ids = idsOf('agent', killed * 10);
    await spawn(fleet, ids, { restart: atOnce });
    const again = runningAgain(fleet);
    let storms = 0;
    const operation = async () => {
      const first = (storms++ % 10) * killed;
      const running = again(killed);
      for (const id of ids.slice(first, first + killed)) void fleet.kill(id);
      await running;
    };
    const series = { times: 5, perOperation: killed, n: killed, operation };
    emit(await measure('crash_storm', series));
    for (let storm = 5; storm < 10; storm++) await operation();
    emit(await measure('crash_storm_steady', series));
  },
};

function runningAgain(fleet: FleetOfPromises): (starts: number) => Promise<void> {
  let left = 0;
  let allRun = ignore;
  fleet.journal.subscriber = ({ type }) => {
    if (type === 'agent.started' && --left === 0) allRun();
  };
  return (starts) => {
    left = starts;
    return new Promise((resolve) => {
      allRun = resolve;
    });
  };
}

const sizes = [
  ['lifecycle', 10_000],
  ['spawn', 1_000],
  ['spawn', 10_000],
  ['spawn', 100_000],
  ['crash', 2_000],
  ['storm', 1_000],
] as const;

/** All of it, each line in a program of its own: what V8 has compiled for another would be measured, too. */
export async function benchFleetFloor(emit: Emit): Promise<void> {
  for (const [name, size] of sizes) {
    for (const kind of ['hand', 'chart']) {
      const program = fileURLToPath(import.meta.url);
      for (const measured of await measurementsOf(program, [kind, name, String(size)])) emit(measured);
    }
  }
}

if (import.meta.main) {
  const [kind = '', name = '', size] = process.argv.slice(2);
  const line = lines[name];
  if ((kind !== 'hand' && kind !== 'chart') || line === undefined)
    throw new Error(`expected hand or chart, and one of ${Object.keys(lines).join(', ')}`);
  const fleet = await warmFleet(kind === 'chart');
  await line(fleet, Number(size), (measured) =>
    console.log(JSON.stringify({ ...measured, bench: `floor_${kind}_${measured.bench}` })),
  );
}

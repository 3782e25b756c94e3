/**
 * A fleet on other machines as a system that the dashboard can read synchronously: a copy of the fleet's data.
 *
 * Owns the copy. It reads what a report needs when the report is made, and agents that an event concerns; commands go to
 * the fleet.
 *
 * I1  Without viewers only events, nodes and pools are read.
 * I2  After a command through it, nothing that was read before is shown.
 */
import { hasTaskEnded, legalForTask, positionAt, type TaskStatus, taskStatuses } from '../machines/index.ts';
import {
  AgentSystemError,
  type Leader,
  type PoolRecord,
  type TaskFilter,
  type TaskRecord,
} from '../index.ts';
import { AgentShelf } from './agent-shelf.ts';
import { KeptReads } from './kept-reads.ts';
import type { ShownNode } from './protocol.ts';
import type { FormerNode, WatchedFleet, WatchedNode } from './watched-fleet.ts';
import type { Mirror, WatchedRecord, WatchedSystem } from './watched-system.ts';

/** Between two reads of one agent whose figures are on a page, ms. */
const FIGURES_MS = 500;
/** A page of the log is some fifteen reads of the engine. */
const EARLIER_EVENTS = 2_000;
/** Which data is read again after events of a kind. */
const CHANGED_BY: Readonly<Record<string, readonly string[]>> = {
  alert: ['alerts'],
  question: ['questions'],
  task: ['questions', 'quotas'],
  quota: ['quotas'],
  budget: ['budgets'],
  pool: ['pools'],
  schedule: ['schedules'],
  variable: ['variables', 'history', 'out of date'],
  round: ['rounds'],
  coordination: ['coordination', 'rounds', 'leader'],
  leader: ['leader'],
};
const NO_RESOURCES = { agents: 0, memoryBytes: 0, agentsLeft: Infinity, memoryBytesLeft: Infinity };

interface KnownTasks {
  readonly version: number;
  readonly all: readonly TaskRecord[];
  readonly byId: ReadonlyMap<string, TaskRecord>;
}

const NO_TASKS: KnownTasks = { version: 0, all: [], byId: new Map() };

export class FleetMirror implements WatchedSystem {
  readonly agents: WatchedSystem['agents'];
  readonly tasks: WatchedSystem['tasks'];
  readonly questions: WatchedSystem['questions'];
  readonly events: WatchedSystem['events'];
  readonly alerts: WatchedSystem['alerts'];
  readonly quotas: WatchedSystem['quotas'];
  readonly budgets: WatchedSystem['budgets'];
  readonly pools: WatchedSystem['pools'];
  readonly variables: WatchedSystem['variables'];
  readonly consensus: WatchedSystem['consensus'];
  readonly coordination: WatchedSystem['coordination'];
  readonly mirror: Mirror;
  readonly #fleet: WatchedFleet;
  readonly #reads = new KeptReads();
  readonly #records: AgentShelf<WatchedRecord>;
  readonly #taskLists: AgentShelf<readonly TaskRecord[]>;
  /** All tasks, of one version of their shelf. */
  #tasksKnown: KnownTasks = NO_TASKS;
  readonly #readAt = new Map<string, number>();
  readonly #unsubscribe: () => void;

  constructor(fleet: WatchedFleet) {
    this.#fleet = fleet;
    this.#records = new AgentShelf({
      all: async () => new Map((await fleet.agents.list()).map((record) => [record.id, record])),
      one: (id) => fleet.agents.get(id).catch(gone),
    });
    this.#taskLists = new AgentShelf({
      all: async () => Map.groupBy(await fleet.tasks.list(), ({ agentId }) => agentId),
      one: (agentId) => fleet.tasks.list({ agentId }),
    });
    this.events = fleet.events;
    this.agents = this.#agents();
    this.tasks = this.#tasks();
    this.questions = {
      list: (filter = {}) =>
        this.#read(`questions ${JSON.stringify(filter)}`, () => fleet.questions.list(filter), []),
      get: (id) => this.#one(`question ${id}`, () => fleet.questions.get(id)),
      answer: (...asked) => this.#act(fleet.questions.answer(...asked)),
    };
    this.alerts = { list: () => this.#read('alerts', () => fleet.alerts.list(), []) };
    this.quotas = {
      list: () => this.#read('quotas', () => fleet.quotas.list(), []),
      lift: (...asked) => this.#act(fleet.quotas.lift(...asked)),
    };
    this.budgets = {
      list: () => this.#read('budgets', () => fleet.budgets.list(), []),
      refill: (...asked) => this.#act(fleet.budgets.refill(...asked)),
    };
    this.pools = {
      list: () => this.#pools(),
      get: (name) => this.#pool(name),
      ensureSize: (...asked) => this.#act(fleet.pools.ensureSize(...asked)),
    };
    this.variables = {
      list: () => this.#read('variables', () => fleet.variables.list(), []),
      get: (name) => {
        const found = this.variables.list().find((variable) => variable.name === name);
        if (found !== undefined) return found;
        throw new AgentSystemError('VARIABLE_UNKNOWN', `no variable ${JSON.stringify(name)} is defined`);
      },
      history: (name) => this.#read(`history ${name}`, () => fleet.variables.history(name), []),
      outOfDate: (name) =>
        this.#read(`out of date ${name}`, () => fleet.variables.outOfDate(name).catch(unreachable), []),
      set: (...asked) => this.#act(fleet.variables.set(...asked)),
      rollback: (...asked) => this.#act(fleet.variables.rollback(...asked)),
    };
    this.consensus = {
      rounds: () => this.#read('rounds', () => fleet.consensus.rounds(), []),
      propose: (...asked) => this.#act(fleet.consensus.propose(...asked)),
    };
    this.coordination = {
      status: () => this.#read('coordination', () => fleet.coordination.status(), 'available'),
      leader: () => this.#leader(),
      suspend: (...asked) => this.#act(fleet.coordination.suspend(...asked)),
      resume: (...asked) => this.#act(fleet.coordination.resume(...asked)),
    };
    this.mirror = {
      nodes: () => this.#shownNodes(),
      settled: (report) => this.#reads.settled(report),
      reread: () => this.#records.refresh(),
      outdate: () => this.#outdate(),
      earlierEvents: EARLIER_EVENTS,
    };
    this.#unsubscribe = fleet.events.subscribe(({ agentId, type }) => {
      const [kind = ''] = type.split('.');
      for (const name of CHANGED_BY[kind] ?? []) this.#reads.told(name);
      if (agentId === undefined) return;
      this.#records.outdate(agentId);
      if (type.startsWith('task.') || type.startsWith('question.') || type === 'agent.forgotten') {
        this.#taskLists.outdate(agentId);
      }
    });
  }

  resources() {
    return this.#read('resources', () => this.#fleet.resources(), NO_RESOURCES);
  }

  close(): void {
    this.#unsubscribe();
  }

  #agents(): WatchedSystem['agents'] {
    const { agents } = this.#fleet;
    const legal = (id: string) => {
      const { state, paused } = this.#record(id);
      return positionAt(state, paused !== undefined).legal;
    };
    return {
      ids: () => [...this.#records.values.keys()],
      get: (id) => this.#record(id),
      legal: (id) => [...legal(id)],
      can: (id, command) => legal(id).has(command),
      chart: (id) => agents.chart(id),
      savedState: (id) => agents.savedState(id),
      start: (...asked) => this.#act(agents.start(...asked), asked[0]),
      restart: (...asked) => this.#act(agents.restart(...asked), asked[0]),
      pause: (...asked) => this.#act(agents.pause(...asked), asked[0]),
      resume: (...asked) => this.#act(agents.resume(...asked), asked[0]),
      stop: (...asked) => this.#act(agents.stop(...asked), asked[0]),
      kill: (...asked) => this.#act(agents.kill(...asked), asked[0]),
      forget: (...asked) => this.#act(agents.forget(...asked), asked[0]),
    };
  }

  #tasks(): WatchedSystem['tasks'] {
    const { tasks } = this.#fleet;
    const ownerOf = (taskId: string) => this.#known().byId.get(taskId)?.agentId;
    const get = (id: string): TaskRecord =>
      this.#known().byId.get(id) ?? this.#one(`task ${id}`, () => tasks.get(id));
    return {
      counts: () => {
        const counts = Object.fromEntries(taskStatuses.map((status) => [status, 0]));
        for (const { status } of this.#known().all) counts[status]! += 1;
        return counts as Record<TaskStatus, number>;
      },
      list: (filter = {}) => fitting(this.#known().all, filter),
      get,
      // Of ended tasks only submitted ones have records.
      legal: (id) => {
        const { status } = get(id);
        return legalForTask(status === 'waiting' ? 'waiting.queued' : status).filter(
          (command) => command !== 'retry' || hasTaskEnded(status),
        );
      },
      schedules: () => this.#read('schedules', () => tasks.schedules(), []),
      submit: (...asked) => this.#act(tasks.submit(...asked)),
      cancel: (...asked) => this.#act(tasks.cancel(...asked), ownerOf(asked[0])),
      retry: (...asked) => this.#act(tasks.retry(...asked), ownerOf(asked[0])),
      forget: (...asked) => this.#act(tasks.forget(...asked), ownerOf(asked[0])),
      unschedule: (...asked) => this.#act(tasks.unschedule(...asked)),
    };
  }

  /** Memory and processor time change without an event: agents on a page are read again and again. */
  #record(id: string): WatchedRecord {
    if (this.#reads.isReporting) {
      const isKnown = this.#records.values.has(id);
      const isOld = performance.now() - (this.#readAt.get(id) ?? -Infinity) > FIGURES_MS;
      if ((!isKnown || isOld) && this.#reads.isFirst(`record ${id}`)) {
        this.#readAt.set(id, performance.now());
        this.#reads.await(this.#records.readAgain(id));
      }
    }
    const record = this.#records.values.get(id);
    if (record !== undefined) return record;
    throw new AgentSystemError('AGENT_NOT_FOUND', `no agent ${JSON.stringify(id)} is registered`, {
      agentId: id,
    });
  }

  /** All tasks, in the order of their acceptance. */
  #known(): KnownTasks {
    if (!this.#taskLists.isUpToDate && this.#reads.isFirst('tasks')) {
      this.#reads.await(this.#taskLists.refresh().then(nothing));
    }
    const { version, values } = this.#taskLists;
    if (this.#tasksKnown.version !== version) {
      const all = [...values.values()].flat().toSorted((one, other) => one.acceptedAt - other.acceptedAt);
      this.#tasksKnown = { version, all, byId: new Map(all.map((task) => [task.id, task])) };
    }
    return this.#tasksKnown;
  }

  #pools(): readonly PoolRecord[] {
    return this.#read('pools', () => this.#fleet.pools.list(), []);
  }

  #pool(name: string): PoolRecord {
    const found = this.#pools().find((pool) => pool.name === name);
    if (found !== undefined) return found;
    throw new AgentSystemError('POOL_UNKNOWN', `there is no pool ${JSON.stringify(name)}`);
  }

  /** To ask for the leader would elect one. The last one elected leads as long as its incarnation runs. */
  #leader(): Leader | undefined {
    const elected = this.#read('leader', () => this.#fleet.coordination.elected(), undefined);
    const record = elected && this.#records.values.get(elected.agentId);
    const leads = record?.incarnation === elected?.incarnation && record?.status === 'running';
    return leads ? elected : undefined;
  }

  #shownNodes(): readonly ShownNode[] {
    const live = this.#read('nodes', async () => (await this.#fleet.nodes()).map(liveNode), []);
    const former = this.#read('former nodes', () => this.#fleet.formerNodes(), []);
    const names = new Set(live.map(({ name }) => name));
    const gone = former.filter(({ name }) => !names.has(name));
    return [...live, ...gone.map(goneNode)].toSorted((one, other) => (one.name < other.name ? -1 : 1));
  }

  #read<Value>(name: string, load: () => Promise<Value>, meanwhile: Value): Value {
    return this.#reads.read(name, load, meanwhile);
  }

  /** Reads one thing; a report that needs it waits until it is there. */
  #one<Value>(name: string, load: () => Promise<Value>): Value {
    const value = this.#read<Value | undefined>(name, load, undefined);
    if (value !== undefined) return value;
    throw new Error(`${name} has not been read`);
  }

  /** @param agentId the agent whose tasks the command may change */
  async #act<Value>(work: Promise<Value>, agentId?: string): Promise<Value> {
    try {
      return await work;
    } finally {
      if (agentId !== undefined) this.#taskLists.outdate(agentId);
      this.#outdate();
    }
  }

  #outdate(): void {
    this.#reads.outdate();
    this.#readAt.clear();
    this.#records.empty();
  }
}

function liveNode(node: WatchedNode): ShownNode {
  const { name, labels, types, maxAgents, maxMemoryBytes, agents, memoryBytes, beatAt, isDraining } = node;
  return {
    name,
    status: isDraining ? 'draining' : 'live',
    labels,
    types,
    agents,
    maxAgents: limited(maxAgents),
    memoryBytes,
    maxMemoryBytes: limited(maxMemoryBytes),
    beatAt,
    silentMs: Math.max(0, Date.now() - beatAt),
  };
}

function goneNode({ name, at, how }: FormerNode): ShownNode {
  return { name, status: how, goneAt: at };
}

function limited(limit: number): number | null {
  return Number.isFinite(limit) ? limit : null;
}

function fitting(tasks: readonly TaskRecord[], filter: TaskFilter): readonly TaskRecord[] {
  const { agentId, type, status, limit = Infinity, newest = false } = filter;
  const found = tasks.filter(
    (task) =>
      (agentId === undefined || task.agentId === agentId) &&
      (type === undefined || task.task === type) &&
      (status === undefined || task.status === status),
  );
  return newest ? found.slice(Math.max(0, found.length - limit)) : found.slice(0, limit);
}

function gone(thrown: unknown): undefined {
  if (thrown instanceof AgentSystemError && thrown.code === 'AGENT_NOT_FOUND') return undefined;
  throw thrown;
}

/** What only a node knows is not shown while the node is not reached. */
function unreachable(thrown: unknown): readonly never[] {
  if (thrown instanceof AgentSystemError && thrown.code === 'NODE_UNREACHABLE') return [];
  throw thrown;
}

function nothing(): void {}

/**
 * Tasks by hand: a fleet that does what every task has to have done, and knows no other case.
 *
 * A task is accepted and ends by commits that are apart, each of all that was gathered for it, in a microtask; its work
 * runs in its caller's context with a signal and a context object of its own; its state becomes JSON; its events and
 * its record are kept up to a bound; agents do one task after another, in the order in which they came.
 *
 * What else the contract promises is added where it is asked for: `promises` says what each is.
 */
import { AsyncResource } from 'node:async_hooks';
import { agentMachine, agentSpec, lifePolicyOf, positionAt } from '../src/machines/index.ts';
import { TaskFigures } from '../src/runtime/agent/task-figures.ts';
import { type Chart, createChart } from '../src/runtime/engine/chart.ts';
import type { WorkOwner } from '../src/runtime/hosting/body-work.ts';
import { RunningTask } from '../src/runtime/hosting/running-task.ts';
import { taskContextOf } from '../src/runtime/hosting/task-context.ts';
import { LoopTurn } from '../src/runtime/time/loop-turn.ts';
import { RenewedMap } from '../src/runtime/values/renewed-map.ts';
import { assertKept } from '../src/runtime/values/state-json.ts';

export const promises = [
  /** All that a task is given, as fields of its own that can be taken apart. */
  'context',
  /** What JSON would lose of a state is refused, and a failed task leaves no trace. */
  'state',
  /** `tasks.get` shows where each task stands and when that was. */
  'record',
  /** Listeners get each event by its type, once it is committed. */
  'told',
  /** Its agent is busy and idle by the shipped chart. */
  'chart',
  /** The agent is found by its id; that it takes tasks, has this one and the room for it, and what was asked, is checked. */
  'checked',
  /** The store knows which tasks are under way, and the newest state of each agent: a recovery needs both. */
  'recovered',
  /** The agent's record counts its tasks and how long they took. */
  'counted',
  /** A chain of tasks holds up no timer of the program. */
  'fair',
] as const;
export type Promised = (typeof promises)[number];
type Keeps = Readonly<Record<Promised, boolean>>;

const KEPT_EVENTS = 10_000;
const KEPT_RECORDS = 1_000;
const QUEUE_LIMIT = 1_000;

interface Event {
  sequence: number;
  at: number;
  readonly type: string;
  readonly agentId: string;
  readonly incarnation: number;
}

interface TaskEvent extends Event {
  readonly taskId: string;
  readonly task: string;
}

class Accepted implements TaskEvent {
  sequence = 0;
  at = 0;
  readonly type = 'task.accepted';
  readonly incarnation = 1;
  readonly retry = false;
  readonly agentId: string;
  readonly taskId: string;
  readonly task: string;

  constructor(agentId: string, taskId: string, task: string) {
    this.agentId = agentId;
    this.taskId = taskId;
    this.task = task;
  }
}

class Started implements TaskEvent {
  sequence = 0;
  at = 0;
  readonly type = 'task.started';
  readonly incarnation = 1;
  readonly attempt = 1;
  readonly agentId: string;
  readonly taskId: string;
  readonly task: string;

  constructor({ agent, taskId, request }: TaskByHand) {
    this.agentId = agent.id;
    this.taskId = taskId;
    this.task = request.type;
  }
}

class Saved implements Event {
  sequence = 0;
  at = 0;
  readonly type = 'agent.state_saved';
  readonly incarnation = 1;
  readonly stateVersion = 1;
  readonly agentId: string;
  readonly bytes: number;

  constructor(agentId: string, bytes: number) {
    this.agentId = agentId;
    this.bytes = bytes;
  }
}

class Completed implements TaskEvent {
  sequence = 0;
  at = 0;
  readonly type = 'task.completed';
  readonly incarnation = 1;
  readonly agentId: string;
  readonly taskId: string;
  readonly task: string;
  readonly waitedMs: number;
  readonly ranMs: number;

  constructor({ agent, taskId, request, acceptedAt, startedAt }: TaskByHand, now: number) {
    this.agentId = agent.id;
    this.taskId = taskId;
    this.task = request.type;
    this.waitedMs = startedAt - acceptedAt;
    this.ranMs = now - startedAt;
  }
}

class ShortRecord {
  place = 'waiting.queued';
  readonly id: string;

  constructor({ taskId }: TaskByHand) {
    this.id = taskId;
  }
}

/** As many fields as the record of a task has, most of them for what few tasks do. */
class TaskRecord extends ShortRecord {
  attempts = 0;
  startedAt = 0;
  endedAt = 0;
  endedBy = 0;
  order = 0;
  pool = undefined;
  dueAt = undefined;
  output = undefined;
  code = undefined;
  error = undefined;
  submitted = undefined;
  keys = undefined;
  endedAs = 0;
  parked = undefined;
  stalledAt = undefined;
  isBodyGone = false;
  waiting = undefined;
  readonly agentId: string;
  readonly task: string;
  readonly acceptedAt: number;

  constructor(task: TaskByHand) {
    super(task);
    this.agentId = task.agent.id;
    this.task = task.request.type;
    this.acceptedAt = task.acceptedOn;
  }
}

/** What is gathered for one commit. */
class Batch {
  readonly events: Event[] = [];
  readonly waiting: TaskByHand[] = [];
  readonly saved: AgentByHand[] = [];
  eventCount = 0;
  waitingCount = 0;
  savedCount = 0;
}

export interface Request {
  readonly type: string;
  readonly input?: unknown;
}

interface Context {
  readonly state: { done: number };
}

const definition = {
  capabilities: ['code'],
  tasks: { test: { requires: ['code'], run: ({ state }: Context): number => ++state.done } },
};

const BUSY = { type: 'mailbox.busy' } as const;
const IDLE = { type: 'mailbox.idle' } as const;

/** A body that is asked for nothing. */
const body = {
  variables: {},
  resources: undefined,
  definition: { tasks: {} },
  tellLine: () => undefined,
} as unknown as WorkOwner;
const nobody = { ask: () => Promise.reject(new Error('nobody is asked')) };
const owner = { body, progress: () => undefined, emit: () => Promise.resolve() };

export class TasksByHand {
  readonly keeps: Keeps;
  private readonly agents = new Map<string, AgentByHand>();
  private readonly events: Event[] = [];
  private readonly records = new RenewedMap<string, ShortRecord>();
  private readonly ended: ShortRecord[] = [];
  private readonly underWay = new RenewedMap<string, Event>();
  private readonly states = new Map<string, string>();
  private readonly observers: ReadonlyMap<string, (event: Event) => void>;
  private readonly turn = new LoopTurn();
  private gathering = new Batch();
  private spare = new Batch();
  private isScheduled = false;
  private sequence = 0;
  private at = 0;
  private taskCount = 0;
  private endedCount = 0;
  seen = 0;

  constructor(kept: ReadonlySet<Promised>) {
    this.keeps = Object.fromEntries(promises.map((one) => [one, kept.has(one)])) as Keeps;
    const types = ['task.accepted', 'task.started', 'agent.state_saved', 'task.completed'];
    this.observers = new Map(types.map((type) => [type, ({ sequence }) => void (this.seen = sequence)]));
  }

  add(id: string): AgentByHand {
    const agent = new AgentByHand(this, id);
    this.agents.set(id, agent);
    return agent;
  }

  execute(id: string, request: Request): Promise<unknown> {
    const agent = this.agents.get(id);
    if (agent === undefined) throw new Error(`no agent ${id}`);
    if (this.keeps.checked) agent.check(request);
    return agent.execute(request);
  }

  nextTaskId(): string {
    return `task-${(this.taskCount += 1)}`;
  }

  /** Returns its time. @param task is told once it is committed */
  emit(event: Event, task?: TaskByHand): number {
    event.sequence = this.sequence += 1;
    const now = Date.now();
    if (now !== this.at) this.at = now;
    event.at = this.at;
    const batch = this.gathering;
    batch.events[batch.eventCount++] = event;
    if (task !== undefined) batch.waiting[batch.waitingCount++] = task;
    if (!this.isScheduled) {
      this.isScheduled = true;
      if (this.keeps.fair && this.turn.isOver(now)) setImmediate(this.commit);
      else queueMicrotask(this.commit);
    }
    return this.at;
  }

  save(agent: AgentByHand): void {
    this.gathering.saved[this.gathering.savedCount++] = agent;
  }

  private readonly commit = (): void => {
    this.isScheduled = false;
    const batch = this.gathering;
    const { events, waiting, saved, eventCount, waitingCount, savedCount } = batch;
    this.gathering = this.spare;
    for (let at = 0; at < eventCount; at++) this.keep(events[at]!);
    for (let at = 0; at < savedCount; at++) this.states.set(saved[at]!.id, saved[at]!.json);
    if (this.keeps.told) for (let at = 0; at < eventCount; at++) this.tell(events[at]!);
    for (let at = 0; at < waitingCount; at++) waiting[at]!.committed();
    batch.eventCount = 0;
    batch.waitingCount = 0;
    batch.savedCount = 0;
    this.spare = batch;
  };

  private keep(event: Event): void {
    this.events[event.sequence % KEPT_EVENTS] = event;
    if (!this.keeps.recovered) return;
    if (event.type === 'task.accepted') this.underWay.add((event as Accepted).taskId, event);
    else if (event.type === 'task.completed') this.underWay.delete((event as Completed).taskId);
  }

  private tell(event: Event): void {
    try {
      this.observers.get(event.type)!(event);
    } catch (thrown) {
      console.error(thrown);
    }
  }

  accepted(task: TaskByHand): void {
    this.records.add(task.taskId, this.keeps.record ? new TaskRecord(task) : new ShortRecord(task));
  }

  hasEnded({ taskId, begunOn, endedOn }: TaskByHand): void {
    const known = this.records.get(taskId)!;
    known.place = 'done';
    if (this.keeps.record) {
      const record = known as TaskRecord;
      record.attempts = 1;
      record.startedAt = begunOn;
      record.endedAt = endedOn;
      record.endedBy = this.sequence;
    }
    this.records.delete(taskId);
    this.ended[(this.endedCount += 1) % KEPT_RECORDS] = known;
  }
}

class TaskByHand {
  readonly agent: AgentByHand;
  readonly taskId: string;
  readonly request: Request;
  readonly caller = new AsyncResource('task');
  readonly answer: Promise<unknown>;
  private resolve!: (output: unknown) => void;
  reject!: (error: unknown) => void;
  readonly acceptedAt = performance.now();
  acceptedOn = 0;
  startedAt = 0;
  begunOn = 0;
  endedOn = 0;
  isCommitted = false;
  output: unknown = undefined;
  next: TaskByHand | undefined = undefined;

  constructor(agent: AgentByHand, taskId: string, request: Request) {
    this.agent = agent;
    this.taskId = taskId;
    this.request = request;
    this.answer = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  committed(): void {
    const { agent } = this;
    if (this.isCommitted) {
      agent.fleet.hasEnded(this);
      this.resolve(this.output);
    } else {
      this.isCommitted = true;
      agent.fleet.accepted(this);
      agent.pump();
    }
  }
}

export class AgentByHand {
  readonly fleet: TasksByHand;
  readonly id: string;
  json = '';
  private readonly state = { done: 0 };
  private readonly chart: Chart<typeof agentMachine> | undefined;
  private readonly figures = new TaskFigures();
  private shown: object | undefined = undefined;
  private first: TaskByHand | undefined = undefined;
  private last: TaskByHand | undefined = undefined;
  private waitingCount = 0;
  private isBusy = false;
  private isPumping = false;

  constructor(fleet: TasksByHand, id: string) {
    this.fleet = fleet;
    this.id = id;
    this.chart = fleet.keeps.chart ? runningChart(id) : undefined;
  }

  /** What its record shows, until that changes. */
  get record(): object {
    return (this.shown ??= this.figures.metrics(this.waitingCount, this.isPumping ? 1 : 0));
  }

  check(request: Request): void {
    if (this.chart !== undefined && !positionAt(this.chart.path).legal.has('execute'))
      throw new Error(`${this.id} takes no task`);
    for (const field in request) {
      if (field !== 'type' && field !== 'input') throw new Error(`${field}: unknown`);
    }
    const { tasks, capabilities } = definition;
    if (!Object.hasOwn(tasks, request.type)) throw new Error(`no task ${request.type}`);
    for (const required of tasks.test.requires) {
      if (!capabilities.includes(required)) throw new Error(`not capable: ${required}`);
    }
    if (this.waitingCount > QUEUE_LIMIT) throw new Error('too many wait');
  }

  execute(request: Request): Promise<unknown> {
    const { fleet } = this;
    const task = new TaskByHand(this, fleet.nextTaskId(), request);
    if (this.last === undefined) this.first = task;
    else this.last.next = task;
    this.last = task;
    this.waitingCount += 1;
    if (fleet.keeps.counted) this.shown = undefined;
    task.acceptedOn = fleet.emit(new Accepted(this.id, task.taskId, request.type), task);
    return task.answer;
  }

  pump(): void {
    if (this.isPumping) return;
    this.isPumping = true;
    for (let task = this.first; task?.isCommitted === true; task = this.first) {
      this.first = task.next;
      if (this.first === undefined) this.last = undefined;
      this.waitingCount -= 1;
      this.run(task);
    }
    this.isPumping = false;
    if (this.first !== undefined || !this.isBusy) return;
    this.isBusy = false;
    this.chart?.send(IDLE);
  }

  private run(task: TaskByHand): void {
    const { fleet } = this;
    if (!this.isBusy) {
      this.isBusy = true;
      this.chart?.send(BUSY);
    }
    task.startedAt = performance.now();
    task.begunOn = fleet.emit(new Started(task));
    try {
      task.output = task.caller.runInAsyncScope(definition.tasks.test.run, undefined, this.contextOf(task));
      this.save();
      const now = performance.now();
      if (fleet.keeps.counted) {
        this.figures.done += 1;
        this.figures.measure(now - task.acceptedAt);
        this.shown = undefined;
      }
      task.endedOn = fleet.emit(new Completed(task, now), task);
    } catch (thrown) {
      if (fleet.keeps.state) Object.assign(this.state, JSON.parse(this.json));
      task.reject(thrown);
    }
  }

  private save(): void {
    const { fleet, state } = this;
    const json = JSON.stringify(state);
    if (fleet.keeps.state && json !== this.json) assertKept(state);
    this.json = json;
    fleet.emit(new Saved(this.id, Buffer.byteLength(json)));
    if (fleet.keeps.recovered) fleet.save(this);
  }

  private contextOf({ taskId, request }: TaskByHand): Context {
    const { type: task, input } = request;
    if (this.fleet.keeps.context) {
      const running = new RunningTask({ type: 'task.run', taskId, task, input, attempt: 1 }, nobody);
      running.state = this.state;
      return taskContextOf(owner, running, input) as Context;
    }
    const { signal } = new AbortController();
    return { input, state: this.state, signal } as Context;
  }
}

/** The shipped chart of an agent, which runs and is idle; nothing of what it asks for is done. */
function runningChart(id: string): Chart<typeof agentMachine> {
  const chart = createChart(
    agentMachine,
    { id, policy: lifePolicyOf(agentSpec.parse({ id, module: {} })) },
    {
      clock: { setTimeout: () => undefined, clearTimeout: () => undefined },
      perform: () => undefined,
      child: () => ({ stop: () => undefined }),
      onBug: (bug) => {
        throw bug;
      },
    },
  );
  chart.send({ type: 'agent.start', at: Date.now() });
  chart.send({ type: 'body.ready', at: Date.now() });
  if (!chart.path.endsWith('idle')) throw new Error(`expected a chart that is idle, got ${chart.path}`);
  return chart;
}

/**
 * A fleet as its events tell of it: an independent model, which never looks at the runtime.
 *
 * `note` takes the next event; next-event.ts decides whether it may come. The history is plain data, so that a program's
 * end can be replayed from what was kept.
 */
import type { SystemEvent, SystemEventType } from '../../runtime/journal/system-event.ts';
import { LIFE_ORDER } from './life-order.ts';

const ALIVE: readonly SystemEventType[] = [
  'agent.starting',
  'agent.started',
  'agent.unresponsive',
  'agent.recovered',
  'agent.stopping',
];
const SERVING: readonly SystemEventType[] = ['agent.started', 'agent.unresponsive', 'agent.recovered'];
const ENDS: readonly SystemEventType[] = [
  'agent.start_failed',
  'agent.stopped',
  'agent.completed',
  'agent.crashed',
];
const STATUS_AT: Readonly<Record<string, string>> = {
  registered: 'registered',
  starting: 'starting',
  stopping: 'stopping',
  stopped: 'stopped',
  completed: 'completed',
};
const TASK_ENDS: readonly SystemEventType[] = [
  'task.completed',
  'task.failed',
  'task.timed_out',
  'task.abandoned',
  'task.unknown',
];

const ENDED_FOR_GOOD: ReadonlySet<string> = new Set([
  'stopped',
  'completed',
  'leftDown',
  'awaitingOperator',
  'gaveUp',
]);

interface RestartRule {
  readonly maxRestarts: number;
  readonly withinMs: number;
}

export interface TracedAgent {
  readonly id: string;
  /** Agents of the same kind queue for the same restart permits. */
  readonly kind: string;
  readonly variables: readonly string[];
  readonly restart: RestartRule;
  /** The last event of its life, and where that says it stands. */
  last: SystemEventType;
  at: string;
  incarnation: number;
  startedFrom: string;
  /** Whether its policy asked for its start. */
  isRestarting: boolean;
  restartAt: number | undefined;
  /** When its restarts were decided, within the window. */
  restarts: number[];
  /** Whether a new program has taken it over and has told nothing of it yet. */
  isResumed: boolean;
  lastStarted: number;
  lastEnded: number;
  isPaused: boolean;
  /** When the limit that it is parked for is reset. */
  parkedUntil: number | undefined;
  /** Its parent, if the parent's end ends it. */
  readonly parent: string | undefined;
  /** How many tasks it may run at once. */
  readonly concurrency: number;
  /** What its definition says of its kinds of task. */
  readonly kinds: Readonly<Record<string, { readonly priority?: number; readonly concurrency?: number }>>;
}

interface TracedTask {
  readonly agentId: string;
  isStarted: boolean;
  /** Whether it may begin again: an earlier program left it, or it ran when the store failed. */
  isCarried: boolean;
  readonly priority: number;
  /** Earliest start, if one was given; epoch ms. */
  readonly dueAt: number | undefined;
  /** Whether nothing but its agent's other tasks keeps it from beginning. */
  isInTurn: boolean;
}

interface TracedRound {
  /** Whether the votes alone decide the round, without a leader or a fallback. */
  readonly isForVoters: boolean;
  readonly deadlineAt: number;
  readonly openedAt: number;
  /** Incarnations of the voters. */
  readonly electorate: ReadonlyMap<string, number>;
  readonly voted: Set<string>;
  accepts: number;
}

interface Told {
  lastSequence: number;
  lastAt: number;
  readonly agents: Map<string, TracedAgent>;
  readonly tasks: Map<string, TracedTask>;
  readonly variables: Map<string, { readonly version: number; readonly json: string }>;
  readonly rounds: Map<string, TracedRound>;
  readonly closedRounds: Map<string, string>;
  readonly submitted: Set<string>;
  readonly completed: Set<string>;
  readonly questions: Map<string, 'open' | 'answered' | 'expired'>;
  /** Agents that have ever asked. */
  readonly askers: Set<string>;
  /** Questions that were ever answered. */
  readonly answered: Set<string>;
  /** When each schedule was due last. */
  readonly schedules: Map<string, number>;
  /** Completed tasks, by agent. */
  readonly done: Map<string, number>;
  term: number;
  allDone: number;
}

export class FleetHistory {
  readonly #told: Told;

  constructor(told?: Told) {
    this.#told = told ?? {
      lastSequence: 0,
      lastAt: 0,
      agents: new Map(),
      tasks: new Map(),
      variables: new Map(),
      rounds: new Map(),
      closedRounds: new Map(),
      submitted: new Set(),
      completed: new Set(),
      questions: new Map(),
      askers: new Set(),
      answered: new Set(),
      schedules: new Map(),
      done: new Map(),
      term: 0,
      allDone: 0,
    };
  }

  get told(): Readonly<Told> {
    return this.#told;
  }

  /** The history as a new program takes it over. */
  resumed(): FleetHistory {
    const told = structuredClone(this.#told);
    for (const agent of told.agents.values()) {
      agent.isResumed = true;
      if (agent.last !== 'agent.starting' || agent.isRestarting) continue;
      // A caller's start is rolled back, without an event.
      agent.last = 'agent.start_failed';
      agent.at = agent.startedFrom;
    }
    for (const task of told.tasks.values()) {
      task.isCarried = true;
      task.isInTurn = false;
    }
    return new FleetHistory(told);
  }

  isAlive(id: string): boolean {
    const agent = this.#told.agents.get(id);
    return agent !== undefined && ALIVE.includes(agent.last);
  }

  /** The status that an agent's record has to show; `undefined` for an unknown agent. */
  statusOf(id: string): string | undefined {
    const agent = this.#told.agents.get(id);
    if (agent === undefined) return undefined;
    if (agent.at === 'serving') return agent.last === 'agent.unresponsive' ? 'unresponsive' : 'running';
    return STATUS_AT[agent.at] ?? 'crashed';
  }

  isServing(id: string): boolean {
    const agent = this.#told.agents.get(id);
    return agent !== undefined && SERVING.includes(agent.last);
  }

  note(event: SystemEvent): void {
    const told = this.#told;
    told.lastSequence = event.sequence;
    told.lastAt = event.at;
    if (event.type in LIFE_ORDER) return this.#noteLife(event);
    switch (event.type) {
      case 'task.accepted':
        told.tasks.delete(event.taskId);
        told.tasks.set(event.taskId, this.#accepted(event));
        if (event.submitted) told.submitted.add(event.taskId);
        break;
      case 'task.started':
        told.tasks.get(event.taskId)!.isStarted = true;
        break;
      case 'store.degraded':
        // A task whose start could not be kept begins again once the store works.
        for (const task of told.tasks.values()) {
          task.isCarried = true;
          task.isInTurn = false;
        }
        break;
      case 'task.retry_scheduled':
      case 'task.parked': {
        const task = told.tasks.get(event.taskId);
        if (task) {
          task.isStarted = false;
          task.isInTurn = false;
        }
        break;
      }
      case 'question.asked': {
        const task = told.tasks.get(event.taskId);
        // However its body ends, the task begins again.
        if (task) task.isCarried = true;
        told.questions.set(event.questionId, 'open');
        told.askers.add(event.agentId);
        break;
      }
      case 'question.refused':
        told.questions.set(event.questionId, 'open');
        break;
      case 'question.answered':
        told.questions.set(event.questionId, 'answered');
        told.answered.add(event.questionId);
        break;
      case 'question.expired':
        told.questions.set(event.questionId, 'expired');
        break;
      case 'question.withdrawn':
        told.questions.delete(event.questionId);
        break;
      case 'schedule.set':
        told.schedules.set(event.name, event.lastDueAt ?? 0);
        break;
      case 'schedule.fired':
        told.schedules.set(event.name, event.dueAt);
        break;
      case 'schedule.removed':
        told.schedules.delete(event.name);
        break;
      case 'agent.pausing':
      case 'agent.paused':
      case 'agent.resumed': {
        const agent = told.agents.get(event.agentId);
        if (agent) agent.isPaused = event.type !== 'agent.resumed';
        break;
      }
      case 'agent.parked':
      case 'agent.unparked': {
        const agent = told.agents.get(event.agentId);
        if (agent) agent.parkedUntil = event.type === 'agent.parked' ? event.until : undefined;
        break;
      }
      case 'task.completed':
        told.completed.add(event.taskId);
        told.done.set(event.agentId, (told.done.get(event.agentId) ?? 0) + 1);
        told.allDone += 1;
        break;
      case 'variable.changed':
        told.variables.set(event.name, { version: event.version, json: JSON.stringify(event.value) });
        break;
      case 'round.opened':
        told.rounds.set(event.roundId, {
          isForVoters: event.terms.tie !== 'leader' && event.terms.fallback !== 'leader_decides',
          openedAt: event.at,
          deadlineAt: event.deadlineAt,
          electorate: new Map(event.electorate.map((id) => [id, told.agents.get(id)?.incarnation ?? 0])),
          voted: new Set(),
          accepts: 0,
        });
        break;
      case 'round.voted': {
        const round = told.rounds.get(event.roundId);
        if (round === undefined || event.refused !== undefined || event.term !== undefined) break;
        round.voted.add(event.agentId);
        if (event.vote === 'accept') round.accepts += 1;
        break;
      }
      case 'round.closed':
        told.rounds.delete(event.roundId);
        told.closedRounds.set(event.roundId, event.outcome);
        break;
      case 'leader.elected':
        told.term = event.term;
        break;
      case 'task.unknown': {
        // A repeatable task is repeated: it has not ended.
        if (!event.retry) break;
        const task = told.tasks.get(event.taskId);
        if (task) task.isCarried = true;
        return;
      }
      default:
    }
    if (TASK_ENDS.includes(event.type)) told.tasks.delete((event as { readonly taskId: string }).taskId);
  }

  #noteLife(event: SystemEvent): void {
    const { agents } = this.#told;
    if (event.type === 'agent.forgotten') agents.delete(event.agentId);
    else if (event.type === 'agent.registered') {
      const { pool, restart, parent, tasks } = event.spec as unknown as {
        pool?: string;
        restart: RestartRule;
        tasks: { concurrency: number };
        parent?: { id: string; rule: string };
      };
      agents.set(event.agentId, {
        id: event.agentId,
        kind: pool === undefined ? event.agentType : `pool ${pool}`,
        variables: event.manifest.variables,
        restart,
        last: event.type,
        at: 'registered',
        incarnation: 0,
        startedFrom: 'registered',
        isRestarting: false,
        restartAt: undefined,
        restarts: [],
        isResumed: false,
        lastStarted: 0,
        lastEnded: 0,
        isPaused: false,
        parkedUntil: undefined,
        parent: parent === undefined || parent.rule === 'detach' ? undefined : parent.id,
        concurrency: tasks.concurrency,
        kinds: event.manifest.tasks,
      });
    } else if ('life' in event) {
      const agent = agents.get(event.agentId);
      if (agent) this.#noteStep(agent, event);
    }
  }

  #noteStep(agent: TracedAgent, event: Extract<SystemEvent, { readonly life: object }>): void {
    const { life, type } = event;
    agent.isResumed = false;
    agent.incarnation = event.incarnation;
    agent.last = type;
    agent.at = life.at;
    agent.startedFrom = life.startedFrom;
    agent.isRestarting = type === 'agent.starting' && life.startedFrom === 'restart';
    agent.restartAt = type === 'agent.restart_scheduled' ? event.restartAt : undefined;
    if (type === 'agent.started') {
      agent.lastStarted = event.incarnation;
      if (life.startedFrom !== 'restart') agent.restarts = [];
    }
    if (ENDS.includes(type)) agent.lastEnded = agent.incarnation;
    // Tasks that outlive a body are queued in another order.
    if (!SERVING.includes(type)) for (const task of this.#tasksOf(agent.id)) task.isInTurn = false;
    if (type === 'agent.crashed' && life.at === 'waiting' && event.reason !== 'host_lost') {
      const { withinMs } = agent.restart;
      agent.restarts = [...agent.restarts.filter((at) => event.at - at < withinMs), event.at];
    }
  }

  #accepted(event: Extract<SystemEvent, { type: 'task.accepted' }>): TracedTask {
    const { agentId, task, dueAt, priority, submitted } = event;
    const kind = this.#told.agents.get(agentId)?.kinds[task];
    // One that was submitted waits for the store, too, and one whose kind has a limit for others of its kind.
    const isOrdinary = submitted === undefined && dueAt === undefined && kind?.concurrency === undefined;
    return {
      agentId,
      isStarted: false,
      isCarried: false,
      priority: priority ?? kind?.priority ?? 0,
      dueAt,
      isInTurn: isOrdinary && this.isServing(agentId),
    };
  }

  *#tasksOf(agentId: string): Generator<TracedTask> {
    for (const task of this.#told.tasks.values()) if (task.agentId === agentId) yield task;
  }

  /** Whether an agent has ended and does not come back by itself. */
  hasEndedForGood(id: string): boolean {
    const agent = this.#told.agents.get(id);
    return agent === undefined || ENDED_FOR_GOOD.has(agent.at);
  }
}

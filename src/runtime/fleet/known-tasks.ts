/**
 * The records of tasks, as the event stream tells of them.
 *
 * Owns every task's record, its keys, and the callers that wait for its end. It never calls an agent or a pool.
 *
 * I1  A record is made from the stream alone: it is the same in this program and in the next.
 * I2  Records of tasks that have not ended are never dropped; of those that have, the newest are kept, and apart from
 *     them the newest of what was submitted and failed: calls that come thick and fast drive no dead letter out.
 * I3  One idempotency key stands for one task, for as long as there is a record of it.
 * I4  Of a task that was executed and is done no event tells any more: its record is not looked for by events.
 * I5  That the bound on records drops keys, or dead letters, is logged once for each.
 * I6  What a record shows of a task cannot be changed by who reads it.
 */
import type { Logger } from 'pino';
import {
  hasTaskEnded,
  type Parked,
  placesAfter,
  type TaskChartEvent,
  type TaskPlace,
  taskPlaceAfter,
  taskStatusOf,
} from '../../machines/index.ts';
import { CANCELLED_BY_CALLER } from '../agent/task-events.ts';
import type { Questions } from '../agent/questions.ts';
import type { Journal } from '../journal/journal.ts';
import type { EventObserver } from '../journal/subscriptions.ts';
import type { SystemEvent, SystemEventType } from '../journal/system-event.ts';
import { saidBy } from '../values/act.ts';
import { frozenData } from '../values/data-copy.ts';
import { AgentSystemError, inWords } from '../values/errors.ts';
import { RenewedMap } from '../values/renewed-map.ts';
import { EndedTasks } from './ended-tasks.ts';
import { type AcceptedTask, isClosed, keyOf, KnownTask, type TaskKeys } from './task-record.ts';

type TaskEvent = Extract<SystemEvent, { type: `task.${string}` }>;
type StartedTask = Extract<SystemEvent, { readonly type: 'task.started' }>;
type CompletedTask = Extract<SystemEvent, { readonly type: 'task.completed' }>;
type StepOfTask = Extract<SystemEvent, { readonly type: 'task.step' }>;
type AgentEvent = Extract<SystemEvent, { readonly type: `agent.${string}` }>;
type QuestionEvent = Extract<SystemEvent, { readonly type: `question.${string}` }>;

/** The body of an agent is gone after these. */
const BODY_ENDS: ReadonlySet<SystemEvent['type']> = new Set<AgentEvent['type']>([
  'agent.crashed',
  'agent.stopped',
  'agent.completed',
]);

export interface KnownTasksOptions {
  readonly journal: Journal;
  readonly questions: Questions;
  readonly logger: Pick<Logger, 'warn'>;
  /** Records kept of tasks that have ended, and as many of dead letters. */
  readonly maxEnded: number;
  /** What these may hold, and as much of dead letters; the newest is kept whatever it holds. */
  readonly maxEndedBytes: number;
}

/** Waits for the end of a task. */
export interface EndOfTask {
  /** Resolves once it has ended; rejects when the system has closed before that. */
  readonly promise: Promise<void>;
  /** Stops waiting. */
  readonly leave: () => void;
}

/** After the events that every task has. */
const STARTED = placesAfter('task.started');
const COMPLETED = placesAfter('task.completed');

export class KnownTasks {
  private readonly journal: Journal;
  private readonly questions: Questions;
  private readonly maxEnded: number;
  private readonly maxEndedBytes: number;
  private readonly logger: KnownTasksOptions['logger'];
  /** What was dropped, and logged. */
  private readonly told = new Set<string>();
  /** Those of which events may still tell. */
  private readonly known = new RenewedMap<string, KnownTask>();
  private added = 0;
  private readonly byKey = new Map<string, string>();
  /** Tasks that have asked a person, and have not ended; nearly always none. */
  private readonly asking = new Set<KnownTask>();
  /** Tasks that have ended, but for dead letters. */
  private readonly ended = new EndedTasks();
  /** Those that were submitted and have no output: somebody may want them done again. */
  private readonly deadLetters = new EndedTasks();
  private closed: AgentSystemError | undefined;

  constructor({ journal, questions, logger, maxEnded, maxEndedBytes }: KnownTasksOptions) {
    this.journal = journal;
    this.questions = questions;
    this.logger = logger;
    this.maxEnded = maxEnded;
    this.maxEndedBytes = maxEndedBytes;
    journal.observe((type) => this.observerOf(type));
  }

  /** All, in the order of their acceptance. */
  all(): KnownTask[] {
    const closed = this.ended.all().filter(isClosed);
    return [...this.known.values(), ...closed].toSorted((one, other) => one.order - other.order);
  }

  /** @throws AgentSystemError `TASK_UNKNOWN` */
  find(taskId: string): KnownTask {
    const task = this.known.get(taskId) ?? this.ended.find(taskId);
    if (task !== undefined) return task;
    const message =
      typeof taskId === 'string'
        ? `no task ${inWords(taskId)} is known; of those that have ended the newest ${this.maxEnded} are kept (limits.maxEndedTasks, maxEndedTaskBytes)`
        : `expected the id of a task, got ${inWords(taskId)}`;
    throw new AgentSystemError('TASK_UNKNOWN', message);
  }

  has(taskId: string): boolean {
    return this.known.has(taskId) || this.ended.find(taskId) !== undefined;
  }

  /** The id of the task that has this key. */
  idBy(keys: TaskKeys): string | undefined {
    const key = keyOf(keys);
    return key === undefined ? undefined : this.byKey.get(key);
  }

  /** @throws AgentSystemError `SYSTEM_CLOSED` when the system has closed: no task ends any more */
  waitForEnd(task: KnownTask): EndOfTask {
    if (this.closed) throw this.closed;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const tell = (why?: AgentSystemError) => (why === undefined ? resolve() : reject(why));
    (task.waiting ??= new Set()).add(tell);
    const leave = () => {
      task.waiting?.delete(tell);
    };
    return { promise, leave };
  }

  /** The system has closed: callers that wait for an end are refused with `why`. */
  close(why: AgentSystemError): void {
    this.closed = why;
    for (const known of this.known.values()) {
      const { waiting } = known;
      known.waiting = undefined;
      if (waiting) for (const tell of waiting) tell(why);
    }
  }

  /** Updates the record of a task by an event. */
  note(event: TaskEvent): void {
    switch (event.type) {
      case 'task.accepted':
        return this.accepted(event);
      case 'task.started':
        return this.started(event);
      case 'task.completed':
        return this.completed(event);
      case 'task.step':
        return;
      default:
        this.noteOther(event);
    }
  }

  /** One function for each of the events that every task has: these are nearly all. */
  private observerOf(type: SystemEventType): EventObserver | undefined {
    switch (type) {
      case 'task.accepted':
        return (event) => this.accepted(event as AcceptedTask);
      case 'task.started':
        return (event) => this.started(event as StartedTask);
      case 'task.completed':
        return (event) => this.completed(event as CompletedTask);
      default:
        if (type.startsWith('task.')) return (event) => this.note(event as TaskEvent);
        if (type.startsWith('question.')) return (event) => this.noteQuestion(event as QuestionEvent);
        return BODY_ENDS.has(type) ? (event) => this.noteEnd(event as AgentEvent) : undefined;
    }
  }

  private accepted(event: AcceptedTask): void {
    const known = this.known.get(event.taskId);
    if (known) this.again(known, event);
    else this.add(event);
  }

  private started({ taskId, attempt, at }: StartedTask): void {
    const known = this.known.get(taskId);
    if (known === undefined) return;
    if (known.dueAt !== undefined) move(known, 'task.due');
    moveTo(known, STARTED);
    known.attempts = attempt ?? known.attempts + 1;
    known.startedAt = at;
    known.stalledAt = undefined;
    known.dueAt = undefined;
    known.error = undefined;
    known.parked = undefined;
    known.isBodyGone = false;
    if (this.questions.openOf(taskId) > 0) this.asks(known);
  }

  private completed(event: CompletedTask): void {
    const known = this.known.get(event.taskId);
    if (known === undefined) return;
    known.stalledAt = undefined;
    moveTo(known, COMPLETED);
    known.output = event.output;
    this.endedBy(known, event);
  }

  private noteOther(
    event: Exclude<TaskEvent, AcceptedTask | StartedTask | CompletedTask | StepOfTask>,
  ): void {
    const known = this.known.get(event.taskId);
    if (known === undefined) return;
    if (event.type === 'task.stalled') return void (known.stalledAt = event.at);
    known.stalledAt = undefined;
    if (event.type === 'task.progressed') return;
    // It will be done again, and waits for that.
    if (event.type === 'task.unknown' && event.retry) return move(known, 'task.accepted');
    if (taskPlaceAfter(known.place, event.type) === 'forgotten') return this.remove(known);
    noteChange(known, event);
    this.endedBy(known, event);
  }

  /** Where it has ended, that is by this event. */
  private endedBy(known: KnownTask, event: TaskEvent): void {
    if (!hasTaskEnded(taskStatusOf(known.place))) return;
    known.dueAt = undefined;
    known.parked = undefined;
    known.endedAt = event.at;
    known.endedBy = event.sequence;
    this.end(known);
  }

  /** It waits for a person as long as one of its questions is open. */
  private noteQuestion({ type, taskId }: QuestionEvent): void {
    const known = this.known.get(taskId);
    if (known === undefined) return;
    if (type === 'question.asked' || type === 'question.refused') return this.asks(known);
    if (this.questions.openOf(taskId) > 0) return;
    // Where its body is gone, it waits for the next one.
    if (known.place === 'waiting_for_input') move(known, known.isBodyGone ? 'task.accepted' : 'task.told');
  }

  private asks(known: KnownTask): void {
    move(known, 'task.asked');
    this.asking.add(known);
  }

  private noteEnd({ agentId }: AgentEvent): void {
    for (const known of this.asking) {
      if (known.agentId !== agentId) continue;
      known.isBodyGone = true;
      // It is begun again by the next one.
      if (known.place === 'running') move(known, 'task.accepted');
    }
  }

  private add(event: AcceptedTask): void {
    const known = new KnownTask(event, (this.added += 1));
    const { id, dueAt } = known;
    if (dueAt !== undefined) move(known, 'task.deferred');
    this.known.add(id, known);
    const key = keyOf(known.keys);
    if (key !== undefined) this.byKey.set(key, id);
  }

  private again(known: KnownTask, { agentId, pool, dueAt, caller }: AcceptedTask): void {
    this.leaveEnded(known);
    const { submitted } = known;
    if (submitted !== undefined && submitted.caller !== caller) known.submitted = askedBy(caller, submitted);
    known.agentId = agentId;
    known.pool = pool;
    known.parked = undefined;
    known.dueAt = dueAt;
    move(known, dueAt === undefined ? 'task.accepted' : 'task.deferred');
    known.endedAt = undefined;
    known.code = undefined;
    known.error = undefined;
    const { dedupeKey } = known.keys;
    const key = keyOf(known.keys);
    // After its end the key may have been given to another task.
    if (dedupeKey !== undefined && key !== undefined && !this.byKey.has(key)) this.byKey.set(key, known.id);
  }

  private end(known: KnownTask): void {
    const { waiting } = known;
    if (this.asking.size > 0) this.asking.delete(known);
    known.waiting = undefined;
    if (known.keys.dedupeKey !== undefined) this.forgetKey(known);
    if (waiting) for (const tell of waiting) tell();
    const ended = this.endedAs(known);
    if (!ended.has(known)) {
      if (known.endedAs > 0) this.leaveEnded(known);
      ended.add(known);
    }
    if (isClosed(known)) this.known.delete(known.id);
    if (ended.size > this.maxEnded) this.dropOldest(ended);
    while (ended.bytes > this.maxEndedBytes && ended.size > 1) this.dropOldest(ended);
  }

  /** Where it is kept once it has ended as it stands. */
  private endedAs({ submitted, place }: KnownTask): EndedTasks {
    const isDead = submitted !== undefined && place !== 'done' && place !== 'cancelled';
    return isDead ? this.deadLetters : this.ended;
  }

  private leaveEnded(known: KnownTask): void {
    if (!this.ended.remove(known)) this.deadLetters.remove(known);
  }

  private dropOldest(ended: EndedTasks): void {
    const unclosed = ended.dropOldest();
    if (unclosed === undefined) return;
    if (unclosed.keys.idempotencyKey !== undefined) {
      this.tellLoss('tasks with an idempotencyKey', 'such a key now begins a new task', unclosed);
    }
    if (ended === this.deadLetters) {
      this.tellLoss('submitted tasks that ended without an output', 'they cannot be retried', unclosed);
    }
    this.drop(unclosed);
  }

  /** A fleet that runs for long drops them all the time: said once, or nothing else would be read. */
  private tellLoss(whose: string, so: string, { id: taskId, agentId, task }: KnownTask): void {
    if (this.told.has(whose)) return;
    this.told.add(whose);
    this.logger.warn(
      { taskId, agentId, task, maxEndedTasks: this.maxEnded, maxEndedTaskBytes: this.maxEndedBytes },
      `from now on the oldest records of ${whose} are dropped, and ${so}: more of them have ended than limits.maxEndedTasks or maxEndedTaskBytes keep (said once)`,
    );
  }

  /** Drops a record; for a submitted task with the event `task.forgotten`. */
  drop(known: KnownTask, by?: string): void {
    this.remove(known);
    if (known.submitted === undefined) return;
    const { id: taskId, agentId, task } = known;
    this.journal.emit({ type: 'task.forgotten', agentId, incarnation: 0, taskId, task, ...saidBy(by) });
  }

  private remove(known: KnownTask): void {
    this.known.delete(known.id);
    this.leaveEnded(known);
    this.forgetKey(known);
  }

  private forgetKey({ id, keys }: KnownTask): void {
    const key = keyOf(keys);
    if (key !== undefined && this.byKey.get(key) === id) this.byKey.delete(key);
  }
}

/** A task that another one asks for now, or no task. */
function askedBy(caller: string | undefined, { caller: _, ...accepted }: AcceptedTask): AcceptedTask {
  return caller === undefined ? accepted : { ...accepted, caller };
}

/** What an event changes in the record of a task that goes on with it, or has ended by it. */
export function noteChange(
  known: KnownTask,
  event: Exclude<
    TaskEvent,
    { readonly type: 'task.accepted' | 'task.step' | 'task.progressed' | 'task.stalled' }
  >,
): void {
  move(known, isCancel(event) ? 'task.cancelled' : event.type);
  switch (event.type) {
    case 'task.parked':
      known.attempts = event.attempt ?? known.attempts - 1;
      known.startedAt = undefined;
      known.parked = parkedBy(event);
      return;
    case 'task.retry_scheduled':
      known.attempts = event.attempt;
      known.startedAt = event.startedAt;
      known.dueAt = event.dueAt;
      known.error = frozenData(event.error);
      return;
    case 'task.failed':
      known.code = event.code;
      known.error = frozenData(event.error);
      return;
    case 'task.abandoned':
      known.error = Object.freeze({ name: 'Abandoned', message: event.why });
      return;
    default:
  }
}

function isCancel(event: TaskEvent): boolean {
  return event.type === 'task.abandoned' && (event.isCancelled === true || event.why === CANCELLED_BY_CALLER);
}

/** Moves a task to its place after an event; not for `task.forgotten`. */
export function move(known: KnownTask, event: TaskChartEvent['type']): void {
  moveTo(known, placesAfter(event));
}

function moveTo(known: KnownTask, places: ReadonlyMap<TaskPlace, TaskPlace | 'forgotten'>): void {
  known.place = (places.get(known.place) ?? known.place) as TaskPlace;
}

function parkedBy(event: Extract<TaskEvent, { type: 'task.parked' }>): Parked {
  const { at, until, why, guessed, named, quota } = event;
  return Object.freeze({
    at,
    until,
    why,
    ...(guessed ? { guessed } : {}),
    ...(named ? { named } : {}),
    ...(quota === undefined ? {} : { quota }),
  });
}

/**
 * One agent's tasks as its virtual object keeps them: accepted, waiting, running, answered.
 *
 * What the mailbox of one program is in memory (runtime/agent/mailbox.ts), as data; the same rules, the same events in
 * the same order. It is told to open, drain, abort and abandon, and tells when the agent becomes busy and idle.
 *
 * I1  Every accepted task has exactly one end, and whoever waits for it is answered once.
 * I2  A task that was answered early holds its place until its work settles.
 * I3  A task that was accepted and not begun outlives its node: it waits for the next one.
 * I4  What waits for its next attempt keeps its agent neither busy nor alive.
 */
import {
  type Parked,
  type RetryPolicy,
  retryDelayMs,
  type TaskChartEvent,
  type TaskPlace,
  taskPlaceAfter,
} from '../../machines/index.ts';
import {
  abandonment,
  queueFull,
  stallOf,
  taskFailure,
  taskTimeout,
} from '../../runtime/agent/task-errors.ts';
import {
  abandonedEvent,
  acceptedEvent,
  completedEvent,
  failedEvent,
  parkedEvent,
  progressedEvent,
  retryScheduledEvent,
  stalledEvent,
  startedEvent,
  timedOutEvent,
} from '../../runtime/agent/task-events.ts';
import { type AgentManifest, type TaskManifest, withTimeout } from '../../runtime/definition/manifest.ts';
import type { ParkRequest } from '../../runtime/definition/parking.ts';
import type { BodyReport, BodyRequest } from '../../runtime/hosting/host.ts';
import type { EventBody } from '../../runtime/journal/system-event.ts';
import { AgentSystemError, errorFrom, errorInfoOf } from '../../runtime/values/errors.ts';
import type { NodeReport } from '../agent/agent-acts.ts';
import type { AgentState } from '../agent/agent-state.ts';
import { type Answer, refusalOf } from '../engine/answer.ts';
import type { Due } from '../engine/kept-chart.ts';
import {
  type AskedWork,
  type EndedTask,
  isWorking,
  mayBeDoneAgain,
  mayBeTriedAgain,
  type TaskEntry,
  type TaskFailure,
  taskIdOf,
} from './task-entries.ts';
import { chooseTask } from './task-order.ts';
import { toldOf } from './task-words.ts';

export interface LedgerOwner {
  readonly state: AgentState;
  readonly now: number;
  /** In [0, 1). */
  readonly chance: number;
  emit(event: EventBody): void;
  post(request: Exclude<BodyRequest, { readonly type: 'task.run' }>): void;
  /** Has a task run whose input is kept, or is at hand. */
  run(entry: TaskEntry, input: { readonly input: unknown } | undefined): void;
  keepInput(taskId: string, input: unknown): void;
  dropInput(taskId: string): void;
  keepSteps(taskId: string, key: string, value: unknown): void;
  dropSteps(taskId: string): void;
  answer(token: string, answer: Answer): void;
  becameBusy(): void;
  becameIdle(): void;
  /** Nothing runs any more, as it was asked to tell. */
  becameRested(): void;
  /** A task ran into a limit. */
  limitReached(request: ParkRequest): void;
  /** A task is done. */
  taskPassed(): void;
  /** A task has stalled, and its agent is to end for that. */
  crashForStall(taskId: string): void;
  /** The place of one more deadline, or of one more task. */
  nextOrder(): number;
}

/** What is due of a task. */
export interface TaskDue extends Due {
  readonly entry: TaskEntry;
  readonly what: 'timeout' | 'attemptEnd' | 'due';
}

/** Records kept of an agent's tasks that were submitted and have ended. */
const MAX_ENDED = 100;
const NO_KIND: TaskManifest = { requires: [], retry: false };

export class TaskLedger {
  readonly #owner: LedgerOwner;
  /** The input of the task that is just being accepted. */
  #fresh: { readonly taskId: string; readonly input: unknown } | undefined;
  #isPumping = false;

  constructor(owner: LedgerOwner) {
    this.#owner = owner;
  }

  get #state(): AgentState {
    return this.#owner.state;
  }

  /** Tasks that wait for their turn, or run. */
  get load(): number {
    return this.#state.tasks.filter(({ where }) => where !== 'delayed').length;
  }

  get isBusy(): boolean {
    return this.#state.isBusy;
  }

  /** All that is due of tasks. */
  *dues(): Iterable<TaskDue> {
    for (const entry of this.#state.tasks) {
      if (entry.isAnswered) continue;
      for (const what of ['timeout', 'attemptEnd', 'due'] as const) {
        const due = entry[what];
        if (due !== undefined) yield { ...due, entry, what };
      }
    }
  }

  take({ entry, what }: TaskDue): void {
    if (what === 'timeout') return this.#timeOut(entry);
    if (what === 'attemptEnd') return this.#expire(entry);
    entry.due = undefined;
    // One that is due while its agent ends waits for the next life.
    if (!this.#takesInTurn) return;
    this.#becomeDue(entry);
    this.#pump();
  }

  /** Takes a task in. @throws AgentSystemError `TASK_QUEUE_FULL` */
  accept(asked: AskedWork): TaskEntry {
    const { id: agentId, line, spec, tasks, manifest } = this.#state;
    const running = tasks.filter(isWorking).length;
    const unbegun = tasks.length - running;
    // What waits for its turn is bounded; what may run at once is not waiting.
    const mayBegin = this.#state.mode === 'open' && !this.#state.isHeldBack;
    const free = mayBegin ? Math.max(0, spec.tasks.concurrency - running) : 0;
    const { queueLimit } = spec.tasks;
    if (unbegun >= queueLimit + free) throw queueFull(agentId, unbegun - free, queueLimit);
    this.#state.acceptedTasks += 1;
    return this.#enter(asked, taskIdOf(agentId, line, this.#state.acceptedTasks), 0, manifest);
  }

  /** Does a submitted task again that has ended, under its id: it has all of its attempts, and its time, once more. */
  repeat(ended: EndedTask): TaskEntry {
    this.#state.ended = this.#state.ended.filter((other) => other !== ended);
    const { id, task: type, timeoutMs = Infinity, policy, priority, idempotencyKey, dedupeKey } = ended;
    const asked: AskedWork = {
      type,
      timeoutMs,
      policy,
      priority,
      idempotencyKey,
      dedupeKey,
      submitted: true,
    };
    return this.#enter(asked, id, ended.attempts, this.#state.manifest, ended.place);
  }

  #enter(
    asked: AskedWork,
    id: string,
    before: number,
    manifest: AgentManifest,
    endedAt?: TaskPlace,
  ): TaskEntry {
    const { now } = this.#owner;
    const { type: task, submitted, idempotencyKey, dedupeKey, priority, terms, notBefore, delayMs } = asked;
    const kind = Object.hasOwn(manifest.tasks, task) ? manifest.tasks[task]! : NO_KIND;
    const policy = asked.policy ?? kind.policy;
    const given = asked.timeoutMs === undefined ? {} : { timeoutMs: asked.timeoutMs };
    const { timeoutMs } = withTimeout<{ type: string; timeoutMs?: number }>({ type: task, ...given }, kind);
    const dueAt = delayMs === undefined ? notBefore : now + delayMs;
    const waitMs = dueAt === undefined ? 0 : Math.max(0, dueAt - now);
    const isLimited = timeoutMs !== undefined && timeoutMs !== Infinity;
    const isDelayed = waitMs > 0;
    const event = isDelayed ? 'task.deferred' : 'task.accepted';
    const entry: TaskEntry = {
      id,
      task,
      retry: policy !== undefined || kind.retry,
      policy,
      timeoutMs: isLimited ? timeoutMs : undefined,
      submitted,
      idempotencyKey,
      dedupeKey,
      priority,
      rank: priority ?? kind.priority ?? 0,
      kindLimit: kind.concurrency,
      outlivesAgent: before > 0 || endedAt !== undefined || asked.whenDown === 'wait',
      terms,
      before,
      order: this.#owner.nextOrder(),
      acceptedAt: now,
      place: taskPlaceAfter(endedAt ?? 'waiting.queued', event) as TaskPlace,
      // One that came too late for this life of its agent waits for the next.
      where: !isDelayed && this.#takesInTurn ? 'queued' : 'delayed',
      incarnation: this.#incarnation,
      attempts: before,
      isAnswered: false,
      ...(endedAt === undefined ? {} : { hasInput: true }),
      waiting: asked.token === undefined ? [] : [asked.token],
    };
    if (isLimited) entry.timeout = { dueAt: now + waitMs + timeoutMs, order: this.#owner.nextOrder() };
    if (isDelayed) entry.due = { dueAt: dueAt!, order: this.#owner.nextOrder() };
    this.#state.tasks.push(entry);
    const isAgain = endedAt !== undefined;
    if (!isAgain) this.#fresh = { taskId: id, input: asked.input };
    const told = toldOf(entry, { input: asked.input });
    this.#owner.emit(acceptedEvent(this.#state.id, told, entry.timeout?.dueAt));
    this.#pump();
    // One that waits, and one that may have to be done again, is kept with its input.
    const isKept = entry.where !== 'working' || entry.retry || submitted || entry.outlivesAgent;
    if (!isAgain && isKept) this.#keepInput(entry, asked.input);
    this.#fresh = undefined;
    return entry;
  }

  #keepInput(entry: TaskEntry, input: unknown): void {
    if (entry.hasInput) return;
    entry.hasInput = true;
    this.#owner.keepInput(entry.id, input);
  }

  get #incarnation(): number {
    return this.#state.life.context.incarnation;
  }

  /** Whether what comes now is in time for this life of its agent: one that ends is not held up by it. */
  get #takesInTurn(): boolean {
    const { mode, isMoving } = this.#state;
    return mode === 'open' || mode === 'held' || isMoving;
  }

  /** A new incarnation begins: what it accepts is held until it is ready. */
  hold(): void {
    this.#state.mode = 'held';
    this.#state.abandoned = [];
  }

  /** The agent is ready: what was held may run, unless the agent is paused or parked. */
  open(isHeldBack: boolean): void {
    this.#state.mode = 'open';
    this.#state.isHeldBack = isHeldBack;
    for (const entry of this.#state.tasks) {
      if (entry.where === 'delayed' && entry.due === undefined) this.#becomeDue(entry);
    }
    this.#pump();
  }

  /** Nothing new begins: it tells once nothing runs. */
  rest(): void {
    this.#state.isHeldBack = true;
    this.#state.isResting = true;
    this.#tellIfRested();
  }

  /** Nothing holds it back any more: it goes on, and tells whether it has work. */
  resume(): void {
    this.#state.isHeldBack = false;
    this.#state.isResting = false;
    this.#state.isBusy = false;
    this.#pump();
  }

  /** Its limits are others: what was accepted stays accepted. */
  follow(): void {
    this.#pump();
  }

  /** Accepted tasks may finish; then it is idle. */
  drain(): void {
    this.#state.mode = 'draining';
    this.#pump();
    this.#tellIfIdle();
  }

  /** What runs may finish, what waits is not begun any more; then it is idle. */
  finish(why: string): void {
    this.#state.mode = 'finishing';
    this.#endWaiting(why);
    this.#tellIfIdle();
  }

  /** What waits is not begun any more, what runs is told to end. */
  abort(): void {
    const why = 'the agent is ending';
    this.#state.mode = 'aborting';
    this.#endWaiting(why);
    for (const entry of this.#working()) {
      if (entry.isAnswered) continue;
      if (this.#state.isMoving && entry.retry && entry.policy === undefined) this.#carry(entry);
      else if (this.#outlives(entry) && mayBeTriedAgain(entry)) this.#cut(entry, why);
      else this.#abandon(entry, why);
    }
    this.#tellIfIdle();
  }

  /** The body is gone, and all that it had to do with it. */
  abandonAll(why: string): void {
    this.#endWaiting(why);
    for (const entry of this.#working()) {
      this.#left(entry);
      if (entry.isAnswered) this.#remove(entry);
      else if (this.#outlives(entry) && mayBeTriedAgain(entry))
        this.#tryAgain(entry, interruption(entry, why));
      else {
        this.#remove(entry);
        this.#abandon(entry, why);
      }
    }
    this.#state.mode = 'held';
    this.#state.isResting = false;
    this.#state.isBusy = false;
  }

  /** Its agent does not come back by itself: nobody who waits for it has to. */
  endWaits(why: string): void {
    if (this.#state.isMoving) return;
    for (const entry of this.#unbegun())
      if (!entry.submitted && entry.before === 0) this.#abandon(entry, why);
  }

  /** Its agent is forgotten: nothing waits any more. */
  discard(why: string): void {
    for (const entry of this.#unbegun()) this.#abandon(entry, why);
  }

  /** Its node is gone: what ran is unknown, or is done again; what waited waits on. */
  lost(): void {
    for (const entry of this.#working()) {
      this.#left(entry);
      if (entry.isAnswered) this.#remove(entry);
      else this.#lose(entry);
    }
    this.#state.mode = 'held';
    this.#state.isResting = false;
    this.#state.isBusy = false;
    this.#state.abandoned = [];
  }

  #lose(entry: TaskEntry): void {
    const { id: taskId, task, submitted, incarnation, attempts, startedAt } = entry;
    const { id: agentId } = this.#state;
    const retry = mayBeDoneAgain(entry);
    const of = { agentId, incarnation, taskId, task, retry };
    const record = startedAt === undefined ? { attempts } : { attempts, startedAt };
    const ofSubmitted = submitted ? { submitted: true as const, ...record } : {};
    this.#tell(
      entry,
      { type: 'task.unknown', ...of, ...ofSubmitted },
      retry ? 'task.accepted' : 'task.unknown',
    );
    if (retry) {
      entry.where = 'queued';
      entry.incarnation = this.#incarnation + 1;
      return;
    }
    this.#remove(entry);
    const message = `task ${task} of agent ${agentId} was running when its node was lost: nobody knows how far it came`;
    const details = { taskId, task, status: 'unknown' } as const;
    this.#end(entry, new AgentSystemError('TASK_ABANDONED', message, { agentId, details }));
  }

  /** What its body reports of a task. One it does not know is late, and dropped. */
  settle(report: Extract<BodyReport, { type: 'task.completed' | 'task.failed' }>): void {
    const entry = this.#workingOn(report.taskId);
    if (entry === undefined) return;
    this.#left(entry);
    this.#remove(entry);
    if (!entry.isAnswered) {
      if (report.type === 'task.completed') this.#complete(entry, report.output);
      else this.#fail(entry, report);
    }
    this.#pump();
    this.#tellIfIdle();
  }

  /** A task ran into a limit: it is the next again, and nothing begins until the agent goes on. */
  park(report: Extract<NodeReport, { type: 'task.parked' }>): void {
    const entry = this.#workingOn(report.taskId);
    if (entry === undefined) return;
    this.#left(entry);
    if (entry.isAnswered) this.#remove(entry);
    else {
      entry.where = 'queued';
      entry.attempts -= 1;
      entry.startedAt = undefined;
      entry.isParking = true;
      this.#keepInput(entry, report.input);
      if (this.#state.mode === 'open') this.#state.isHeldBack = true;
      else {
        // Of what waits, nothing would begin before the reset, either.
        if (this.#state.mode === 'draining') this.#state.mode = 'finishing';
        this.#endWaiting(`the agent is ending, and a limit is reached: ${report.why}`);
      }
    }
    this.#owner.limitReached(report);
    this.#pump();
    this.#tellIfIdle();
  }

  /** What those that ran into a limit wait for. */
  parked(parked: Parked): void {
    for (const entry of this.#state.tasks) {
      if (!entry.isParking) continue;
      entry.isParking = undefined;
      if (entry.where !== 'queued') continue;
      entry.parked = parked;
      this.#tell(entry, parkedEvent(this.#state.id, toldOf(entry), parked));
    }
  }

  /** Whether a task that runs gets on, as its node sees it. */
  progressWatched(taskId: string, what: 'stalled' | 'progressed' | 'abort' | 'crash'): void {
    const entry = this.#workingOn(taskId);
    if (entry === undefined || entry.isAnswered) return;
    const { id: agentId, manifest } = this.#state;
    const told = { ...toldOf(entry), stall: manifest.tasks[entry.task]?.stall };
    switch (what) {
      case 'stalled':
        entry.stalledAt = this.#owner.now;
        return this.#owner.emit(stalledEvent(agentId, told));
      case 'progressed':
        entry.stalledAt = undefined;
        return this.#owner.emit(progressedEvent(agentId, told));
      case 'crash':
        return this.#owner.crashForStall(taskId);
      case 'abort': {
        const failure = stallOf(told);
        const { message } = failure.error;
        if (this.#isTriedAgain(entry)) return this.#cut(entry, message);
        this.#withdraw(entry, message);
        this.#endFailed(entry, failure, this.#owner.now);
        this.#tellIfIdle();
      }
    }
  }

  /** Keeps the result of a step. @returns why it is not kept; nothing where it is */
  step(taskId: string, key: string, value: unknown, maxSteps: number): string | undefined {
    const entry = this.#workingOn(taskId);
    if (entry === undefined || entry.isAnswered) return 'the task that asked has ended';
    const steps = entry.steps ?? [];
    if (steps.includes(key)) return 'it is kept already';
    if (steps.length >= maxSteps) return `expected ${maxSteps} steps of a task at the most`;
    entry.steps = [...steps, key];
    this.#owner.keepSteps(taskId, key, value);
    const { id: agentId } = this.#state;
    const { incarnation, task } = entry;
    this.#owner.emit({ type: 'task.step', agentId, incarnation, taskId, task, key });
    return undefined;
  }

  /** Cancels by the id of the task, or of the call that asked for it. Whether there was one that had not ended. */
  cancel(
    by: { readonly taskId?: string; readonly callId?: string },
    why: string,
    isByCaller: boolean,
  ): boolean {
    const entry = this.#state.tasks.find(
      ({ id, terms, isAnswered }) =>
        !isAnswered && (id === by.taskId || (terms?.callId !== undefined && terms.callId === by.callId)),
    );
    if (entry === undefined) return false;
    this.#withdraw(entry, 'the task was cancelled');
    this.#endAbandoned(entry, why, !isByCaller);
    this.#tellIfIdle();
    return true;
  }

  #timeOut(entry: TaskEntry): void {
    const where = this.#withdraw(entry, 'the task has timed out');
    this.#endTimedOut(entry, where, entry.timeoutMs!);
    this.#tellIfIdle();
  }

  /** Its attempt takes too long: it is told to end, and then its definition is asked whether there is another. */
  #expire(entry: TaskEntry): void {
    entry.attemptEnd = undefined;
    entry.isExpired = true;
    const attemptTimeoutMs = entry.policy!.attemptTimeoutMs!;
    const reason = `attempt ${entry.attempts} took longer than ${attemptTimeoutMs} ms`;
    if (!this.#isTriedAgain(entry)) {
      this.#withdraw(entry, reason);
      this.#endTimedOut(entry, 'still running', attemptTimeoutMs);
      return this.#tellIfIdle();
    }
    this.#owner.post({ type: 'task.cancel', taskId: entry.id, reason, endsAttempt: 'timed_out' });
  }

  /** Starts what may run. */
  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    for (;;) {
      const { tasks, passed, spec } = this.#state;
      if (!this.#isServing || tasks.filter(isWorking).length >= spec.tasks.concurrency) break;
      const choice = chooseTask(tasks, passed);
      if (choice === undefined) break;
      this.#state.passed = choice.passed;
      this.#start(choice.entry);
    }
    this.#isPumping = false;
    const { mode, isBusy, isHeldBack } = this.#state;
    if (mode === 'open' && !isBusy && !isHeldBack && this.load > 0) {
      this.#state.isBusy = true;
      this.#owner.becameBusy();
    }
  }

  /** What waits goes along with one that moves. */
  get #isServing(): boolean {
    const { mode, isMoving, isHeldBack } = this.#state;
    return !isHeldBack && (mode === 'open' || (mode === 'draining' && !isMoving));
  }

  #start(entry: TaskEntry): void {
    const { now } = this.#owner;
    entry.where = 'working';
    entry.begun = this.#owner.nextOrder();
    entry.incarnation = this.#incarnation;
    entry.attempts += 1;
    entry.startedAt = now;
    entry.isExpired = undefined;
    entry.failure = undefined;
    entry.parked = undefined;
    if (!this.#state.isBusy && this.#state.mode === 'open') {
      this.#state.isBusy = true;
      this.#owner.becameBusy();
    }
    // Its time may have come with the next life of its agent.
    if (entry.place === 'waiting.delayed') move(entry, 'task.due');
    this.#tell(entry, startedEvent(this.#state.id, toldOf(entry)));
    const { attemptTimeoutMs = Infinity } = entry.policy ?? {};
    if (attemptTimeoutMs !== Infinity) {
      entry.attemptEnd = { dueAt: now + attemptTimeoutMs, order: this.#owner.nextOrder() };
    }
    const isFresh = this.#fresh?.taskId === entry.id;
    this.#owner.run(entry, isFresh ? { input: this.#fresh!.input } : undefined);
  }

  #becomeDue(entry: TaskEntry): void {
    entry.where = 'queued';
    if (entry.place === 'waiting.delayed') move(entry, 'task.due');
  }

  #working(): TaskEntry[] {
    return this.#state.tasks
      .filter(isWorking)
      .toSorted((one, other) => (one.begun ?? 0) - (other.begun ?? 0));
  }

  /** Those that wait for their turn, in their order, then those that wait for their time. */
  #unbegun(): TaskEntry[] {
    const { tasks } = this.#state;
    const queued = tasks.filter(({ where }) => where === 'queued');
    const delayed = tasks.filter(({ where }) => where === 'delayed');
    return [...queued.toSorted((one, other) => one.order - other.order), ...delayed];
  }

  #workingOn(taskId: string): TaskEntry | undefined {
    return this.#state.tasks.find((entry) => isWorking(entry) && entry.id === taskId);
  }

  /** Its work has ended, or its body has. */
  #left(entry: TaskEntry): void {
    entry.attemptEnd = undefined;
    entry.stalledAt = undefined;
  }

  #remove(entry: TaskEntry): void {
    this.#state.tasks = this.#state.tasks.filter((other) => other !== entry);
  }

  #complete(entry: TaskEntry, output: unknown): void {
    this.#state.counts.done += 1;
    this.#measure(entry);
    this.#owner.taskPassed();
    this.#tell(entry, completedEvent(this.#state.id, toldOf(entry, { output }), this.#owner.now));
    this.#end(entry, undefined, output);
  }

  #fail(entry: TaskEntry, failure: TaskFailure): void {
    if (failure.retry === true && this.#isTriedAgain(entry)) {
      this.#state.tasks.push(entry);
      return this.#tryAgain(entry, failure);
    }
    if (entry.isExpired) return this.#endTimedOut(entry, 'still running', entry.policy!.attemptTimeoutMs!);
    this.#endFailed(entry, failure, this.#owner.now);
  }

  /** Whether another attempt can come: one of an agent that ends can only where the task outlives that. */
  #isTriedAgain(entry: TaskEntry): boolean {
    return mayBeTriedAgain(entry) && (this.#state.mode === 'open' || this.#outlives(entry));
  }

  /** Whether it waits for its agent to run again; along with one that moves all do. */
  #outlives({ outlivesAgent }: TaskEntry): boolean {
    return outlivesAgent || this.#state.isMoving;
  }

  /** It waits for its next attempt; where that would come after its time, this one was the last. */
  #tryAgain(entry: TaskEntry, failure: TaskFailure): void {
    const { now, chance } = this.#owner;
    const delayMs = retryDelayMs(entry.policy as RetryPolicy, entry.attempts - entry.before, chance);
    const dueAt = now + delayMs;
    if (dueAt >= (entry.timeout?.dueAt ?? Infinity)) {
      this.#remove(entry);
      return this.#endFailed(entry, failure, now);
    }
    entry.failure = failure;
    entry.failedAt = now;
    this.#tell(entry, retryScheduledEvent(this.#state.id, toldOf(entry), failure, delayMs, dueAt));
    entry.where = 'delayed';
    entry.due = { dueAt, order: this.#owner.nextOrder() };
  }

  #endFailed(entry: TaskEntry, failure: TaskFailure, at: number): void {
    this.#state.counts.failed += 1;
    this.#measure(entry);
    const { id: agentId } = this.#state;
    const told = toldOf(entry);
    this.#tell(entry, failedEvent(agentId, told, at, failure));
    this.#end(entry, taskFailure(agentId, told, failure));
  }

  #endTimedOut(entry: TaskEntry, where: string, timeoutMs: number): void {
    this.#state.counts.timedOut += 1;
    this.#measure(entry);
    const { id: agentId } = this.#state;
    const told = toldOf(entry);
    const cause = entry.failure && errorFrom(entry.failure.error);
    this.#tell(entry, timedOutEvent(agentId, told, timeoutMs));
    this.#end(entry, taskTimeout(agentId, told, where, timeoutMs, cause));
  }

  /** Of what waits, only what outlives its agent goes on waiting. */
  #endWaiting(why: string): void {
    for (const entry of this.#unbegun()) if (!this.#outlives(entry)) this.#abandon(entry, why);
  }

  #abandon(entry: TaskEntry, why: string): void {
    if (entry.isAnswered) return;
    this.#withdraw(entry, why);
    const { failure, failedAt = this.#owner.now } = entry;
    // There is no other attempt any more: it has failed.
    if (failure !== undefined) return this.#endFailed(entry, failure, failedAt);
    this.#state.abandoned.push(entry.id);
    this.#endAbandoned(entry, why, false);
  }

  /** It runs, and may be done again: it goes along. */
  #carry(entry: TaskEntry): void {
    this.#owner.post({ type: 'task.cancel', taskId: entry.id, reason: 'the agent moves to another node' });
    this.#state.tasks = [
      ...this.#state.tasks.map((other) =>
        other === entry ? { ...entry, isAnswered: true, waiting: [] } : other,
      ),
      { ...entry, where: 'queued', place: taskPlaceAfter(entry.place, 'task.accepted') as TaskPlace },
    ];
  }

  /** Its agent is to end: what its work gives from now on counts as undone, and is done again later. */
  #cut({ id: taskId }: TaskEntry, reason: string): void {
    this.#owner.post({ type: 'task.cancel', taskId, reason, endsAttempt: 'interrupted' });
  }

  #endAbandoned(entry: TaskEntry, why: string, isCancelled: boolean): void {
    this.#state.counts.abandoned += 1;
    const { id: agentId } = this.#state;
    const told = toldOf(entry);
    const event = abandonedEvent(agentId, told, why);
    if (isCancelled) event.isCancelled = true;
    this.#tell(entry, event, isCancelled || why === BY_ITS_CALLER ? 'task.cancelled' : 'task.abandoned');
    this.#end(entry, abandonment(agentId, why, told.request, told));
  }

  /** Answered early: it leaves the queue, or its work is told to end. Says where it stood. */
  #withdraw(entry: TaskEntry, reason: string): string {
    if (!isWorking(entry)) {
      this.#remove(entry);
      return 'still waiting';
    }
    entry.isAnswered = true;
    this.#owner.post({ type: 'task.cancel', taskId: entry.id, reason });
    return 'still running';
  }

  /** What has happened to it, for the stream and for its chart. */
  #tell(entry: TaskEntry, event: EventBody, as = event.type as TaskChartEvent['type']): void {
    move(entry, as);
    this.#owner.emit(event);
  }

  #end(entry: TaskEntry, error?: AgentSystemError, output?: unknown): void {
    entry.isAnswered = true;
    const { waiting, id, submitted } = entry;
    entry.waiting = [];
    for (const token of waiting) {
      this.#owner.answer(token, error === undefined ? { value: output } : { refusal: refusalOf(error) });
    }
    if (entry.steps !== undefined) this.#owner.dropSteps(id);
    // What was submitted and has no output may be asked for again.
    if (entry.hasInput && (!submitted || error === undefined)) this.#owner.dropInput(id);
    if (!submitted) return;
    const { task, place, attempts, acceptedAt, startedAt, idempotencyKey, dedupeKey } = entry;
    const { policy, priority, timeoutMs } = entry;
    this.#state.ended.push({
      id,
      task,
      place,
      attempts,
      acceptedAt,
      startedAt,
      endedAt: this.#owner.now,
      output,
      error: error && errorInfoOf(error.cause ?? error),
      code: error?.code,
      idempotencyKey,
      dedupeKey,
      policy,
      priority,
      timeoutMs,
    });
    for (const { id } of this.#state.ended.splice(0, Math.max(0, this.#state.ended.length - MAX_ENDED))) {
      this.#owner.dropInput(id);
    }
  }

  #tellIfRested(): void {
    if (!this.#state.isResting || this.#working().length > 0) return;
    this.#state.isResting = false;
    this.#state.isBusy = false;
    this.#owner.becameRested();
  }

  #tellIfIdle(): void {
    this.#tellIfRested();
    // What is not begun any more keeps nobody busy.
    const isServing =
      this.#state.mode === 'open' || (this.#state.mode === 'draining' && !this.#state.isMoving);
    if ((isServing ? this.load : this.#working().length) > 0) return;
    const { mode, isBusy } = this.#state;
    if (mode === 'held' || (mode === 'open' && !isBusy)) return;
    this.#state.isBusy = false;
    if (mode === 'draining') this.#state.mode = 'finishing';
    this.#owner.becameIdle();
  }

  #measure({ acceptedAt }: TaskEntry): void {
    const { counts } = this.#state;
    counts.lastMs = this.#owner.now - acceptedAt;
    counts.totalMs += counts.lastMs;
    counts.maxMs = Math.max(counts.maxMs, counts.lastMs);
  }
}

const BY_ITS_CALLER = 'cancelled by its caller';

/** Where it stands after an event that forgets nothing. */
function move(entry: TaskEntry, event: TaskChartEvent['type']): void {
  entry.place = taskPlaceAfter(entry.place, event) as TaskPlace;
}

/** How an attempt failed that its agent's end has cut off. */
function interruption({ id: taskId }: TaskEntry, why: string): TaskFailure {
  const error = { name: 'Abandoned', message: why };
  return { type: 'task.failed', taskId, code: 'TASK_ABANDONED', error, retry: true };
}

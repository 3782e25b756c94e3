/**
 * One agent's tasks as its virtual object keeps them: accepted, waiting, running, answered.
 *
 * What the mailbox of one program is in memory (runtime/agent/mailbox.ts), as data; the same rules, the same events in
 * the same order. It is told to open, drain, abort and abandon, and tells when the agent becomes busy and idle.
 *
 * I1  Every accepted task has exactly one end, and its caller is answered once.
 * I2  A task that was answered early holds its place until its work settles.
 * I3  A task that was accepted and not begun outlives its node: it waits for the next one.
 * I4  What waits for its next attempt keeps its agent neither busy nor alive.
 */
import { type Parked, type RetryPolicy, retryDelayMs, type TaskPlace } from '../../machines/index.ts';
import type { AskArgs, ToldAnswer } from '../../runtime/agent/question-acts.ts';
import type { QuestionRecord } from '../../runtime/agent/question-record.ts';
import { queueFull, stallOf } from '../../runtime/agent/task-errors.ts';
import {
  acceptedEvent,
  parkedEvent,
  progressedEvent,
  retryScheduledEvent,
  stalledEvent,
  startedEvent,
} from '../../runtime/agent/task-events.ts';
import type { AgentManifest } from '../../runtime/definition/manifest.ts';
import type { BodyReport } from '../../runtime/hosting/host.ts';
import type { EventBody } from '../../runtime/journal/system-event.ts';
import { saidBy } from '../../runtime/values/act.ts';
import { AgentSystemError } from '../../runtime/values/errors.ts';
import type { NodeReport } from '../agent/agent-acts.ts';
import type { AgentState } from '../agent/agent-state.ts';
import type { Due } from '../engine/kept-chart.ts';
import type { LedgerOwner } from './ledger-owner.ts';
import { move, TaskEnds } from './task-ends.ts';
import {
  type AskedWork,
  type EndedTask,
  enteredTask,
  holdTime,
  isWorking,
  mayBeDoneAgain,
  mayBeTriedAgain,
  type TaskEntry,
  type TaskFailure,
  taskIdOf,
} from './task-entries.ts';
import { chooseTask } from './task-order.ts';
import { TaskQuestions } from './task-questions.ts';
import { toldOf } from './told-task.ts';

/** What is due of a task. */
export interface TaskDue extends Due {
  take(): void;
}

export class TaskLedger {
  readonly #owner: LedgerOwner;
  /** The input of the task that is just being accepted. */
  #fresh: { readonly taskId: string; readonly input: unknown } | undefined;
  #isPumping = false;
  readonly #questions: TaskQuestions;
  readonly #ends: TaskEnds;

  constructor(owner: LedgerOwner) {
    this.#owner = owner;
    this.#questions = new TaskQuestions(this);
    this.#ends = new TaskEnds(owner, this.#questions);
  }

  get state(): AgentState {
    return this.#owner.state;
  }

  get now(): number {
    return this.#owner.now;
  }

  nextOrder(): number {
    return this.#owner.nextOrder();
  }

  emit(event: EventBody): void {
    this.#owner.emit(event);
  }

  answerRequest(requestId: number, taskId: string, value: unknown): void {
    this.#owner.answerRequest(requestId, taskId, value);
  }

  /** Tasks that wait for their turn, or run. */
  get load(): number {
    return this.state.tasks.filter(({ where }) => where !== 'delayed').length;
  }

  get isBusy(): boolean {
    return this.state.isBusy;
  }

  /** All that is due of tasks, and of their questions. */
  *dues(): Iterable<TaskDue> {
    for (const entry of this.state.tasks) {
      if (entry.isAnswered) continue;
      const { timeout, attemptEnd, due } = entry;
      if (timeout !== undefined) yield { ...timeout, take: () => this.#timeOut(entry) };
      if (attemptEnd !== undefined) yield { ...attemptEnd, take: () => this.#expire(entry) };
      if (due !== undefined) yield { ...due, take: () => this.#timeHasCome(entry) };
    }
    for (const due of this.#questions.dues())
      yield { ...due, take: () => this.#questions.expire(due.question) };
  }

  #timeHasCome(entry: TaskEntry): void {
    entry.due = undefined;
    // One that is due while its agent ends waits for the next life.
    if (!this.#takesInTurn) return;
    this.#becomeDue(entry);
    this.#pump();
  }

  /** Takes a task in. @throws AgentSystemError `TASK_QUEUE_FULL` */
  accept(asked: AskedWork): TaskEntry {
    const { id: agentId, line, spec, tasks, manifest } = this.state;
    const running = tasks.filter(isWorking).length;
    const unbegun = tasks.length - running;
    // What waits for its turn is bounded; what may run at once is not waiting.
    const mayBegin = this.state.mode === 'open' && !this.state.isHeldBack;
    const free = mayBegin ? Math.max(0, spec.tasks.concurrency - running) : 0;
    const { queueLimit } = spec.tasks;
    if (unbegun >= queueLimit + free) throw queueFull(agentId, unbegun - free, queueLimit);
    this.state.acceptedTasks += 1;
    return this.#enter(asked, taskIdOf(agentId, line, this.state.acceptedTasks), 0, manifest);
  }

  /** Does a submitted task again that has ended, under its id: it has all of its attempts, and its time, once more. */
  repeat(ended: EndedTask, by: string | undefined): TaskEntry {
    this.state.ended = this.state.ended.filter((other) => other !== ended);
    const { id, task: type, timeoutMs = Infinity, policy, priority, idempotencyKey, dedupeKey } = ended;
    const asked: AskedWork = {
      type,
      timeoutMs,
      policy,
      priority,
      idempotencyKey,
      dedupeKey,
      submitted: true,
      by,
    };
    return this.#enter(asked, id, ended.attempts, this.state.manifest, ended.place);
  }

  #enter(
    asked: AskedWork,
    id: string,
    before: number,
    manifest: AgentManifest,
    endedAt?: TaskPlace,
  ): TaskEntry {
    const entry = enteredTask(asked, {
      id,
      before,
      manifest,
      endedAt,
      now: this.#owner.now,
      incarnation: this.#incarnation,
      takesInTurn: this.#takesInTurn,
      nextOrder: () => this.#owner.nextOrder(),
    });
    const { submitted } = entry;
    this.state.tasks.push(entry);
    const isAgain = endedAt !== undefined;
    if (!isAgain) this.#fresh = { taskId: id, input: asked.input };
    const told = toldOf(entry, { input: asked.input, by: asked.by });
    this.#owner.emit(acceptedEvent(this.state.id, told, entry.timeout?.dueAt));
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
    return this.state.life.context.incarnation;
  }

  /** Whether what comes now is in time for this life of its agent: one that ends is not held up by it. */
  get #takesInTurn(): boolean {
    const { mode, isMoving } = this.state;
    return mode === 'open' || mode === 'held' || isMoving;
  }

  /** A new incarnation begins: what it accepts is held until it is ready. */
  hold(): void {
    this.state.mode = 'held';
    this.state.abandoned = [];
  }

  /** The agent is ready: what was held may run, unless the agent is paused or parked. */
  open(isHeldBack: boolean): void {
    this.state.mode = 'open';
    this.state.isHeldBack = isHeldBack;
    for (const entry of this.state.tasks) {
      if (entry.where === 'delayed' && entry.due === undefined) this.#becomeDue(entry);
    }
    this.#pump();
  }

  /** Nothing new begins: it tells once nothing runs. */
  rest(): void {
    this.state.isHeldBack = true;
    this.state.isResting = true;
    this.#tellIfRested();
  }

  /** Nothing holds it back any more: it goes on, and tells whether it has work. */
  resume(): void {
    this.state.isHeldBack = false;
    this.state.isResting = false;
    this.state.isBusy = false;
    this.#pump();
  }

  /** Its limits are others: what was accepted stays accepted. */
  follow(): void {
    this.#pump();
  }

  /** Accepted tasks may finish; then it is idle. */
  drain(): void {
    this.state.mode = 'draining';
    // A person may take longer than any grace: such a task goes along.
    for (const entry of this.state.isMoving ? this.#working() : [])
      if (!entry.isAnswered && this.#questions.isAsking(entry.id)) this.#carry(entry);
    this.#pump();
    this.#tellIfIdle();
  }

  /** What runs may finish, what waits is not begun any more; then it is idle. */
  finish(why: string): void {
    this.state.mode = 'finishing';
    this.#endWaiting(why);
    this.#tellIfIdle();
  }

  /** What waits is not begun any more, what runs is told to end. */
  abort(): void {
    const why = 'the agent is ending';
    this.state.mode = 'aborting';
    this.#endWaiting(why);
    for (const entry of this.#working()) {
      if (entry.isAnswered) continue;
      // A task that waits for a person goes on when the agent comes back.
      if (!this.state.isMoving && this.#comesBackTo(entry)) continue;
      if (this.state.isMoving && entry.didAsk) this.#carry(entry);
      else if (this.state.isMoving && entry.retry && entry.policy === undefined) this.#carry(entry);
      else if (this.#outlives(entry) && mayBeTriedAgain(entry)) this.#cut(entry, why);
      else this.#abandon(entry, why);
    }
    this.#tellIfIdle();
  }

  /** The body is gone, and all that it had to do with it. */
  abandonAll(why: string): void {
    this.#endWaiting(why);
    for (const entry of this.#working()) {
      this.#left(entry, this.#comesBackTo(entry));
      if (entry.isAnswered) this.#remove(entry);
      else if (this.#comesBackTo(entry)) this.#keep(entry);
      else if (this.#outlives(entry) && mayBeTriedAgain(entry))
        this.#tryAgain(entry, interruption(entry, why));
      else {
        this.#remove(entry);
        this.#abandon(entry, why);
      }
    }
    this.#questions.bodyEnded();
    this.state.mode = 'held';
    this.state.isResting = false;
    this.state.isBusy = false;
  }

  /** A task that had asked a person: it is the next when the agent is back, and asks again. */
  #keep(entry: TaskEntry): void {
    entry.where = 'queued';
    entry.isKept = true;
    if (entry.place === 'running') move(entry, 'task.accepted');
  }

  /** Whether it has asked a person, and the agent may come back to go on with it. */
  #comesBackTo({ didAsk }: TaskEntry): boolean {
    return didAsk === true && this.#owner.mayComeBack;
  }

  /** Its agent does not come back by itself: nobody who waits for it has to. */
  endWaits(why: string): void {
    if (this.state.isMoving) return;
    for (const entry of this.#unbegun()) {
      const isExecuted = !entry.submitted && entry.before === 0;
      if (isExecuted || (entry.isKept && !entry.outlivesAgent)) this.#abandon(entry, why);
    }
  }

  /** Its agent is forgotten: nothing waits any more. */
  discard(why: string): void {
    for (const entry of this.#unbegun()) this.#abandon(entry, why);
  }

  /** Its node is gone: what ran is unknown, or is done again; what waited waits on. */
  lost(): void {
    for (const entry of this.#working()) {
      this.#left(entry, entry.didAsk);
      if (entry.isAnswered) this.#remove(entry);
      else this.#lose(entry);
    }
    this.#questions.bodyEnded();
    this.state.mode = 'held';
    this.state.isResting = false;
    this.state.isBusy = false;
    this.state.abandoned = [];
  }

  #lose(entry: TaskEntry): void {
    const { id: taskId, task, submitted, incarnation, attempts, startedAt } = entry;
    const { id: agentId } = this.state;
    // If it waits for a person, nothing is unknown.
    if (this.#questions.openOf(taskId) > 0) {
      this.#keep(entry);
      entry.incarnation = this.#incarnation + 1;
      return;
    }
    const retry = entry.didAsk === true || mayBeDoneAgain(entry);
    const of = { agentId, incarnation, taskId, task, retry };
    const record = startedAt === undefined ? { attempts } : { attempts, startedAt };
    const ofSubmitted = submitted ? { submitted: true as const, ...record } : {};
    this.#ends.tell(
      entry,
      { type: 'task.unknown', ...of, ...ofSubmitted },
      retry ? 'task.accepted' : 'task.unknown',
    );
    if (retry) {
      entry.where = 'queued';
      if (entry.didAsk) entry.isKept = true;
      entry.incarnation = this.#incarnation + 1;
      return;
    }
    this.#remove(entry);
    const message = `task ${task} of agent ${agentId} was running when its node was lost: nobody knows how far it came`;
    const details = { taskId, task, status: 'unknown' } as const;
    this.#ends.end(entry, new AgentSystemError('TASK_ABANDONED', message, { agentId, details }));
  }

  /** What its body reports of a task. One it does not know is late, and dropped. */
  settle(report: Extract<BodyReport, { type: 'task.completed' | 'task.failed' }>): void {
    const entry = this.#workingOn(report.taskId);
    if (entry === undefined) return;
    this.#left(entry);
    this.#remove(entry);
    if (!entry.isAnswered) {
      if (report.type === 'task.completed') this.#ends.complete(entry, report.output);
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
      if (this.state.mode === 'open') this.state.isHeldBack = true;
      else {
        // Of what waits, nothing would begin before the reset, either.
        if (this.state.mode === 'draining') this.state.mode = 'finishing';
        this.#endWaiting(`the agent is ending, and a limit is reached: ${report.why}`);
      }
    }
    this.#owner.limitReached(report);
    this.#pump();
    this.#tellIfIdle();
  }

  /** What those that ran into a limit wait for. */
  parked(parked: Parked): void {
    for (const entry of this.state.tasks) {
      if (!entry.isParking) continue;
      entry.isParking = undefined;
      if (entry.where !== 'queued') continue;
      entry.parked = parked;
      this.#ends.tell(entry, parkedEvent(this.state.id, toldOf(entry), parked));
    }
  }

  /** Whether a task that runs gets on, as its node sees it. */
  progressWatched(taskId: string, what: 'stalled' | 'progressed' | 'abort' | 'crash'): void {
    const entry = this.#workingOn(taskId);
    if (entry === undefined || entry.isAnswered) return;
    const { id: agentId, manifest } = this.state;
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
        this.#ends.failed(entry, failure, this.#owner.now);
        this.#tellIfIdle();
      }
    }
  }

  /**
   * A task asks a person. Gives what it is told at once; `undefined` where it waits.
   *
   * @param input of the task: it may have to be begun again
   * @throws AgentSystemError `REQUEST_INVALID`
   */
  ask(taskId: string, requestId: number, args: AskArgs, input: unknown): ToldAnswer | undefined {
    const entry = this.#asking(taskId, `question ${args.key}`);
    const told = this.#questions.ask(entry, requestId, args);
    entry.didAsk = true;
    this.#keepInput(entry, input);
    return told;
  }

  askWithdrawn(taskId: string, requestId: number): void {
    this.#questions.withdrawn(taskId, requestId);
  }

  /** @throws AgentSystemError `QUESTION_UNKNOWN`, `QUESTION_CLOSED`, `ANSWER_INVALID` */
  answerQuestion(id: string, value: unknown, by: string | undefined): QuestionRecord {
    return this.#questions.answer(id, value, by);
  }

  questionOpened(taskId: string): void {
    const entry = this.#workingOn(taskId);
    if (entry !== undefined) move(entry, 'task.asked');
  }

  /** It waits for a person as long as one of its questions is open. */
  questionClosed(taskId: string): void {
    const entry = this.state.tasks.find(({ id, isAnswered }) => id === taskId && !isAnswered);
    if (entry?.place !== 'waiting_for_input' || this.#questions.openOf(taskId) > 0) return;
    // Where its body is gone, it waits for the next one.
    move(entry, isWorking(entry) ? 'task.told' : 'task.accepted');
  }

  beginsToAsk(taskId: string): void {
    const entry = this.#workingOn(taskId);
    if (entry !== undefined && this.#questions.isHeld(taskId)) holdTime(entry, this.#owner.now);
  }

  hasAsked(taskId: string): void {
    const entry = this.#workingOn(taskId);
    if (entry !== undefined && !this.#questions.isHeld(taskId)) this.#goOn(entry);
  }

  /** Its time runs again. */
  #goOn(entry: TaskEntry): void {
    if (!entry.isHeld) return;
    entry.isHeld = undefined;
    const { heldMs } = entry;
    entry.heldMs = undefined;
    if (entry.isAnswered) return;
    if (isWorking(entry)) this.#limitAttempt(entry);
    if (heldMs !== undefined)
      entry.timeout = { dueAt: this.#owner.now + heldMs, order: this.#owner.nextOrder() };
  }

  #limitAttempt(entry: TaskEntry): void {
    const { attemptTimeoutMs = Infinity } = entry.policy ?? {};
    if (attemptTimeoutMs === Infinity) return;
    entry.attemptEnd = { dueAt: this.#owner.now + attemptTimeoutMs, order: this.#owner.nextOrder() };
  }

  /** Keeps the result of a step. @throws AgentSystemError `REQUEST_INVALID` where it cannot */
  step(taskId: string, key: string, value: unknown, maxSteps: number): void {
    const entry = this.#asking(taskId, `step ${key}`);
    const steps = entry.steps ?? [];
    const refuse = (problem: string): never => {
      const message = `step ${key}: ${problem}`;
      throw new AgentSystemError('REQUEST_INVALID', message, { agentId: this.state.id });
    };
    if (steps.includes(key)) refuse('it is kept already');
    if (steps.length >= maxSteps) refuse(`expected ${maxSteps} steps of a task at the most`);
    entry.steps = [...steps, key];
    this.#owner.keepSteps(taskId, key, value);
    const { id: agentId } = this.state;
    const { incarnation, task } = entry;
    this.#owner.emit({ type: 'task.step', agentId, incarnation, taskId, task, key });
  }

  /** @throws AgentSystemError `REQUEST_INVALID` for one that has ended */
  assertAsking(taskId: string, what: string): void {
    this.#asking(taskId, what);
  }

  /** A task that asks for something. */
  #asking(taskId: string, what: string): TaskEntry {
    const entry = this.#workingOn(taskId);
    if (entry !== undefined && !entry.isAnswered) return entry;
    const message = `${what}: the task that asked has ended`;
    throw new AgentSystemError('REQUEST_INVALID', message, { agentId: this.state.id });
  }

  /** Drops the record of one that has ended. */
  forget(ended: EndedTask, by: string | undefined): void {
    this.state.ended = this.state.ended.filter((other) => other !== ended);
    this.#owner.dropInput(ended.id);
    const { id: taskId, task } = ended;
    const { id: agentId } = this.state;
    this.emit({
      type: 'task.forgotten',
      agentId,
      incarnation: this.#incarnation,
      taskId,
      task,
      ...saidBy(by),
    });
  }

  /** Cancels by the id of the task, or of the call that asked for it. Whether there was one that had not ended. */
  cancel(
    by: { readonly taskId?: string; readonly callId?: string },
    why: string,
    cancel?: { readonly by?: string | undefined },
  ): boolean {
    const entry = this.state.tasks.find(
      ({ id, terms, isAnswered }) =>
        !isAnswered && (id === by.taskId || (terms?.callId !== undefined && terms.callId === by.callId)),
    );
    if (entry === undefined) return false;
    this.#withdraw(entry, 'the task was cancelled');
    this.#ends.abandoned(entry, why, cancel);
    this.#tellIfIdle();
    return true;
  }

  #timeOut(entry: TaskEntry): void {
    const where = this.#withdraw(entry, 'the task has timed out');
    this.#ends.timedOut(entry, where, entry.timeoutMs!);
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
      this.#ends.timedOut(entry, 'still running', attemptTimeoutMs);
      return this.#tellIfIdle();
    }
    this.#owner.post({ type: 'task.cancel', taskId: entry.id, reason, endsAttempt: 'timed_out' });
  }

  /** Starts what may run. */
  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    for (;;) {
      const { tasks, passed, spec } = this.state;
      if (!this.#isServing || tasks.filter(isWorking).length >= spec.tasks.concurrency) break;
      const choice = chooseTask(tasks, passed);
      if (choice === undefined) break;
      this.state.passed = choice.passed;
      this.#start(choice.entry);
    }
    this.#isPumping = false;
    const { mode, isBusy, isHeldBack } = this.state;
    if (mode === 'open' && !isBusy && !isHeldBack && this.load > 0) {
      this.state.isBusy = true;
      this.#owner.becameBusy();
    }
  }

  /** What waits goes along with one that moves. */
  get #isServing(): boolean {
    const { mode, isMoving, isHeldBack } = this.state;
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
    entry.isKept = undefined;
    this.#goOn(entry);
    if (!this.state.isBusy && this.state.mode === 'open') {
      this.state.isBusy = true;
      this.#owner.becameBusy();
    }
    // Its time may have come with the next life of its agent.
    if (entry.place === 'waiting.delayed') move(entry, 'task.due');
    this.#ends.tell(entry, startedEvent(this.state.id, toldOf(entry)));
    if (this.#questions.openOf(entry.id) > 0) move(entry, 'task.asked');
    if (entry.attemptEnd === undefined) this.#limitAttempt(entry);
    const isFresh = this.#fresh?.taskId === entry.id;
    this.#owner.run(entry, isFresh ? { input: this.#fresh!.input } : undefined);
  }

  #becomeDue(entry: TaskEntry): void {
    entry.where = 'queued';
    if (entry.place === 'waiting.delayed') move(entry, 'task.due');
  }

  #working(): TaskEntry[] {
    return this.state.tasks.filter(isWorking).toSorted((one, other) => (one.begun ?? 0) - (other.begun ?? 0));
  }

  /** Those that wait for their turn, in their order, then those that wait for their time. */
  #unbegun(): TaskEntry[] {
    const { tasks } = this.state;
    const queued = tasks.filter(({ where }) => where === 'queued');
    const delayed = tasks.filter(({ where }) => where === 'delayed');
    return [...queued.toSorted((one, other) => one.order - other.order), ...delayed];
  }

  #workingOn(taskId: string): TaskEntry | undefined {
    return this.state.tasks.find((entry) => isWorking(entry) && entry.id === taskId);
  }

  /** Its work has ended, or its body has. @param isKept its time stands still until it is begun again */
  #left(entry: TaskEntry, isKept = false): void {
    if (!isKept) this.#goOn(entry);
    entry.attemptEnd = undefined;
    entry.stalledAt = undefined;
    this.#questions.attemptEnded(entry.id);
    this.#owner.attemptEnded(entry.id);
  }

  #remove(entry: TaskEntry): void {
    this.state.tasks = this.state.tasks.filter((other) => other !== entry);
  }

  #fail(entry: TaskEntry, failure: TaskFailure): void {
    if (failure.retry === true && this.#isTriedAgain(entry)) {
      this.state.tasks.push(entry);
      return this.#tryAgain(entry, failure);
    }
    if (entry.isExpired) return this.#ends.timedOut(entry, 'still running', entry.policy!.attemptTimeoutMs!);
    this.#ends.failed(entry, failure, this.#owner.now);
  }

  /** Whether another attempt can come: one of an agent that ends can only where the task outlives that. */
  #isTriedAgain(entry: TaskEntry): boolean {
    return mayBeTriedAgain(entry) && (this.state.mode === 'open' || this.#outlives(entry));
  }

  /** Whether it waits for its agent to run again; along with one that moves all do. */
  #outlives(entry: TaskEntry): boolean {
    return entry.outlivesAgent || this.state.isMoving || this.#comesBackTo(entry);
  }

  /** It waits for its next attempt; where that would come after its time, this one was the last. */
  #tryAgain(entry: TaskEntry, failure: TaskFailure): void {
    const { now, chance } = this.#owner;
    const delayMs = retryDelayMs(entry.policy as RetryPolicy, entry.attempts - entry.before, chance);
    const dueAt = now + delayMs;
    if (dueAt >= (entry.timeout?.dueAt ?? Infinity)) {
      this.#remove(entry);
      return this.#ends.failed(entry, failure, now);
    }
    entry.failure = failure;
    entry.failedAt = now;
    this.#ends.tell(entry, retryScheduledEvent(this.state.id, toldOf(entry), failure, delayMs, dueAt));
    entry.where = 'delayed';
    entry.due = { dueAt, order: this.#owner.nextOrder() };
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
    if (failure !== undefined) return this.#ends.failed(entry, failure, failedAt);
    this.state.abandoned.push(entry.id);
    this.#ends.abandoned(entry, why);
  }

  /** It runs, and may be done again: it goes along. */
  #carry(entry: TaskEntry): void {
    this.#owner.post({ type: 'task.cancel', taskId: entry.id, reason: 'the agent moves to another node' });
    const again: TaskEntry = { ...entry, where: 'queued' };
    if (this.#questions.openOf(entry.id) === 0) move(again, 'task.accepted');
    this.state.tasks = [
      ...this.state.tasks.map((other) =>
        other === entry ? { ...entry, isAnswered: true, waiting: [] } : other,
      ),
      again,
    ];
  }

  /** Its agent is to end: what its work gives from now on counts as undone, and is done again later. */
  #cut({ id: taskId }: TaskEntry, reason: string): void {
    this.#owner.post({ type: 'task.cancel', taskId, reason, endsAttempt: 'interrupted' });
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

  #tellIfRested(): void {
    if (!this.state.isResting || this.#working().length > 0) return;
    this.state.isResting = false;
    this.state.isBusy = false;
    this.#owner.becameRested();
  }

  #tellIfIdle(): void {
    this.#tellIfRested();
    // What is not begun any more keeps nobody busy.
    const isServing = this.state.mode === 'open' || (this.state.mode === 'draining' && !this.state.isMoving);
    if ((isServing ? this.load : this.#working().length) > 0) return;
    const { mode, isBusy } = this.state;
    if (mode === 'held' || (mode === 'open' && !isBusy)) return;
    this.state.isBusy = false;
    if (mode === 'draining') this.state.mode = 'finishing';
    this.#owner.becameIdle();
  }
}

/** How an attempt failed that its agent's end has cut off. */
function interruption({ id: taskId }: TaskEntry, why: string): TaskFailure {
  const error = { name: 'Abandoned', message: why };
  return { type: 'task.failed', taskId, code: 'TASK_ABANDONED', error, retry: true };
}

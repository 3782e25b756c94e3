/**
 * One agent's tasks as its virtual object keeps them: accepted, waiting, running, answered.
 *
 * What the mailbox of one program is in memory (runtime/agent/mailbox.ts), as data; the same rules, the same events in
 * the same order. It is told to open, drain, abort and abandon, and tells when the agent becomes busy and idle.
 *
 * I1  Every accepted task has exactly one end, and whoever waits for it is answered once.
 * I2  A task that was answered early holds its place until its work settles.
 * I3  A task that was accepted and not begun outlives its node: it waits for the next one.
 */
import type { ErrorInfo } from '../machines/index.ts';
import type { BodyReport, BodyRequest } from '../runtime/hosting/host.ts';
import type { EventBody, EventDraft } from '../runtime/journal/system-event.ts';
import { AgentSystemError, type ErrorCode, errorFrom, errorInfoOf } from '../runtime/values/errors.ts';
import type { AgentState, EndedTask, TaskEntry } from './agent-state.ts';
import { type Answer, refusalOf } from './answer.ts';

/** A task as it is asked for. */
export interface AskedWork {
  readonly type: string;
  readonly input?: unknown;
  readonly timeoutMs?: number | undefined;
  readonly retry: boolean;
  readonly submitted: boolean;
  readonly idempotencyKey?: string | undefined;
  readonly isFollowed?: boolean | undefined;
  readonly callId?: string | undefined;
  /** Who waits for its end. */
  readonly token?: string | undefined;
}

export interface LedgerOwner {
  readonly state: AgentState;
  readonly now: number;
  emit(event: EventBody): void;
  post(request: BodyRequest): void;
  /** Has a task run whose input is kept, or is at hand. */
  run(entry: TaskEntry, input: { readonly input: unknown } | undefined): void;
  keepInput(taskId: string, input: unknown): void;
  dropInput(taskId: string): void;
  answer(token: string, answer: Answer): void;
  becameBusy(): void;
  becameIdle(): void;
  /** Nothing runs any more, as it was asked to tell. */
  becameRested(): void;
  /** The place of one more deadline. */
  nextOrder(): number;
}

/** Records kept of an agent's tasks that were submitted and have ended. */
const MAX_ENDED = 100;

export class TaskLedger {
  readonly #owner: LedgerOwner;
  /** The input of the task that is just being accepted. */
  #fresh: { readonly taskId: string; readonly input: unknown } | undefined;

  constructor(owner: LedgerOwner) {
    this.#owner = owner;
  }

  get #state(): AgentState {
    return this.#owner.state;
  }

  get load(): number {
    return this.#state.tasks.length;
  }

  /** Takes a task in. @throws AgentSystemError `TASK_QUEUE_FULL` */
  accept(asked: AskedWork): TaskEntry {
    const { id: agentId, spec, tasks, mode } = this.#state;
    const running = tasks.filter(({ isRunning }) => isRunning).length;
    const waiting = tasks.length - running;
    // What waits for its turn is bounded; what may run at once is not waiting.
    const mayBegin = mode === 'open' && !this.#state.isHeldBack;
    const free = mayBegin ? Math.max(0, spec.tasks.concurrency - running) : 0;
    if (waiting >= spec.tasks.queueLimit + free) {
      const message = `agent ${agentId} has ${waiting - free} tasks waiting, its tasks.queueLimit is ${spec.tasks.queueLimit}`;
      throw new AgentSystemError('TASK_QUEUE_FULL', message, { agentId });
    }
    this.#state.acceptedTasks += 1;
    const { type: task, input, timeoutMs, retry, submitted, idempotencyKey, isFollowed = false } = asked;
    const isLimited = timeoutMs !== undefined && timeoutMs !== Infinity;
    const { now } = this.#owner;
    const entry: TaskEntry = {
      id: taskIdOf(agentId, this.#state.acceptedTasks),
      task,
      retry,
      timeoutMs,
      submitted,
      idempotencyKey,
      isFollowed,
      callId: asked.callId,
      acceptedAt: now,
      dueAt: isLimited ? now + timeoutMs : undefined,
      order: this.#owner.nextOrder(),
      incarnation: this.#incarnation,
      attempts: 0,
      isRunning: false,
      isAnswered: false,
      waiting: asked.token === undefined ? [] : [asked.token],
    };
    tasks.push(entry);
    this.#fresh = { taskId: entry.id, input };
    this.#emitAccepted(entry, input);
    this.pump();
    // One that waits, and one that may have to be done again, is kept with its input.
    if (!entry.isRunning || retry || submitted) this.#owner.keepInput(entry.id, input);
    this.#fresh = undefined;
    return entry;
  }

  get #incarnation(): number {
    return this.#state.life.context.incarnation;
  }

  #emitAccepted(entry: TaskEntry, input: unknown): void {
    const { id: taskId, task, retry, submitted, timeoutMs, idempotencyKey, attempts, incarnation } = entry;
    const of = { agentId: this.#state.id, incarnation, taskId, task, retry };
    if (!submitted) return this.#owner.emit({ type: 'task.accepted', ...of, ...(retry ? { input } : {}) });
    this.#owner.emit({
      type: 'task.accepted',
      ...of,
      input,
      submitted: true,
      ...(timeoutMs === undefined || timeoutMs === Infinity ? {} : { timeoutMs }),
      ...(attempts > 0 ? { attempts } : {}),
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    });
  }

  /** A new incarnation begins: what it accepts is held until it is ready. */
  hold(): void {
    this.#state.mode = 'held';
    this.#state.abandoned = [];
  }

  open(isHeldBack: boolean): void {
    this.#state.mode = 'open';
    this.#state.isHeldBack = isHeldBack;
    this.pump();
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
    this.pump();
  }

  drain(): void {
    this.#state.mode = 'draining';
    this.pump();
    this.#tellIfIdle();
  }

  finish(): void {
    const { ordered, paused } = this.#state.life.context;
    this.#state.mode = 'draining';
    this.#abandonWaiting(
      ordered?.reason === 'normal' || paused === undefined
        ? 'the agent has completed'
        : 'the agent is ending, and is paused',
    );
    this.#tellIfIdle();
  }

  abort(): void {
    this.#state.mode = 'aborting';
    this.#abandonWaiting('the agent is ending');
    for (const entry of this.#running()) this.#abandon(entry, 'the agent is ending');
    this.#tellIfIdle();
  }

  abandonAll(why: string): void {
    this.#abandonWaiting(why);
    for (const entry of this.#running()) {
      this.#abandon(entry, why);
      this.#remove(entry);
    }
    this.#state.mode = 'held';
    this.#state.isResting = false;
    this.#state.isBusy = false;
  }

  /** Its node is gone: what ran is unknown, or is done again; what waited waits on. */
  lost(): void {
    for (const entry of this.#running()) {
      if (entry.isAnswered) this.#remove(entry);
      else this.#lose(entry);
    }
    this.#state.mode = 'held';
    this.#state.isResting = false;
    this.#state.isBusy = false;
    this.#state.abandoned = [];
  }

  #lose(entry: TaskEntry): void {
    const { id: taskId, task, retry, submitted, incarnation } = entry;
    const { id: agentId } = this.#state;
    this.#owner.emit({
      type: 'task.unknown',
      agentId,
      incarnation,
      taskId,
      task,
      retry,
      ...(submitted ? { submitted: true as const } : {}),
    });
    if (retry) {
      entry.isRunning = false;
      entry.startedAt = undefined;
      entry.incarnation = this.#incarnation + 1;
      return;
    }
    this.#remove(entry);
    const message = `task ${task} of agent ${agentId} was running when its node was lost: nobody knows how far it came`;
    const details = { taskId, task, status: 'unknown' };
    this.#end(entry, 'unknown', new AgentSystemError('TASK_ABANDONED', message, { agentId, details }));
  }

  settle(report: Extract<BodyReport, { type: 'task.completed' | 'task.failed' }>): void {
    const entry = this.#state.tasks.find(({ id, isRunning }) => isRunning && id === report.taskId);
    if (entry === undefined) return;
    this.#remove(entry);
    if (!entry.isAnswered) {
      if (report.type === 'task.completed') this.#complete(entry, report.output);
      else this.#fail(entry, report);
    }
    this.pump();
    this.#tellIfIdle();
  }

  /** Cancels by the id of the task, or of the call that asked for it. Whether there was one that had not ended. */
  cancel(
    by: { readonly taskId?: string; readonly callId?: string },
    why: string,
    isByCaller: boolean,
  ): boolean {
    const entry = this.#state.tasks.find(
      ({ id, callId, isAnswered }) =>
        !isAnswered && (id === by.taskId || (callId !== undefined && callId === by.callId)),
    );
    if (entry === undefined) return false;
    this.#withdraw(entry, 'the task was cancelled');
    this.#endAbandoned(entry, why, !isByCaller);
    this.#tellIfIdle();
    return true;
  }

  timeOut(entry: TaskEntry): void {
    if (entry.isAnswered) return;
    const where = this.#withdraw(entry, 'the task has timed out');
    this.#state.counts.timedOut += 1;
    this.#measure(entry);
    const { id: taskId, task, incarnation, timeoutMs = 0, attempts: attempt } = entry;
    const { id: agentId } = this.#state;
    const message = `task ${task} of agent ${agentId} was ${where} after ${timeoutMs} ms`;
    this.#emitEnd(entry, { type: 'task.timed_out', agentId, incarnation, taskId, task, attempt, timeoutMs });
    this.#end(entry, 'timed_out', this.#error('TASK_TIMED_OUT', message, entry));
    this.#tellIfIdle();
  }

  /** Does a submitted task again that has ended, under its id. @throws AgentSystemError `TASK_UNKNOWN`, `AGENT_ILLEGAL_COMMAND` */
  repeat(taskId: string): TaskEntry {
    const ended = this.#state.ended.find(({ id }) => id === taskId);
    const { id: agentId } = this.#state;
    if (ended === undefined || ended.status === 'done') {
      const message = `task ${taskId} has not ended without an output, retry is not possible`;
      throw new AgentSystemError(ended === undefined ? 'TASK_UNKNOWN' : 'AGENT_ILLEGAL_COMMAND', message, {
        agentId,
      });
    }
    this.#state.ended = this.#state.ended.filter(({ id }) => id !== taskId);
    const { task, retry, idempotencyKey, attempts, timeoutMs } = ended;
    const { now } = this.#owner;
    const entry: TaskEntry = {
      id: taskId,
      task,
      retry,
      timeoutMs,
      submitted: true,
      idempotencyKey,
      isFollowed: false,
      acceptedAt: now,
      dueAt: timeoutMs === undefined || timeoutMs === Infinity ? undefined : now + timeoutMs,
      order: this.#owner.nextOrder(),
      incarnation: this.#incarnation,
      attempts,
      isRunning: false,
      isAnswered: false,
      waiting: [],
    };
    this.#state.tasks.push(entry);
    this.#emitAccepted(entry, undefined);
    this.pump();
    return entry;
  }

  /** Starts what may run. */
  pump(): void {
    const { spec } = this.#state;
    const isServing = (): boolean => {
      const { mode, isMoving } = this.#state;
      // What waits goes along with one that moves.
      if (this.#state.isHeldBack) return false;
      return mode === 'open' || (mode === 'draining' && !isMoving);
    };
    for (;;) {
      const running = this.#state.tasks.filter(({ isRunning }) => isRunning).length;
      const next = this.#state.tasks.find(({ isRunning }) => !isRunning);
      if (next === undefined || !isServing() || running >= spec.tasks.concurrency) break;
      this.#start(next);
    }
    const { mode, isBusy, isHeldBack } = this.#state;
    if (mode === 'open' && !isBusy && !isHeldBack && this.load > 0) {
      this.#state.isBusy = true;
      this.#owner.becameBusy();
    }
  }

  #start(entry: TaskEntry): void {
    entry.isRunning = true;
    entry.incarnation = this.#incarnation;
    entry.attempts += 1;
    entry.startedAt = this.#owner.now;
    if (!this.#state.isBusy && this.#state.mode === 'open') {
      this.#state.isBusy = true;
      this.#owner.becameBusy();
    }
    const { id: taskId, task, incarnation, attempts: attempt } = entry;
    this.#owner.emit({ type: 'task.started', agentId: this.#state.id, incarnation, taskId, task, attempt });
    const isFresh = this.#fresh?.taskId === taskId;
    this.#owner.run(entry, isFresh ? { input: this.#fresh!.input } : undefined);
  }

  #running(): TaskEntry[] {
    return this.#state.tasks.filter(({ isRunning }) => isRunning);
  }

  #remove(entry: TaskEntry): void {
    this.#state.tasks = this.#state.tasks.filter((other) => other !== entry);
  }

  #complete(entry: TaskEntry, output: unknown): void {
    this.#state.counts.done += 1;
    this.#measure(entry);
    const { id: taskId, task, incarnation } = entry;
    this.#emitEnd(entry, {
      type: 'task.completed',
      agentId: this.#state.id,
      incarnation,
      taskId,
      task,
      ...this.#times(entry),
      ...(entry.submitted && output !== undefined ? { output } : {}),
    });
    this.#end(entry, 'done', undefined, output);
  }

  #fail(entry: TaskEntry, { code, error, expected }: Extract<BodyReport, { type: 'task.failed' }>): void {
    this.#state.counts.failed += 1;
    this.#measure(entry);
    const { id: taskId, task, incarnation } = entry;
    const { id: agentId } = this.#state;
    const message = `task ${task} of agent ${agentId} ${WHAT[code] ?? 'failed'}: ${error.message}`;
    this.#emitEnd(entry, {
      type: 'task.failed',
      agentId,
      incarnation,
      taskId,
      task,
      ...this.#times(entry),
      attempt: entry.attempts,
      code,
      error,
    });
    this.#end(entry, 'failed', this.#error(code, message, entry, error, expected));
  }

  #abandonWaiting(why: string): void {
    // One that moves takes what waits along.
    if (this.#state.isMoving) return;
    for (const entry of this.#state.tasks.filter(({ isRunning }) => !isRunning)) this.#abandon(entry, why);
  }

  #abandon(entry: TaskEntry, why: string): void {
    if (entry.isAnswered) return;
    if (this.#state.isMoving && entry.retry) return this.#carry(entry);
    this.#withdraw(entry, why);
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
      { ...entry, isRunning: false, startedAt: undefined },
    ];
  }

  #endAbandoned(entry: TaskEntry, why: string, isCancelled: boolean): void {
    this.#state.counts.abandoned += 1;
    const { id: taskId, task, incarnation } = entry;
    const { id: agentId } = this.#state;
    this.#emitEnd(entry, {
      type: 'task.abandoned',
      agentId,
      incarnation,
      taskId,
      task,
      why,
      ...(isCancelled ? { isCancelled } : {}),
    });
    const message = `task ${task} of agent ${agentId} was abandoned: ${why}`;
    this.#end(entry, isCancelled ? 'cancelled' : 'abandoned', this.#error('TASK_ABANDONED', message, entry));
  }

  #withdraw(entry: TaskEntry, reason: string): string {
    if (!entry.isRunning) {
      this.#remove(entry);
      return 'still waiting';
    }
    this.#owner.post({ type: 'task.cancel', taskId: entry.id, reason });
    return 'still running';
  }

  #emitEnd(entry: TaskEntry, event: EventDraft): void {
    const { submitted, attempts, startedAt } = entry;
    if (!submitted) return this.#owner.emit(event);
    this.#owner.emit({
      ...event,
      submitted: true,
      attempts,
      ...(startedAt === undefined ? {} : { startedAt }),
    } as EventDraft);
  }

  #end(entry: TaskEntry, status: EndedTask['status'], error?: AgentSystemError, output?: unknown): void {
    entry.isAnswered = true;
    const { waiting } = entry;
    entry.waiting = [];
    for (const token of waiting) {
      this.#owner.answer(token, error === undefined ? { value: output } : { refusal: refusalOf(error) });
    }
    if (!entry.submitted) {
      if (entry.retry) this.#owner.dropInput(entry.id);
      return;
    }
    if (status === 'done') this.#owner.dropInput(entry.id);
    const { id, task, attempts, acceptedAt, startedAt, idempotencyKey, retry, timeoutMs } = entry;
    this.#state.ended.push({
      id,
      task,
      status,
      attempts,
      acceptedAt,
      startedAt,
      endedAt: this.#owner.now,
      output,
      error: error && errorInfoOf(error.cause ?? error),
      code: error?.code,
      idempotencyKey,
      retry,
      timeoutMs,
    });
    for (const { id } of this.#state.ended.splice(0, Math.max(0, this.#state.ended.length - MAX_ENDED))) {
      this.#owner.dropInput(id);
    }
  }

  #tellIfRested(): void {
    if (!this.#state.isResting || this.#running().length > 0) return;
    this.#state.isResting = false;
    this.#state.isBusy = false;
    this.#owner.becameRested();
  }

  #tellIfIdle(): void {
    this.#tellIfRested();
    const { mode, isBusy, isMoving } = this.#state;
    // What waits does not keep one here that moves.
    if (isMoving ? this.#running().length > 0 : this.load > 0) return;
    if (mode === 'held' || (mode === 'open' && !isBusy)) return;
    this.#state.isBusy = false;
    this.#owner.becameIdle();
  }

  #times({ acceptedAt, startedAt = acceptedAt }: TaskEntry): { waitedMs: number; ranMs: number } {
    return { waitedMs: startedAt - acceptedAt, ranMs: this.#owner.now - startedAt };
  }

  #measure({ acceptedAt }: TaskEntry): void {
    const { counts } = this.#state;
    counts.lastMs = this.#owner.now - acceptedAt;
    counts.totalMs += counts.lastMs;
    counts.maxMs = Math.max(counts.maxMs, counts.lastMs);
  }

  #error(
    code: ErrorCode,
    message: string,
    { id: taskId, task }: TaskEntry,
    cause?: ErrorInfo,
    expected?: readonly string[],
  ): AgentSystemError {
    const details = { taskId, task, ...(expected ? { expected, got: task } : {}) };
    return new AgentSystemError(code, message, {
      agentId: this.#state.id,
      cause: cause && errorFrom(cause),
      details,
    });
  }
}

/** An id says whose task it is. */
function taskIdOf(agentId: string, number: number): string {
  return `${agentId}/task-${number}`;
}

/** The agent that a task's id names; `undefined` for what is no such id. */
export function agentOfTask(taskId: string): string | undefined {
  const at = taskId.lastIndexOf('/task-');
  return at === -1 ? undefined : taskId.slice(0, at);
}

const WHAT: Partial<Record<ErrorCode, string>> = {
  TASK_INPUT_INVALID: 'was given an input that is not as defined',
  TASK_INCOMPATIBLE: 'is not for it',
};

/**
 * One move in the flat model: the verbs its rules are made of, and what they leave to be seen.
 *
 * The whole of the life model, and where this stands in it:
 *
 * - **Model**: `life-state.ts` (the words: places, moves, what a life is), `life-model.ts` (the tables: for every place
 *   and move, which verbs), and this file (the verbs). Written by hand from the design; it knows nothing of the charts.
 * - **World**: `life-world.ts` plays the same moves on a real system, with a scripted body and a clock that obeys, and
 *   `words.ts` puts what is seen there into the model's words.
 * - **Tours**: `profiles.ts` (which numbers, which moves), `life-tours.ts` (which states count as one), `tours.ts` (the
 *   ways that make every move in every state). Random walks are in `models/fleet/life-walks.test.ts`.
 * - **Judge**: `judge.ts` plays both and compares all there is to see after each move, under every driver of charts.
 *
 * In here, in this order: commands, what the body tells, what happens around it, deadlines, the ways from place to
 * place, health, tasks, and what is to be seen. A verb changes the life, arms and clears deadlines, and notes events,
 * requests and answers; `over` gives all of it.
 *
 * Owns a copy of the life it began with. It is arithmetic on plain data: no clock, no chart, no runtime.
 */
import type { ErrorCode, ExitReason } from '../../../src/index.ts';
import {
  type Answer,
  type DeadlineName,
  type Health,
  type KnownLife,
  type Life,
  type Order,
  type Origin,
  type Outcome,
  type Parked,
  type Place,
  type Profile,
  RESET_MS,
  type Task,
  TASK_TIMEOUT_MS,
  type View,
  WHY_PARKED,
} from './life-state.ts';

export const AGENT = 'subject';
/** How long a program is away before the next one goes on with its store. */
export const DOWNTIME_MS = 300;

export const TASK_ERROR = { name: 'Error', message: 'the task broke' };
export const CHECK_ERROR = { name: 'Error', message: 'not well' };
export const CHECK_DETAIL = 'well';
export const OPERATOR = 'ada';
export const BUG = 'a bug of the runtime';

const NOT_RUNNING: Health = { status: 'not_running', misses: 0 };
/** Stands for the record as it is when the move is over. */
const RECORD = Symbol('record');

export class Turn {
  readonly profile: Profile;
  readonly #life: Life;
  readonly #viewOf: (life: Life) => View | undefined;
  readonly #events: object[] = [];
  readonly #requests: object[] = [];
  readonly #answers = new Map<number, Answer>();

  constructor(profile: Profile, before: Life, viewOf: (life: Life) => View | undefined) {
    this.profile = profile;
    this.#viewOf = viewOf;
    this.#life = {
      ...before,
      deadlines: new Map(before.deadlines),
      tasks: before.tasks.map((task) => ({ ...task })),
      counts: { ...before.counts },
    };
  }

  over(): { life: Life; outcome: Outcome } {
    const life = this.#life;
    for (const [command, answer] of this.#answers) {
      if ('value' in answer && answer.value === RECORD)
        this.#answers.set(command, { value: this.#viewOf(life) });
    }
    return { life, outcome: { events: this.#events, requests: this.#requests, answers: this.#answers } };
  }

  countCommand(): void {
    this.#life.commands += 1;
  }

  refuse(code: ErrorCode): void {
    this.#answers.set(this.#life.commands, { code });
  }

  // Commands.

  register(): void {
    const life = this.#life;
    Object.assign(life, {
      place: 'registered',
      incarnation: 0,
      startedFrom: 'registered',
      restarts: 0,
      recent: [],
      attempt: 0,
      reason: undefined,
      startedAt: undefined,
      endedAt: undefined,
      restartAt: undefined,
      order: undefined,
      abandoned: [],
      counts: { done: 0, failed: 0, timedOut: 0, abandoned: 0, dropped: 0 },
      health: NOT_RUNNING,
      checkId: 0,
      savedState: undefined,
      hasGhost: false,
      known: undefined,
      paused: undefined,
      parked: undefined,
    } satisfies Partial<Life>);
    this.#events.push({ type: 'agent.registered', agentId: AGENT, incarnation: 0 });
    this.#answers.set(life.commands, { value: AGENT });
  }

  update(): void {
    const { place, commands, incarnation } = this.#life;
    if (place === 'forgotten') return this.refuse('AGENT_NOT_FOUND');
    this.#events.push({
      type: 'agent.updated',
      agentId: AGENT,
      incarnation,
      changed: ['coordination.voteWeight'],
    });
    this.#answers.set(commands, { value: { id: AGENT, change: 'updated' } });
  }

  startByCaller(origin: Origin): void {
    const life = this.#life;
    life.starts = [life.commands];
    this.#leaveQueue();
    this.#clearAlert();
    this.#begin(origin);
  }

  forget(): void {
    const life = this.#life;
    this.#leaveQueue();
    this.#clearAlert();
    life.deadlines.clear();
    life.place = 'forgotten';
    life.limit = undefined;
    life.guesses = 0;
    life.savedState = undefined;
    this.#events.push({ type: 'agent.forgotten', agentId: AGENT, incarnation: life.incarnation });
    this.#answers.set(life.commands, { value: undefined });
  }

  /** Where nothing can run, it is paused at once. */
  pauseAt(place: KnownLife['at']): void {
    this.#notePause();
    this.#tell('paused', place, { by: OPERATOR });
  }

  resumeAt(place: KnownLife['at']): void {
    this.#life.paused = undefined;
    this.#answers.set(this.#life.commands, { value: RECORD });
    this.#tell('resumed', place);
  }

  /** What runs may end, nothing new begins. */
  pause(): void {
    this.#notePause();
    this.#life.isResting = true;
    this.#tell('pausing', 'serving', { by: OPERATOR });
    this.#restIfDone();
  }

  resume(): void {
    this.#life.isResting = false;
    this.resumeAt('serving');
    this.#startTasks();
  }

  #notePause(): void {
    this.#life.paused = { at: this.#life.now, by: OPERATOR };
    this.#answers.set(this.#life.commands, { value: RECORD });
  }

  /** Nothing runs any more of one that is to be paused. */
  #restIfDone(): void {
    const life = this.#life;
    if (!life.isResting || life.tasks.some(({ isRunning }) => isRunning)) return;
    life.isResting = false;
    if (life.place === 'running' || life.place === 'unresponsive')
      this.#tell('paused', 'serving', { by: OPERATOR });
  }

  awaitEnd(): void {
    this.#life.ends = [...this.#life.ends, this.#life.commands];
  }

  /** Stops what serves: in order, or at once when there is no grace. */
  stop(timeoutMs: number): void {
    this.awaitEnd();
    if (timeoutMs === 0) this.#enterKilling({ reason: { shutdown: 'killed' }, forGood: true });
    else this.#enterDraining({ reason: 'shutdown', forGood: true }, timeoutMs);
  }

  /** Asked to stop while it is stopping: that changes nothing, unless there is no grace any more. */
  stopAgain(timeoutMs: number): void {
    this.awaitEnd();
    if (timeoutMs === 0) this.#enterKilling({ reason: { shutdown: 'killed' }, forGood: true });
  }

  stopStarting(timeoutMs: number): void {
    this.awaitEnd();
    if (timeoutMs === 0) return this.#enterKilling({ reason: { shutdown: 'killed' }, forGood: true });
    this.#leaveForStop({ reason: 'shutdown', forGood: true }, timeoutMs);
    this.terminate();
  }

  kill(order: Order): void {
    this.awaitEnd();
    this.#enterKilling(order);
  }

  /** Asked to stop while it is being killed: it ends as it was to, and stays down. */
  stopForGood(): void {
    const life = this.#life;
    this.awaitEnd();
    life.order = { reason: life.order?.reason ?? 'killed', forGood: true };
  }

  cancelRestart(): void {
    const life = this.#life;
    this.#leaveQueue();
    this.#clearDeadlines();
    life.place = 'stopped';
    life.reason = 'shutdown';
    life.restartAt = undefined;
    this.awaitEnd();
    this.#tell('stopped', 'stopped', { reason: life.reason, abandoned: life.abandoned });
    this.#answerEnds();
  }

  accept(limit: number | 'briefly'): void {
    const life = this.#life;
    const { concurrency, queueLimit } = this.profile.tasks;
    const running = life.tasks.filter(({ isRunning }) => isRunning).length;
    const isHeld = life.place === 'initializing';
    const free = isHeld || life.paused || life.parked ? 0 : concurrency - running;
    if (life.tasks.length - running >= queueLimit + free) return this.refuse('TASK_QUEUE_FULL');
    life.acceptedTasks += 1;
    const task: Task = {
      id: `t${life.acceptedTasks}`,
      command: life.commands,
      incarnation: life.incarnation,
      acceptedAt: life.now,
      isRunning: false,
      begun: 0,
      startedAt: 0,
      isAnswered: false,
    };
    life.tasks.push(task);
    this.#tellTask('accepted', task, { retry: false });
    if (limit === 'briefly') this.#arm(`task ${task.id}`, TASK_TIMEOUT_MS);
    if (!isHeld) this.#startTasks();
  }

  /** The caller of the oldest task that has no answer loses interest. */
  cancelTask(): void {
    const open = this.#life.tasks.filter(({ isAnswered }) => !isAnswered);
    const task = open.reduce((first, other) => (other.command < first.command ? other : first));
    this.#answerEarly(task);
    this.#abandon(task);
    this.#saveIfIdle();
  }

  checkHealth(): void {
    const life = this.#life;
    if (life.place === 'forgotten') return this.refuse('AGENT_NOT_FOUND');
    if (life.place !== 'running' && life.place !== 'unresponsive') {
      this.#answers.set(life.commands, { value: life.health });
      return;
    }
    life.checks = [...life.checks, life.commands];
    if (life.checkAskedAt === undefined) this.#askCheck();
  }

  // What the body tells.

  becomeReady(): void {
    const life = this.#life;
    life.deadlines.delete('start');
    life.startedAt = life.now;
    life.restartAt = undefined;
    if (life.startedFrom !== 'restart') {
      life.recent = [];
      life.attempt = 0;
    }
    life.health = { status: 'unknown', misses: 0 };
    life.place = 'running';
    this.#tell('started', 'serving');
    this.#arm('nextCheck', this.profile.health.intervalMs);
    this.#arm('maxRuntime', this.profile.maxRuntimeMs);
    if (life.limit === undefined) this.#unpark();
    else if (life.parked?.until !== life.limit.until) this.#park(life.limit);
    this.#startTasks();
    for (const command of life.starts) {
      this.#answers.set(command, { value: { id: AGENT, incarnation: life.incarnation } });
    }
    life.starts = [];
  }

  finish(): void {
    this.#leaveForStop({ reason: 'normal', forGood: true }, this.profile.shutdownMs);
    this.#life.place = 'draining';
    this.#arm('drain', this.profile.shutdownMs * 0.8);
    this.#finishTasks();
  }

  finishWhileDraining(): void {
    this.#life.order = { reason: 'normal', forGood: true };
    this.#finishTasks();
  }

  settleTask(how: 'completed' | 'failed'): void {
    const life = this.#life;
    const task = this.#firstBegun();
    life.tasks = life.tasks.filter((other) => other !== task);
    if (how === 'completed') this.keepState();
    if (!task.isAnswered) {
      life.deadlines.delete(`task ${task.id}`);
      const times = { waitedMs: task.startedAt - task.acceptedAt, ranMs: life.now - task.startedAt };
      if (how === 'completed') {
        life.counts.done += 1;
        if (life.limit === undefined) life.guesses = 0;
        this.#tellTask('completed', task, times);
        this.#answers.set(task.command, { value: `done ${task.id}` });
      } else {
        life.counts.failed += 1;
        this.#tellTask('failed', task, { ...times, code: 'TASK_FAILED', error: TASK_ERROR });
        this.#answers.set(task.command, { code: 'TASK_FAILED' });
      }
    }
    if (life.place === 'running' || life.place === 'unresponsive' || life.place === 'draining')
      this.#startTasks();
    this.#restIfDone();
    this.#saveIfIdle();
  }

  /** A task runs into a limit: it is the next again, and nothing begins until that is reset. */
  parkTask(isKnown: boolean): void {
    const life = this.#life;
    const task = this.#firstBegun();
    const isOpen = life.place === 'running' || life.place === 'unresponsive';
    life.tasks = life.tasks.filter((other) => other !== task);
    if (!task.isAnswered) {
      task.isRunning = false;
      life.tasks.unshift(task);
      if (!isOpen) this.#abandonAll(life.tasks.filter(({ isRunning }) => !isRunning));
    }
    const limit = this.#limitReached(isKnown);
    if (!task.isAnswered) {
      const { at: _, ...parked } = limit;
      this.#tellTask('parked', task, parked);
    }
    if (isOpen && life.parked !== limit) this.#park(limit);
    this.#restIfDone();
    this.#saveIfIdle();
  }

  /** What is waited for: a reset that is known counts for more than a guess, and a later one for more than an earlier. */
  #limitReached(isKnown: boolean): Parked {
    const life = this.#life;
    const { limit } = life;
    const until = life.now + RESET_MS;
    const isNew = limit === undefined || (isKnown && (limit.guessed === true || until > limit.until));
    if (!isNew) return limit;
    const guess = Math.round((Math.min(60_000, 1_000 * 2 ** life.guesses) / 2) * (1 + this.profile.chance));
    if (!isKnown) life.guesses += 1;
    life.limit = {
      at: life.now,
      until: isKnown ? until : life.now + guess,
      why: WHY_PARKED,
      ...(isKnown ? {} : { guessed: true as const }),
    };
    this.#arm('reset', life.limit.until - life.now);
    return life.limit;
  }

  #park(limit: Parked): void {
    const { until, why, guessed } = limit;
    this.#life.parked = limit;
    this.#tell('parked', 'serving', { until, why, ...(guessed ? { guessed } : {}) });
  }

  /** The limit is reset. */
  #unpark(): void {
    const life = this.#life;
    if ((life.place !== 'running' && life.place !== 'unresponsive') || life.parked === undefined) return;
    life.parked = undefined;
    this.#tell('unparked', 'serving');
    this.#startTasks();
  }

  answerCheck(): void {
    const life = this.#life;
    const latencyMs = life.now - (life.checkAskedAt ?? 0);
    life.health = { status: 'healthy', misses: 0, checkedAt: life.now, latencyMs, detail: CHECK_DETAIL };
    this.#closeCheck();
    this.#recover();
  }

  answerOldCheck(): void {
    const life = this.#life;
    life.health = { status: 'healthy', misses: 0, checkedAt: life.now };
    this.#recover();
  }

  failCheck(): void {
    this.#miss(CHECK_ERROR);
  }

  /** A state of the body's becomes durable. */
  keepState(): void {
    const life = this.#life;
    life.saves += 1;
    life.savedState = `{"saves":${life.saves}}`;
    this.#events.push({
      type: 'agent.state_saved',
      agentId: AGENT,
      incarnation: life.incarnation,
      bytes: life.savedState.length,
      stateVersion: 1,
    });
  }

  saved(): void {
    this.keepState();
    this.terminate();
  }

  saveFailed(): void {
    this.#alert('state_not_saved');
    this.terminate();
  }

  terminate(): void {
    this.#life.deadlines.delete('abort');
    this.#life.place = 'terminating';
    this.#ask('terminate');
  }

  /** The body of a start is gone before it was ready. */
  failStart(exit: ExitReason): void {
    const life = this.#life;
    const { startedFrom } = life;
    const reason = this.#reasonOf(exit);
    const isByPolicy = startedFrom === 'restart';
    this.#leaveAlive();
    this.#tell('start_failed', startedFrom === 'restart' ? 'starting' : startedFrom, { reason });
    this.#answerStarts(reason);
    this.#answerEnds();
    if (isByPolicy) {
      life.reason = reason;
      life.endedAt = life.now;
      this.#crash();
    } else {
      this.#rest(startedFrom);
    }
  }

  /** The body is gone. */
  end(exit: ExitReason): void {
    const life = this.#life;
    this.#leaveAlive();
    life.reason = this.#reasonOf(exit);
    life.endedAt = life.now;
    life.restartAt = undefined;
    if (life.now - (life.startedAt ?? life.now) >= this.profile.restart.withinMs) life.attempt = 0;
    if (life.reason === 'normal') this.#endIn('completed');
    else if (life.reason === 'shutdown' || (typeof life.reason === 'object' && 'shutdown' in life.reason)) {
      this.#endIn('stopped');
    } else this.#crash();
  }

  /** The actor of the body fails, and the body with it: nobody can say when. */
  breakDown(): void {
    const life = this.#life;
    this.#abortTasks();
    this.#leaveAlive();
    life.reason = { error: { name: 'Error', message: `the body actor failed: Error: ${BUG}` } };
    life.endedAt = undefined;
    life.restartAt = undefined;
    this.#ask('kill');
    this.#endIn('leftDown', 'crashed');
  }

  // What happens around it.

  /** Six things that a body which is gone still says. */
  hearGhosts(): void {
    if (this.#life.place !== 'forgotten') this.#life.counts.dropped += 6;
  }

  goAlmostDue(): void {
    const life = this.#life;
    life.now = Math.min(...life.deadlines.values()) - 1;
  }

  goDue(): void {
    const life = this.#life;
    life.now = Math.min(...life.deadlines.values());
    for (;;) {
      const name = [...life.deadlines].find(([, dueAt]) => dueAt <= life.now)?.[0];
      if (name === undefined) return;
      life.deadlines.delete(name);
      this.#fire(name);
    }
  }

  rest(): void {
    this.#life.now += this.profile.restart.withinMs;
  }

  takePermit(isTaken: boolean): void {
    this.#life.isPermitTaken = isTaken;
  }

  restartWithPermit(): void {
    this.takePermit(false);
    this.#clearStorm();
    this.#begin('restart');
  }

  /** Coordination goes, or comes back, for the whole system. */
  coordinate(isCoordinated: boolean): void {
    if (this.#life.isCoordinated === isCoordinated) return;
    this.#life.isCoordinated = isCoordinated;
    if (isCoordinated) this.#events.push({ type: 'coordination.restored' });
    else this.#events.push({ type: 'coordination.lost', why: 'suspended' });
  }

  dieAndResume(): void {
    const life = this.#life;
    const { known } = life;
    for (const task of life.tasks) {
      if (!task.isAnswered) this.#tellTask('unknown', task, { retry: false });
    }
    life.now += DOWNTIME_MS;
    Object.assign(life, {
      deadlines: new Map(),
      tasks: [],
      abandoned: [],
      counts: { done: 0, failed: 0, timedOut: 0, abandoned: 0, dropped: 0 },
      health: NOT_RUNNING,
      checkId: 0,
      checkAskedAt: undefined,
      alert: undefined,
      order: undefined,
      paused: undefined,
      parked: undefined,
      limit: undefined,
      guesses: 0,
      isResting: false,
      isCoordinated: true,
      isPermitTaken: false,
      hasGhost: false,
      starts: [],
      ends: [],
      checks: [],
    } satisfies Partial<Life>);
    if (known === undefined) {
      life.place = 'registered';
      return;
    }
    const { at, history, ...rest } = known;
    Object.assign(life, rest, history);
    if (known.parked && known.parked.until > life.now) {
      life.limit = { ...known.parked, at: life.now };
      life.guesses = known.parked.guessed ? 1 : 0;
      this.#arm('reset', known.parked.until - life.now);
    }
    if (at === 'serving' || (at === 'starting' && known.startedFrom === 'restart')) {
      Object.assign(life, {
        reason: 'host_lost',
        endedAt: life.now,
        restartAt: life.now,
        startedFrom: 'waiting',
      });
      this.#tell('crashed', 'waiting', { reason: life.reason, abandoned: [] });
      this.#wait();
    } else if (at === 'stopping') {
      Object.assign(life, { reason: { shutdown: 'host_lost' }, endedAt: life.now });
      this.#endIn('stopped');
    } else {
      if (at !== 'starting') life.startedFrom = at;
      const said = this.#events.length;
      this.#rest(life.startedFrom as Exclude<Origin, 'restart'>);
      // Its alert still stands, and was told by the program that died.
      if (at === 'awaitingOperator' || at === 'gaveUp') this.#events.length = said;
    }
  }

  // Deadlines.

  #fire(name: DeadlineName): void {
    const life = this.#life;
    switch (name) {
      case 'start':
        return this.cancelStart('start_timed_out');
      case 'maxRuntime':
        return this.#enterDraining(
          { reason: { shutdown: 'max_runtime' }, forGood: true },
          this.profile.shutdownMs,
        );
      case 'restart':
        if (!life.isPermitTaken) return this.#begin('restart');
        life.place = 'queued';
        this.#events.push({ type: 'alert.raised', alert: 'restart_storm' });
        return;
      case 'shutdown': {
        const reason = life.order?.reason ?? 'shutdown';
        return this.#enterKilling({
          reason: reason === 'shutdown' ? { shutdown: 'timed_out' } : reason,
          forGood: true,
        });
      }
      case 'drain':
        return this.#enterAborting();
      case 'abort':
        return this.terminate();
      case 'nextCheck':
        return this.#askCheck();
      case 'reset':
        life.limit = undefined;
        return this.#unpark();
      case 'checkTimeout':
        return this.#miss({
          name: 'Timeout',
          message: `no answer within ${this.profile.health.timeoutMs} ms`,
        });
      default: {
        const task = life.tasks.find(({ id }) => name === `task ${id}`)!;
        life.counts.timedOut += 1;
        this.#answerEarly(task);
        this.#tellTask('timed_out', task, { timeoutMs: TASK_TIMEOUT_MS });
        this.#answers.set(task.command, { code: 'TASK_TIMED_OUT' });
        return this.#saveIfIdle();
      }
    }
  }

  /** All but that of the limit, which is not the agent's own. */
  #clearDeadlines(): void {
    const { deadlines } = this.#life;
    for (const name of deadlines.keys()) if (name !== 'reset') deadlines.delete(name);
  }

  /** A deadline that is armed anew counts as the latest. */
  #arm(name: DeadlineName, delayMs: number): void {
    this.#life.deadlines.delete(name);
    if (delayMs !== Infinity) this.#life.deadlines.set(name, this.#life.now + delayMs);
  }

  // Ways from place to place.

  #begin(origin: Origin): void {
    const life = this.#life;
    life.incarnation += 1;
    life.startedFrom = origin;
    life.order = undefined;
    if (origin === 'restart') life.restarts += 1;
    if (origin !== 'waiting') life.restartAt = undefined;
    life.abandoned = [];
    this.#clearDeadlines();
    life.place = 'initializing';
    this.#arm('start', this.profile.startTimeoutMs);
    this.#tell('starting', 'starting');
  }

  cancelStart(reason: 'killed' | 'start_timed_out'): void {
    const life = this.#life;
    if (reason === 'killed') this.awaitEnd();
    life.deadlines.delete('start');
    life.order = { reason, forGood: false };
    life.place = 'cancelling';
    this.#abortTasks();
    this.#ask('kill');
  }

  /** Leaves what serves or starts, for an end in order. */
  #leaveForStop(order: Order, timeoutMs: number): void {
    const life = this.#life;
    this.#unwatch();
    life.order = order;
    life.stopTimeoutMs = timeoutMs;
    this.#tell('stopping', 'stopping');
    this.#arm('shutdown', timeoutMs);
  }

  #enterDraining(order: Order, timeoutMs: number): void {
    this.#leaveForStop(order, timeoutMs);
    this.#life.place = 'draining';
    this.#arm('drain', timeoutMs * 0.8);
    if (this.#life.paused || this.#life.parked) this.#finishTasks();
    else this.#saveIfIdle();
  }

  #enterAborting(): void {
    const life = this.#life;
    life.deadlines.delete('drain');
    life.place = 'aborting';
    this.#arm('abort', life.stopTimeoutMs * 0.1);
    this.#abortTasks();
    this.#saveIfIdle();
  }

  #enterKilling(order: Order): void {
    const life = this.#life;
    this.#unwatch();
    life.deadlines.delete('shutdown');
    life.deadlines.delete('drain');
    life.deadlines.delete('abort');
    life.order = order;
    life.place = 'killing';
    this.#abortTasks();
    this.#ask('kill');
  }

  #saveIfIdle(): void {
    const life = this.#life;
    if (life.tasks.length > 0 || (life.place !== 'draining' && life.place !== 'aborting')) return;
    life.deadlines.delete('drain');
    life.deadlines.delete('abort');
    life.place = 'saving';
    this.#ask('state.save');
  }

  /** The body is gone, and with it all that belonged to this incarnation. */
  #leaveAlive(): void {
    const life = this.#life;
    this.#unwatch();
    for (const task of this.#waitingFirst()) {
      if (task.isAnswered) continue;
      life.deadlines.delete(`task ${task.id}`);
      this.#abandon(task);
      life.abandoned = [...life.abandoned, task.id];
    }
    life.tasks = [];
    life.isResting = false;
    this.#clearDeadlines();
    life.hasGhost = true;
  }

  #endIn(
    place: Place & KnownLife['at'],
    said: 'completed' | 'stopped' | 'crashed' = place as 'completed',
  ): void {
    const life = this.#life;
    life.place = place;
    this.#tell(said, place, { reason: life.reason, abandoned: life.abandoned });
    this.#answerStarts(life.reason ?? 'killed');
    this.#answerEnds();
  }

  #crash(): void {
    const life = this.#life;
    const { restart } = this.profile;
    if (life.order?.forGood === true || restart.policy === 'never') return this.#endIn('leftDown', 'crashed');
    if (restart.policy === 'manual') {
      this.#endIn('awaitingOperator', 'crashed');
      return this.#alert('restart_required');
    }
    const recent = life.recent.filter((at) => life.now - at < restart.withinMs);
    if (recent.length >= restart.maxRestarts) {
      this.#endIn('gaveUp', 'crashed');
      this.#tell('gave_up', 'gaveUp', { reason: life.reason });
      return this.#alert('gave_up');
    }
    const ceiling = Math.min(restart.maxDelayMs, restart.delayMs * 2 ** life.attempt);
    const delayMs =
      restart.policy === 'immediate'
        ? restart.delayMs
        : Math.round((ceiling / 2) * (1 + this.profile.chance));
    life.restartAt = life.now + delayMs;
    life.recent = [...recent, life.now];
    life.attempt += 1;
    this.#endIn('waiting', 'crashed');
    this.#wait();
  }

  /** Waits for what is left of the restart's delay. */
  #wait(): void {
    const life = this.#life;
    const delayMs = Math.max(0, (life.restartAt ?? 0) - life.now);
    life.place = 'waiting';
    this.#tell('restart_scheduled', 'waiting', { restartAt: life.restartAt, delayMs });
    this.#arm('restart', delayMs);
  }

  /** Back to where it was, without a word of its own. */
  #rest(origin: Exclude<Origin, 'restart'>): void {
    if (origin === 'waiting') return this.#wait();
    this.#life.place = origin;
    if (origin === 'awaitingOperator') this.#alert('restart_required');
    if (origin === 'gaveUp') this.#alert('gave_up');
  }

  /** An order that the body obeyed gives its own reason. */
  #reasonOf(exit: ExitReason): ExitReason {
    const isObeyed = exit === 'shutdown' || exit === 'killed';
    return isObeyed ? (this.#life.order?.reason ?? exit) : exit;
  }

  #leaveQueue(): void {
    if (this.#life.place === 'queued') this.#clearStorm();
  }

  // Health.

  #askCheck(): void {
    const life = this.#life;
    life.deadlines.delete('nextCheck');
    life.checkId += 1;
    life.checkAskedAt = life.now;
    this.#requests.push({ type: 'health.check', checkId: life.checkId });
    this.#arm('checkTimeout', this.profile.health.timeoutMs);
  }

  #closeCheck(): void {
    const life = this.#life;
    life.checkAskedAt = undefined;
    life.deadlines.delete('checkTimeout');
    this.#arm('nextCheck', this.profile.health.intervalMs);
    this.#answerChecks();
  }

  #miss(detail: unknown): void {
    const life = this.#life;
    const misses = life.health.misses + 1;
    life.health = { status: 'unresponsive', misses, checkedAt: life.now, detail };
    this.#closeCheck();
    if (life.place === 'running') this.#tell('unresponsive', 'serving', { misses });
    if (misses >= this.profile.health.failuresBeforeKill) {
      this.#enterKilling({ reason: 'unresponsive', forGood: false });
    } else {
      life.place = 'unresponsive';
    }
  }

  #recover(): void {
    const life = this.#life;
    if (life.place !== 'unresponsive') return;
    life.place = 'running';
    this.#tell('recovered', 'serving');
  }

  #unwatch(): void {
    const life = this.#life;
    life.deadlines.delete('start');
    life.deadlines.delete('nextCheck');
    life.deadlines.delete('checkTimeout');
    life.deadlines.delete('maxRuntime');
    life.checkAskedAt = undefined;
    life.health = NOT_RUNNING;
    this.#answerChecks();
  }

  #answerChecks(): void {
    const life = this.#life;
    for (const command of life.checks) this.#answers.set(command, { value: life.health });
    life.checks = [];
  }

  // Tasks.

  #startTasks(): void {
    const life = this.#life;
    if (life.paused || life.parked) return;
    let running = life.tasks.filter(({ isRunning }) => isRunning).length;
    for (const task of life.tasks) {
      if (task.isRunning || running >= this.profile.tasks.concurrency) continue;
      running += 1;
      task.isRunning = true;
      life.begunTasks += 1;
      task.begun = life.begunTasks;
      task.startedAt = life.now;
      this.#tellTask('started', task);
      this.#requests.push({ type: 'task.run', taskId: task.id, task: 'work', input: task.command });
    }
  }

  #firstBegun(): Task {
    const running = this.#life.tasks.filter(({ isRunning }) => isRunning);
    return running.reduce((first, task) => (task.begun < first.begun ? task : first));
  }

  /** What runs may finish, what waits is abandoned. */
  #finishTasks(): void {
    this.#abandonAll(this.#life.tasks.filter(({ isRunning }) => !isRunning));
    this.#saveIfIdle();
  }

  /** What waits is abandoned, what runs is told to end. */
  #abortTasks(): void {
    this.#abandonAll(this.#waitingFirst());
  }

  #abandonAll(tasks: readonly Task[]): void {
    for (const task of tasks) {
      if (task.isAnswered) continue;
      this.#answerEarly(task);
      this.#abandon(task);
      this.#life.abandoned = [...this.#life.abandoned, task.id];
    }
  }

  /** Its caller has his answer: it leaves the queue, or its work is told to end. */
  #answerEarly(task: Task): void {
    const life = this.#life;
    task.isAnswered = true;
    life.deadlines.delete(`task ${task.id}`);
    if (task.isRunning) this.#requests.push({ type: 'task.cancel', taskId: task.id });
    else life.tasks = life.tasks.filter((other) => other !== task);
  }

  #abandon(task: Task): void {
    this.#life.counts.abandoned += 1;
    this.#tellTask('abandoned', task);
    this.#answers.set(task.command, { code: 'TASK_ABANDONED' });
  }

  #waitingFirst(): readonly Task[] {
    const { tasks } = this.#life;
    const running = tasks.filter(({ isRunning }) => isRunning).toSorted((a, b) => a.begun - b.begun);
    return [...tasks.filter(({ isRunning }) => !isRunning), ...running];
  }

  // What is to be seen.

  #ask(type: 'kill' | 'terminate' | 'state.save'): void {
    this.#requests.push({ type });
  }

  #alert(alert: NonNullable<Life['alert']>): void {
    this.#life.alert = alert;
    this.#events.push({ type: 'alert.raised', alert, agentId: AGENT });
  }

  #clearAlert(): void {
    const { alert } = this.#life;
    if (alert === undefined) return;
    this.#life.alert = undefined;
    this.#events.push({ type: 'alert.cleared', alert, agentId: AGENT });
  }

  #clearStorm(): void {
    this.#events.push({ type: 'alert.cleared', alert: 'restart_storm' });
  }

  #answerStarts(reason: ExitReason): void {
    const code = reason === 'start_timed_out' ? 'AGENT_START_TIMED_OUT' : 'AGENT_START_FAILED';
    for (const command of this.#life.starts) this.#answers.set(command, { code });
    this.#life.starts = [];
  }

  #answerEnds(): void {
    for (const command of this.#life.ends) this.#answers.set(command, { value: RECORD });
    this.#life.ends = [];
  }

  #tellTask(event: string, task: Task, more: object = {}): void {
    this.#events.push({
      type: `task.${event}`,
      agentId: AGENT,
      incarnation: task.incarnation,
      taskId: task.id,
      task: 'work',
      ...more,
    });
  }

  #tell(event: string, at: KnownLife['at'], more: object = {}): void {
    const { incarnation, startedFrom, restarts, recent, attempt, reason, startedAt, endedAt, restartAt } =
      this.#life;
    const { paused, parked } = this.#life;
    const known: KnownLife = {
      at,
      incarnation,
      startedFrom,
      restarts,
      history: { recent, attempt },
      reason,
      startedAt,
      endedAt,
      restartAt,
      ...(paused ? { paused } : {}),
      ...(parked ? { parked } : {}),
    };
    this.#life.known = known;
    this.#events.push({ type: `agent.${event}`, agentId: AGENT, incarnation, life: known, ...more });
  }
}

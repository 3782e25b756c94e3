/**
 * One move in the flat model: the verbs its rules are made of, and what they leave to be seen.
 *
 * The whole of the life model, and where this stands in it:
 *
 * - **Model**: `life-state.ts` (the words: places, moves, what a life is), `life-model.ts` (the tables: for every place
 *   and move, which verbs), and the verbs: here, in `life-ways.ts` (from place to place), `life-work.ts` (tasks) and
 *   `life-trace.ts` (what they leave to be seen). Written by hand from the design; it knows nothing of the charts.
 * - **World**: `life-world.ts` plays the same moves on a real system, with a scripted body and a clock that obeys, and
 *   `words.ts` puts what is seen there into the model's words.
 * - **Tours**: `profiles.ts` (which numbers, which moves), `life-tours.ts` (which states count as one), `tours.ts` (the
 *   ways that make every move in every state). Random walks are in `models/fleet/life-walks.test.ts`.
 * - **Judge**: `judge.ts` plays both and compares all there is to see after each move, under every driver of charts.
 *
 * In here, in this order: commands, what the body tells, what happens around it, deadlines. A verb changes the life,
 * arms and clears deadlines, and notes events, requests and answers; `over` gives all of it.
 */
import type { ExitReason } from '../../../src/index.ts';
import {
  AGENT,
  BUG,
  CHECK_DETAIL,
  CHECK_ERROR,
  DOWNTIME_MS,
  type DeadlineName,
  type Life,
  NOT_RUNNING,
  type Order,
  type Origin,
  registeredLife,
  TASK_TIMEOUT_MS,
} from './life-state.ts';
import { LifeWays } from './life-ways.ts';

export class Turn extends LifeWays {
  // Commands.

  register(): void {
    const life = this.life;
    Object.assign(life, registeredLife());
    this.events.push({ type: 'agent.registered', agentId: AGENT, incarnation: 0 });
    this.answers.set(life.commands, { value: AGENT });
  }

  update(): void {
    const { place, commands, incarnation } = this.life;
    if (place === 'forgotten') return this.refuse('AGENT_NOT_FOUND');
    this.events.push({
      type: 'agent.updated',
      agentId: AGENT,
      incarnation,
      changed: ['coordination.voteWeight'],
    });
    this.answers.set(commands, { value: { id: AGENT, change: 'updated' } });
  }

  startByCaller(origin: Origin): void {
    const life = this.life;
    life.starts = [life.commands];
    this.leaveQueue();
    this.clearAlert();
    this.begin(origin);
  }

  forget(): void {
    const life = this.life;
    this.leaveQueue();
    this.clearAlert();
    life.deadlines.clear();
    life.place = 'forgotten';
    life.limit = undefined;
    life.guesses = 0;
    life.savedState = undefined;
    this.events.push({ type: 'agent.forgotten', agentId: AGENT, incarnation: life.incarnation });
    this.answers.set(life.commands, { value: undefined });
  }

  /** Stops what serves: in order, or at once when there is no grace. */
  stop(timeoutMs: number): void {
    this.awaitEnd();
    if (timeoutMs === 0) this.enterKilling({ reason: { shutdown: 'killed' }, forGood: true });
    else this.enterDraining({ reason: 'shutdown', forGood: true }, timeoutMs);
  }

  /** Asked to stop while it is stopping: that changes nothing, unless there is no grace any more. */
  stopAgain(timeoutMs: number): void {
    this.awaitEnd();
    if (timeoutMs === 0) this.enterKilling({ reason: { shutdown: 'killed' }, forGood: true });
  }

  stopStarting(timeoutMs: number): void {
    this.awaitEnd();
    if (timeoutMs === 0) return this.enterKilling({ reason: { shutdown: 'killed' }, forGood: true });
    this.leaveForStop({ reason: 'shutdown', forGood: true }, timeoutMs);
    this.terminate();
  }

  kill(order: Order): void {
    this.awaitEnd();
    this.enterKilling(order);
  }

  /** Asked to stop while it is being killed: it ends as it was to, and stays down. */
  stopForGood(): void {
    const life = this.life;
    this.awaitEnd();
    life.order = { reason: life.order?.reason ?? 'killed', forGood: true };
  }

  cancelRestart(): void {
    const life = this.life;
    this.leaveQueue();
    this.clearDeadlines();
    life.place = 'stopped';
    life.reason = 'shutdown';
    life.restartAt = undefined;
    this.awaitEnd();
    this.tell('stopped', 'stopped', { reason: life.reason, abandoned: life.abandoned });
    this.answerEnds();
  }

  checkHealth(): void {
    const life = this.life;
    if (life.place === 'forgotten') return this.refuse('AGENT_NOT_FOUND');
    if (life.place !== 'running' && life.place !== 'unresponsive') {
      this.answers.set(life.commands, { value: life.health });
      return;
    }
    life.checks = [...life.checks, life.commands];
    if (life.checkAskedAt === undefined) this.askCheck();
  }

  // What the body tells.

  becomeReady(): void {
    const life = this.life;
    life.deadlines.delete('start');
    life.startedAt = life.now;
    life.restartAt = undefined;
    if (life.startedFrom !== 'restart') {
      life.recent = [];
      life.attempt = 0;
    }
    life.health = { status: 'unknown', misses: 0 };
    life.place = 'running';
    this.tell('started', 'serving');
    this.arm('nextCheck', this.profile.health.intervalMs);
    this.arm('maxRuntime', this.profile.maxRuntimeMs);
    if (life.limit === undefined) this.unpark();
    else if (life.parked?.until !== life.limit.until) this.park(life.limit);
    this.startTasks();
    for (const command of life.starts) {
      this.answers.set(command, { value: { id: AGENT, incarnation: life.incarnation } });
    }
    life.starts = [];
  }

  finish(): void {
    this.leaveForStop({ reason: 'normal', forGood: true }, this.profile.shutdownMs);
    this.life.place = 'draining';
    this.arm('drain', this.profile.shutdownMs * 0.8);
    this.finishTasks();
  }

  finishWhileDraining(): void {
    this.life.order = { reason: 'normal', forGood: true };
    this.finishTasks();
  }

  answerCheck(): void {
    const life = this.life;
    const latencyMs = life.now - (life.checkAskedAt ?? 0);
    life.health = { status: 'healthy', misses: 0, checkedAt: life.now, latencyMs, detail: CHECK_DETAIL };
    this.closeCheck();
    this.recover();
  }

  answerOldCheck(): void {
    const life = this.life;
    life.health = { status: 'healthy', misses: 0, checkedAt: life.now };
    this.recover();
  }

  failCheck(): void {
    this.miss(CHECK_ERROR);
  }

  saved(): void {
    this.keepState();
    this.terminate();
  }

  saveFailed(): void {
    this.alert('state_not_saved');
    this.terminate();
  }

  terminate(): void {
    this.life.deadlines.delete('abort');
    this.life.place = 'terminating';
    this.ask('terminate');
  }

  /** The body of a start is gone before it was ready. */
  failStart(exit: ExitReason): void {
    const life = this.life;
    const { startedFrom } = life;
    const reason = this.reasonOf(exit);
    const isByPolicy = startedFrom === 'restart';
    this.leaveAlive();
    this.tell('start_failed', startedFrom === 'restart' ? 'starting' : startedFrom, { reason });
    this.answerStarts(reason);
    this.answerEnds();
    if (isByPolicy) {
      life.reason = reason;
      life.endedAt = life.now;
      this.crash();
    } else {
      this.backTo(startedFrom);
    }
  }

  /** The body is gone. */
  end(exit: ExitReason): void {
    const life = this.life;
    this.leaveAlive();
    life.reason = this.reasonOf(exit);
    life.endedAt = life.now;
    life.restartAt = undefined;
    if (life.now - (life.startedAt ?? life.now) >= this.profile.restart.withinMs) life.attempt = 0;
    if (life.reason === 'normal') this.endIn('completed');
    else if (life.reason === 'shutdown' || (typeof life.reason === 'object' && 'shutdown' in life.reason)) {
      this.endIn('stopped');
    } else this.crash();
  }

  /** The actor of the body fails, and the body with it: nobody can say when. */
  breakDown(): void {
    const life = this.life;
    this.abortTasks();
    this.leaveAlive();
    life.reason = { error: { name: 'Error', message: `the body actor failed: Error: ${BUG}` } };
    life.endedAt = undefined;
    life.restartAt = undefined;
    this.ask('kill');
    this.endIn('leftDown', 'crashed');
  }

  // What happens around it.

  /** Six things that a body which is gone still says. */
  hearGhosts(): void {
    if (this.life.place !== 'forgotten') this.life.counts.dropped += 6;
  }

  goAlmostDue(): void {
    const life = this.life;
    life.now = Math.min(...life.deadlines.values()) - 1;
  }

  goDue(): void {
    const life = this.life;
    life.now = Math.min(...life.deadlines.values());
    for (;;) {
      const name = [...life.deadlines].find(([, dueAt]) => dueAt <= life.now)?.[0];
      if (name === undefined) return;
      life.deadlines.delete(name);
      this.fire(name);
    }
  }

  rest(): void {
    this.life.now += this.profile.restart.withinMs;
  }

  takePermit(isTaken: boolean): void {
    this.life.isPermitTaken = isTaken;
    this.life.isPermitReclaimed = false;
  }

  restartWithPermit(): void {
    this.takePermit(false);
    this.clearStorm();
    this.begin('restart');
  }

  /** Coordination goes, or comes back, for the whole system. */
  coordinate(isCoordinated: boolean): void {
    if (this.life.isCoordinated === isCoordinated) return;
    this.life.isCoordinated = isCoordinated;
    if (isCoordinated) this.events.push({ type: 'coordination.restored' });
    else this.events.push({ type: 'coordination.lost', why: 'suspended' });
  }

  dieAndResume(): void {
    const life = this.life;
    const { known } = life;
    for (const task of life.tasks) {
      if (!task.isAnswered) this.tellTask('unknown', task, { retry: false });
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
      isPermitReclaimed: false,
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
      this.arm('reset', known.parked.until - life.now);
    }
    if (at === 'serving' || (at === 'starting' && known.startedFrom === 'restart')) {
      Object.assign(life, {
        reason: 'host_lost',
        endedAt: life.now,
        restartAt: life.now,
        startedFrom: 'waiting',
      });
      this.tell('crashed', 'waiting', { reason: life.reason, abandoned: [] });
      this.wait();
    } else if (at === 'stopping') {
      Object.assign(life, { reason: { shutdown: 'host_lost' }, endedAt: life.now });
      this.endIn('stopped');
    } else {
      if (at !== 'starting') life.startedFrom = at;
      const said = this.events.length;
      this.backTo(life.startedFrom as Exclude<Origin, 'restart'>);
      // Its alert still stands, and was told by the program that died.
      if (at === 'awaitingOperator' || at === 'gaveUp') this.events.length = said;
    }
  }

  // Deadlines.

  protected fire(name: DeadlineName): void {
    const life = this.life;
    switch (name) {
      case 'start':
        return this.cancelStart('start_timed_out');
      case 'maxRuntime':
        return this.enterDraining(
          { reason: { shutdown: 'max_runtime' }, forGood: true },
          this.profile.shutdownMs,
        );
      case 'restart':
        if (!life.isPermitTaken || life.isPermitReclaimed) return this.begin('restart');
        life.place = 'queued';
        this.arm('permit', this.profile.permitPeriodMs);
        this.events.push({ type: 'alert.raised', alert: 'restart_storm' });
        return;
      case 'permit':
        life.isPermitReclaimed = true;
        this.clearStorm();
        return this.begin('restart');
      case 'shutdown': {
        const reason = life.order?.reason ?? 'shutdown';
        return this.enterKilling({
          reason: reason === 'shutdown' ? { shutdown: 'timed_out' } : reason,
          forGood: true,
        });
      }
      case 'drain':
        return this.enterAborting();
      case 'abort':
        return this.terminate();
      case 'nextCheck':
        return this.askCheck();
      case 'reset':
        life.limit = undefined;
        return this.unpark();
      case 'checkTimeout':
        return this.miss({
          name: 'Timeout',
          message: `no answer within ${this.profile.health.timeoutMs} ms`,
        });
      default: {
        const task = life.tasks.find(({ id }) => name === `task ${id}`)!;
        life.counts.timedOut += 1;
        this.answerEarly(task);
        this.tellTask('timed_out', task, { attempt: task.attempt, timeoutMs: TASK_TIMEOUT_MS });
        this.answers.set(task.command, { code: 'TASK_TIMED_OUT' });
        return this.saveIfIdle();
      }
    }
  }
}

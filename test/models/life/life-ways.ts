/** The ways from place to place in the flat model, and what health checks lead to. */
import type { ExitReason } from '../../../src/index.ts';
import { type KnownLife, NOT_RUNNING, type Order, type Origin, type Place } from './life-state.ts';

import { LifeWork } from './life-work.ts';

export class LifeWays extends LifeWork {
  protected begin(origin: Origin): void {
    const life = this.life;
    life.incarnation += 1;
    life.startedFrom = origin;
    life.order = undefined;
    if (origin === 'restart') life.restarts += 1;
    if (origin !== 'waiting') life.restartAt = undefined;
    life.abandoned = [];
    this.clearDeadlines();
    life.place = 'initializing';
    this.arm('start', this.profile.startTimeoutMs);
    this.tell('starting', 'starting');
  }

  cancelStart(reason: 'killed' | 'start_timed_out'): void {
    const life = this.life;
    if (reason === 'killed') this.awaitEnd();
    life.deadlines.delete('start');
    life.order = { reason, forGood: false };
    life.place = 'cancelling';
    this.abortTasks();
    this.ask('kill');
  }

  /** Leaves what serves or starts, for an end in order. */
  protected leaveForStop(order: Order, timeoutMs: number): void {
    const life = this.life;
    this.unwatch();
    life.order = order;
    life.stopTimeoutMs = timeoutMs;
    this.tell('stopping', 'stopping');
    this.arm('shutdown', timeoutMs);
  }

  protected enterDraining(order: Order, timeoutMs: number): void {
    this.leaveForStop(order, timeoutMs);
    this.life.place = 'draining';
    this.arm('drain', timeoutMs * 0.8);
    if (this.life.paused || this.life.parked) this.finishTasks();
    else this.saveIfIdle();
  }

  protected enterAborting(): void {
    const life = this.life;
    life.deadlines.delete('drain');
    life.place = 'aborting';
    this.arm('abort', life.stopTimeoutMs * 0.1);
    this.abortTasks();
    this.saveIfIdle();
  }

  protected enterKilling(order: Order): void {
    const life = this.life;
    this.unwatch();
    life.deadlines.delete('shutdown');
    life.deadlines.delete('drain');
    life.deadlines.delete('abort');
    life.order = order;
    life.place = 'killing';
    this.abortTasks();
    this.ask('kill');
  }

  /** The body is gone, and with it all that belonged to this incarnation. */
  protected leaveAlive(): void {
    const life = this.life;
    this.unwatch();
    for (const task of this.waitingFirst()) {
      if (task.isAnswered) continue;
      life.deadlines.delete(`task ${task.id}`);
      this.abandon(task);
      life.abandoned = [...life.abandoned, task.id];
    }
    life.tasks = [];
    life.isResting = false;
    this.clearDeadlines();
    life.hasGhost = true;
  }

  protected endIn(
    place: Place & KnownLife['at'],
    said: 'completed' | 'stopped' | 'crashed' = place as 'completed',
  ): void {
    const life = this.life;
    life.place = place;
    this.tell(said, place, { reason: life.reason, abandoned: life.abandoned });
    this.answerStarts(life.reason ?? 'killed');
    this.answerEnds();
  }

  protected crash(): void {
    const life = this.life;
    const { restart } = this.profile;
    if (life.order?.forGood === true || restart.policy === 'never') return this.endIn('leftDown', 'crashed');
    if (restart.policy === 'manual') {
      this.endIn('awaitingOperator', 'crashed');
      return this.alert('restart_required');
    }
    const recent = life.recent.filter((at) => life.now - at < restart.withinMs);
    if (recent.length >= restart.maxRestarts) {
      this.endIn('gaveUp', 'crashed');
      this.tell('gave_up', 'gaveUp', { reason: life.reason });
      return this.alert('gave_up');
    }
    const ceiling = Math.min(restart.maxDelayMs, restart.delayMs * 2 ** life.attempt);
    const delayMs =
      restart.policy === 'immediate'
        ? restart.delayMs
        : Math.round((ceiling / 2) * (1 + this.profile.chance));
    life.restartAt = life.now + delayMs;
    life.recent = [...recent, life.now];
    life.attempt += 1;
    this.endIn('waiting', 'crashed');
    this.wait();
  }

  /** Waits for what is left of the restart's delay. */
  protected wait(): void {
    const life = this.life;
    const delayMs = Math.max(0, (life.restartAt ?? 0) - life.now);
    life.place = 'waiting';
    this.tell('restart_scheduled', 'waiting', { restartAt: life.restartAt, delayMs });
    this.arm('restart', delayMs);
  }

  /** Back to where it was, without a word of its own. */
  protected backTo(origin: Exclude<Origin, 'restart'>): void {
    if (origin === 'waiting') return this.wait();
    this.life.place = origin;
    if (origin === 'awaitingOperator') this.alert('restart_required');
    if (origin === 'gaveUp') this.alert('gave_up');
  }

  /** An order that the body obeyed gives its own reason. */
  protected reasonOf(exit: ExitReason): ExitReason {
    const isObeyed = exit === 'shutdown' || exit === 'killed';
    return isObeyed ? (this.life.order?.reason ?? exit) : exit;
  }

  protected leaveQueue(): void {
    if (this.life.place === 'queued') this.clearStorm();
  }

  protected askCheck(): void {
    const life = this.life;
    life.deadlines.delete('nextCheck');
    life.checkId += 1;
    life.checkAskedAt = life.now;
    this.requests.push({ type: 'health.check', checkId: life.checkId });
    this.arm('checkTimeout', this.profile.health.timeoutMs);
  }

  protected closeCheck(): void {
    const life = this.life;
    life.checkAskedAt = undefined;
    life.deadlines.delete('checkTimeout');
    this.arm('nextCheck', this.profile.health.intervalMs);
    this.answerChecks();
  }

  protected miss(detail: unknown): void {
    const life = this.life;
    const misses = life.health.misses + 1;
    life.health = { status: 'unresponsive', misses, checkedAt: life.now, detail };
    this.closeCheck();
    if (life.place === 'running') this.tell('unresponsive', 'serving', { misses });
    if (misses >= this.profile.health.failuresBeforeKill) {
      this.enterKilling({ reason: 'unresponsive', forGood: false });
    } else {
      life.place = 'unresponsive';
    }
  }

  protected recover(): void {
    const life = this.life;
    if (life.place !== 'unresponsive') return;
    life.place = 'running';
    this.tell('recovered', 'serving');
  }

  protected unwatch(): void {
    const life = this.life;
    life.deadlines.delete('start');
    life.deadlines.delete('nextCheck');
    life.deadlines.delete('checkTimeout');
    life.deadlines.delete('maxRuntime');
    life.checkAskedAt = undefined;
    life.health = NOT_RUNNING;
    this.answerChecks();
  }

  protected answerChecks(): void {
    const life = this.life;
    for (const command of life.checks) this.answers.set(command, { value: life.health });
    life.checks = [];
  }
}

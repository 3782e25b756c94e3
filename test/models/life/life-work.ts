/** Tasks in the flat model: accepted, begun, answered, given up; and what holds them back, a pause or a limit. */
import {
  AGENT,
  type KnownLife,
  OPERATOR,
  type Parked,
  RESET_MS,
  TASK_ERROR,
  TASK_TIMEOUT_MS,
  type Task,
  WHY_PARKED,
} from './life-state.ts';

import { LifeTrace, RECORD } from './life-trace.ts';

export class LifeWork extends LifeTrace {
  /** Where nothing can run, it is paused at once. */
  pauseAt(place: KnownLife['at']): void {
    this.notePause();
    this.tell('paused', place, { by: OPERATOR });
  }

  resumeAt(place: KnownLife['at']): void {
    this.life.paused = undefined;
    this.answers.set(this.life.commands, { value: RECORD });
    this.tell('resumed', place);
  }

  /** What runs may end, nothing new begins. */
  pause(): void {
    this.notePause();
    this.life.isResting = true;
    this.tell('pausing', 'serving', { by: OPERATOR });
    this.restIfDone();
  }

  resume(): void {
    this.life.isResting = false;
    this.resumeAt('serving');
    this.startTasks();
  }

  protected notePause(): void {
    this.life.paused = { at: this.life.now, by: OPERATOR };
    this.answers.set(this.life.commands, { value: RECORD });
  }

  /** Nothing runs any more of one that is to be paused. */
  protected restIfDone(): void {
    const life = this.life;
    if (!life.isResting || life.tasks.some(({ isRunning }) => isRunning)) return;
    life.isResting = false;
    if (life.place === 'running' || life.place === 'unresponsive')
      this.tell('paused', 'serving', { by: OPERATOR });
  }

  accept(limit: number | 'briefly'): void {
    const life = this.life;
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
      isParked: false,
      attempt: 0,
      begun: 0,
      startedAt: 0,
      isAnswered: false,
    };
    life.tasks.push(task);
    this.tellTask('accepted', task, { retry: false });
    if (limit === 'briefly') this.arm(`task ${task.id}`, TASK_TIMEOUT_MS);
    if (!isHeld) this.startTasks();
  }

  /** The caller of the oldest task that has no answer loses interest. */
  cancelTask(): void {
    const open = this.life.tasks.filter(({ isAnswered }) => !isAnswered);
    const task = open.reduce((first, other) => (other.command < first.command ? other : first));
    this.answerEarly(task);
    this.abandon(task);
    this.saveIfIdle();
  }

  settleTask(how: 'completed' | 'failed'): void {
    const life = this.life;
    const task = this.firstBegun();
    life.tasks = life.tasks.filter((other) => other !== task);
    if (how === 'completed') this.keepState();
    if (!task.isAnswered) {
      life.deadlines.delete(`task ${task.id}`);
      const times = { waitedMs: task.startedAt - task.acceptedAt, ranMs: life.now - task.startedAt };
      if (how === 'completed') {
        life.counts.done += 1;
        if (life.limit === undefined) life.guesses = 0;
        this.tellTask('completed', task, times);
        this.answers.set(task.command, { value: `done ${task.id}` });
      } else {
        life.counts.failed += 1;
        const { attempt } = task;
        this.tellTask('failed', task, { ...times, attempt, code: 'TASK_FAILED', error: TASK_ERROR });
        this.answers.set(task.command, { code: 'TASK_FAILED' });
      }
    }
    if (life.place === 'running' || life.place === 'unresponsive' || life.place === 'draining')
      this.startTasks();
    this.restIfDone();
    this.saveIfIdle();
  }

  /** A task runs into a limit: it is the next again, and nothing begins until that is reset. */
  parkTask(isKnown: boolean): void {
    const life = this.life;
    const task = this.firstBegun();
    const isOpen = life.place === 'running' || life.place === 'unresponsive';
    life.tasks = life.tasks.filter((other) => other !== task);
    if (!task.isAnswered) {
      task.isRunning = false;
      task.isParked = true;
      task.attempt -= 1;
      // It waits where it stood: before all that were accepted after it.
      life.tasks = [...life.tasks, task].toSorted((a, b) => a.command - b.command);
      if (!isOpen) this.abandonAll(life.tasks.filter(({ isRunning }) => !isRunning));
    }
    const limit = this.limitReached(isKnown);
    if (!task.isAnswered) {
      const { at: _, ...parked } = limit;
      this.tellTask('parked', task, { ...parked, attempt: task.attempt });
    }
    if (isOpen && life.parked !== limit) this.park(limit);
    this.restIfDone();
    this.saveIfIdle();
  }

  /** What is waited for: a reset that is known counts for more than a guess, and a later one for more than an earlier. */
  protected limitReached(isKnown: boolean): Parked {
    const life = this.life;
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
      ...(isKnown ? { named: true as const } : { guessed: true as const }),
    };
    this.arm('reset', life.limit.until - life.now);
    return life.limit;
  }

  protected park(limit: Parked): void {
    const { at: _, ...said } = limit;
    this.life.parked = limit;
    this.tell('parked', 'serving', said);
  }

  /** The limit is reset. */
  protected unpark(): void {
    const life = this.life;
    if ((life.place !== 'running' && life.place !== 'unresponsive') || life.parked === undefined) return;
    life.parked = undefined;
    this.tell('unparked', 'serving');
    this.startTasks();
  }

  /** A state of the body's becomes durable. */
  keepState(): void {
    const life = this.life;
    life.saves += 1;
    life.savedState = `{"saves":${life.saves}}`;
    this.events.push({
      type: 'agent.state_saved',
      agentId: AGENT,
      incarnation: life.incarnation,
      bytes: life.savedState.length,
      stateVersion: 1,
    });
  }

  protected saveIfIdle(): void {
    const life = this.life;
    if (life.tasks.length > 0 || (life.place !== 'draining' && life.place !== 'aborting')) return;
    life.deadlines.delete('drain');
    life.deadlines.delete('abort');
    life.place = 'saving';
    this.ask('state.save');
  }

  protected startTasks(): void {
    const life = this.life;
    if (life.paused || life.parked) return;
    let running = life.tasks.filter(({ isRunning }) => isRunning).length;
    for (const task of life.tasks) {
      if (task.isRunning || running >= this.profile.tasks.concurrency) continue;
      running += 1;
      task.isRunning = true;
      task.isParked = false;
      life.begunTasks += 1;
      task.attempt += 1;
      task.begun = life.begunTasks;
      task.startedAt = life.now;
      this.tellTask('started', task, { attempt: task.attempt });
      this.requests.push({ type: 'task.run', taskId: task.id, task: 'work', input: task.command });
    }
  }

  protected firstBegun(): Task {
    const running = this.life.tasks.filter(({ isRunning }) => isRunning);
    return running.reduce((first, task) => (task.begun < first.begun ? task : first));
  }

  /** What runs may finish, what waits is abandoned. */
  protected finishTasks(): void {
    this.abandonAll(this.life.tasks.filter(({ isRunning }) => !isRunning));
    this.saveIfIdle();
  }

  /** What waits is abandoned, what runs is told to end. */
  protected abortTasks(): void {
    this.abandonAll(this.waitingFirst());
  }

  protected abandonAll(tasks: readonly Task[]): void {
    for (const task of tasks) {
      if (task.isAnswered) continue;
      this.answerEarly(task);
      this.abandon(task);
      this.life.abandoned = [...this.life.abandoned, task.id];
    }
  }

  /** Its caller has his answer: it leaves the queue, or its work is told to end. */
  protected answerEarly(task: Task): void {
    const life = this.life;
    task.isAnswered = true;
    life.deadlines.delete(`task ${task.id}`);
    if (task.isRunning) this.requests.push({ type: 'task.cancel', taskId: task.id });
    else life.tasks = life.tasks.filter((other) => other !== task);
  }

  protected abandon(task: Task): void {
    this.life.counts.abandoned += 1;
    this.tellTask('abandoned', task);
    this.answers.set(task.command, { code: 'TASK_ABANDONED' });
  }

  protected waitingFirst(): readonly Task[] {
    const { tasks } = this.life;
    const running = tasks.filter(({ isRunning }) => isRunning).toSorted((a, b) => a.begun - b.begun);
    return [...tasks.filter(({ isRunning }) => !isRunning), ...running];
  }
}

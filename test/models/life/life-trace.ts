/**
 * What a move in the flat model leaves to be seen: events, requests to the body, answers to callers; and deadlines.
 *
 * Owns a copy of the life that the move began with. It is arithmetic on plain data: no clock, no chart, no runtime.
 */
import type { ErrorCode, ExitReason } from '../../../src/index.ts';
import {
  AGENT,
  type Answer,
  type DeadlineName,
  type KnownLife,
  type Life,
  type Outcome,
  type Profile,
  type Task,
  type View,
} from './life-state.ts';

/** Stands for the record as it is when the move is over. */
export const RECORD = Symbol('record');

export class LifeTrace {
  readonly profile: Profile;
  protected readonly life: Life;
  protected readonly viewOf: (life: Life) => View | undefined;
  protected readonly events: object[] = [];
  protected readonly requests: object[] = [];
  protected readonly answers = new Map<number, Answer>();

  constructor(profile: Profile, before: Life, viewOf: (life: Life) => View | undefined) {
    this.profile = profile;
    this.viewOf = viewOf;
    this.life = {
      ...before,
      deadlines: new Map(before.deadlines),
      tasks: before.tasks.map((task) => ({ ...task })),
      counts: { ...before.counts },
    };
  }

  over(): { life: Life; outcome: Outcome } {
    const life = this.life;
    for (const [command, answer] of this.answers) {
      if ('value' in answer && answer.value === RECORD)
        this.answers.set(command, { value: this.viewOf(life) });
    }
    return { life, outcome: { events: this.events, requests: this.requests, answers: this.answers } };
  }

  countCommand(): void {
    this.life.commands += 1;
  }

  refuse(code: ErrorCode): void {
    this.answers.set(this.life.commands, { code });
  }

  awaitEnd(): void {
    this.life.ends = [...this.life.ends, this.life.commands];
  }

  /** All but that of the limit, which is not the agent's own. */
  protected clearDeadlines(): void {
    const { deadlines } = this.life;
    for (const name of deadlines.keys()) if (name !== 'reset') deadlines.delete(name);
  }

  /** A deadline that is armed anew counts as the latest. */
  protected arm(name: DeadlineName, delayMs: number): void {
    this.life.deadlines.delete(name);
    if (delayMs !== Infinity) this.life.deadlines.set(name, this.life.now + delayMs);
  }

  protected ask(type: 'kill' | 'terminate' | 'state.save'): void {
    this.requests.push({ type });
  }

  protected alert(alert: NonNullable<Life['alert']>): void {
    this.life.alert = alert;
    this.events.push({ type: 'alert.raised', alert, agentId: AGENT });
  }

  protected clearAlert(): void {
    const { alert } = this.life;
    if (alert === undefined) return;
    this.life.alert = undefined;
    this.events.push({ type: 'alert.cleared', alert, agentId: AGENT });
  }

  protected clearStorm(): void {
    this.events.push({ type: 'alert.cleared', alert: 'restart_storm' });
  }

  protected answerStarts(reason: ExitReason): void {
    const code = reason === 'start_timed_out' ? 'AGENT_START_TIMED_OUT' : 'AGENT_START_FAILED';
    for (const command of this.life.starts) this.answers.set(command, { code });
    this.life.starts = [];
  }

  protected answerEnds(): void {
    for (const command of this.life.ends) this.answers.set(command, { value: RECORD });
    this.life.ends = [];
  }

  protected tellTask(event: string, task: Task, more: object = {}): void {
    this.events.push({
      type: `task.${event}`,
      agentId: AGENT,
      incarnation: task.incarnation,
      taskId: task.id,
      task: 'work',
      ...more,
    });
  }

  protected tell(event: string, at: KnownLife['at'], more: object = {}): void {
    const { incarnation, startedFrom, restarts, recent, attempt, reason, startedAt, endedAt, restartAt } =
      this.life;
    const { paused, parked } = this.life;
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
    this.life.known = known;
    this.events.push({ type: `agent.${event}`, agentId: AGENT, incarnation, life: known, ...more });
  }
}

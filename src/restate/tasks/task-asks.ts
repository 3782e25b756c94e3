/**
 * Requests of an agent's running tasks: to ask a person, and to keep the result of a step.
 *
 * Owns the questions, and their effect on tasks: the time of a task that waits for a person stands still.
 */
import type { AskArgs, ToldAnswer } from '../../runtime/agent/question-acts.ts';
import type { EventBody } from '../../runtime/journal/system-event.ts';
import { AgentSystemError } from '../../runtime/values/errors.ts';
import type { AgentState } from '../agent/agent-state.ts';
import type { LedgerOwner } from './ledger-owner.ts';
import { move } from './task-ends.ts';
import { isWorking, type TaskEntry } from './task-entries.ts';
import type { TaskLists } from './task-lists.ts';
import { type QuestionsOwner, TaskQuestions } from './task-questions.ts';
import { holdTime, letTimeRun } from './task-times.ts';

export class TaskAsks implements QuestionsOwner {
  readonly questions: TaskQuestions;
  readonly #owner: LedgerOwner;
  readonly #lists: TaskLists;

  constructor(owner: LedgerOwner, lists: TaskLists) {
    this.#owner = owner;
    this.#lists = lists;
    this.questions = new TaskQuestions(this);
  }

  // What tasks ask.

  /**
   * A task asks a person. Gives what it is told at once; `undefined` where it waits.
   *
   * @param input of the task: it may have to be begun again
   * @throws AgentSystemError `REQUEST_INVALID`
   */
  ask(taskId: string, requestId: number, args: AskArgs, input: unknown): ToldAnswer | undefined {
    const entry = this.#asking(taskId, `question ${args.key}`);
    const told = this.questions.ask(entry, requestId, args);
    entry.didAsk = true;
    this.#owner.keepInput(entry, input);
    return told;
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
    this.emit({ type: 'task.step', agentId, incarnation, taskId, task, key });
  }

  /** @throws AgentSystemError `REQUEST_INVALID` for one that has ended */
  assertAsking(taskId: string, what: string): void {
    this.#asking(taskId, what);
  }

  /** A task that asks for something. */
  #asking(taskId: string, what: string): TaskEntry {
    const entry = this.#lists.workingOn(taskId);
    if (entry !== undefined && !entry.isAnswered) return entry;
    const message = `${what}: the task that asked has ended`;
    throw new AgentSystemError('REQUEST_INVALID', message, { agentId: this.state.id });
  }

  // What the questions need, and what they do to their tasks.

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

  questionOpened(taskId: string): void {
    const entry = this.#lists.workingOn(taskId);
    if (entry !== undefined) move(entry, 'task.asked');
  }

  /** It waits for a person as long as one of its questions is open. */
  questionClosed(taskId: string): void {
    const entry = this.#lists.all.find(({ id, isAnswered }) => id === taskId && !isAnswered);
    if (entry?.place !== 'waiting_for_input' || this.questions.openOf(taskId) > 0) return;
    // Where its body is gone, it waits for the next one.
    move(entry, isWorking(entry) ? 'task.told' : 'task.accepted');
  }

  beginsToAsk(taskId: string): void {
    const entry = this.#lists.workingOn(taskId);
    if (entry !== undefined && this.questions.isHeld(taskId)) holdTime(entry, this.now);
  }

  hasAsked(taskId: string): void {
    const entry = this.#lists.workingOn(taskId);
    if (entry !== undefined && !this.questions.isHeld(taskId)) letTimeRun(entry, this.#owner);
  }
}

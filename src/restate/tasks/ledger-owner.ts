/** What the tasks of an agent want done, and what they have to know of it. */
import type { ParkRequest } from '../../runtime/definition/parking.ts';
import type { BodyRequest } from '../../runtime/hosting/host.ts';
import type { EventBody } from '../../runtime/journal/system-event.ts';
import type { BodyMessage, OfOtherTask } from '../agent/agent-acts.ts';
import type { AgentState } from '../agent/agent-state.ts';
import type { Answer } from '../engine/call-answer.ts';
import type { TaskEntry } from './task-entries.ts';

/** What its node, or its body, is told of a task, beside that it begins. */
export type TaskMessage =
  | Exclude<BodyRequest, { readonly type: 'task.run' }>
  | Extract<BodyMessage, { readonly type: 'task.awaited' }>;

export interface LedgerOwner {
  readonly state: AgentState;
  readonly now: number;
  /** In [0, 1). */
  readonly chance: number;
  emit(event: EventBody): void;
  post(request: TaskMessage): void;
  /** Has a task run whose input is kept, or is at hand. */
  run(entry: TaskEntry, input: { readonly input: unknown } | undefined): void;
  /** Keeps the input of a task, unless it is kept. */
  keepInput(entry: TaskEntry, input: unknown): void;
  dropInput(taskId: string): void;
  keepSteps(taskId: string, key: string, value: unknown): void;
  dropSteps(taskId: string): void;
  answer(token: string, answer: Answer): void;
  /** Tells the agent of another task what concerns that. */
  tellTask(taskId: string, command: OfOtherTask): void;
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
  /** Whether it comes back to a task that has asked a person. */
  readonly mayComeBack: boolean;
  /** Answers what the living body has asked. */
  answerRequest(requestId: number, taskId: string, value: unknown): void;
  /** An attempt of a task has ended, or the task has: what it has reserved of budgets is settled. */
  attemptEnded(taskId: string): void;
  taskEnded(taskId: string): void;
  /** The place of one more deadline, or of one more task. */
  nextOrder(): number;
}

/** What an agent's ledger of tasks wants done, as acts of its agent's turn. */
import type { AgentEvent } from '../../machines/index.ts';
import type { ParkRequest } from '../../runtime/definition/parking.ts';
import type { EventBody } from '../../runtime/journal/system-event.ts';
import type { Act, BodyMessage, OfOtherTask } from '../agent/agent-acts.ts';
import { type AgentState, positionOfState } from '../agent/agent-state.ts';
import type { Answer } from '../engine/call-answer.ts';
import type { AgentBudgets } from '../limits/agent-budgets.ts';
import type { AgentQuota } from '../limits/agent-quota.ts';
import type { LedgerOwner } from './ledger-owner.ts';
import type { TaskEntry } from './task-entries.ts';

/** The turn that its acts are of. */
export interface ActingTurn {
  readonly state: AgentState;
  readonly now: number;
  /** In [0, 1). */
  readonly chance: number;
  readonly acts: Act[];
  nextOrder(): number;
  emit(event: EventBody): void;
  send(event: AgentEvent): void;
  answer(token: string, answer: Answer): void;
}

export class LedgerActs implements LedgerOwner {
  readonly #turn: ActingTurn;
  readonly #quota: AgentQuota;
  readonly #budgets: AgentBudgets;

  constructor(turn: ActingTurn, quota: AgentQuota, budgets: AgentBudgets) {
    this.#turn = turn;
    this.#quota = quota;
    this.#budgets = budgets;
  }

  get state(): AgentState {
    return this.#turn.state;
  }

  get now(): number {
    return this.#turn.now;
  }

  get chance(): number {
    return this.#turn.chance;
  }

  nextOrder(): number {
    return this.#turn.nextOrder();
  }

  emit(event: EventBody): void {
    this.#turn.emit(event);
  }

  answer(token: string, answer: Answer): void {
    this.#turn.answer(token, answer);
  }

  tellTask(taskId: string, command: OfOtherTask): void {
    this.#turn.acts.push({ do: 'tellTask', taskId, command });
  }

  post(message: BodyMessage): void {
    const { seat } = this.state;
    if (seat !== undefined) this.#turn.acts.push({ do: 'tell', node: seat.node, message });
  }

  run(entry: TaskEntry, given: { readonly input: unknown } | undefined): void {
    const { seat } = this.state;
    if (seat === undefined) return;
    const { id: taskId, task, attempts: attempt, terms, timeout, steps } = entry;
    const endsAt = timeout?.dueAt;
    this.#turn.acts.push({
      do: 'run',
      node: seat.node,
      taskId,
      task,
      attempt,
      given,
      hasSteps: steps !== undefined,
      terms: terms === undefined && endsAt === undefined ? undefined : { ...terms, endsAt },
    });
  }

  keepInput(entry: TaskEntry, input: unknown): void {
    if (entry.hasInput) return;
    entry.hasInput = true;
    const { id: taskId } = entry;
    this.#turn.acts.push({ do: 'keepInput', taskId, input });
  }

  dropInput(taskId: string): void {
    this.#turn.acts.push({ do: 'dropInput', taskId });
  }

  keepSteps(taskId: string, key: string, value: unknown): void {
    this.#turn.acts.push({ do: 'keepSteps', taskId, key, value });
  }

  dropSteps(taskId: string): void {
    this.#turn.acts.push({ do: 'dropSteps', taskId });
  }

  answerRequest(requestId: number, taskId: string, value: unknown): void {
    this.post({ type: 'request.answered', requestId, taskId, value });
  }

  /** As of an agent in one program; one that moves does. */
  get mayComeBack(): boolean {
    if (this.state.isMoving) return true;
    const { path, isAlive } = positionOfState(this.state);
    if (isAlive) return this.state.life.context.ordered?.forGood !== true;
    return path === 'crashed.waiting' || path === 'crashed.queued';
  }

  limitReached(request: ParkRequest): void {
    this.#quota.limitReached(request);
  }

  taskPassed(): void {
    this.#quota.taskPassed();
  }

  attemptEnded(taskId: string): void {
    this.#budgets.attemptEnded(taskId);
  }

  taskEnded(taskId: string): void {
    this.#budgets.taskEnded(taskId);
  }

  crashForStall(taskId: string): void {
    this.#turn.send({ type: 'agent.kill', at: this.now, by: `the stall of ${taskId}` });
  }

  becameBusy(): void {
    this.#turn.send({ type: 'mailbox.busy' });
  }

  becameIdle(): void {
    this.#turn.send({ type: 'mailbox.idle' });
  }

  becameRested(): void {
    this.#turn.send({ type: 'mailbox.rested' });
  }
}

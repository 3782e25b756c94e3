/**
 * Requests of tasks to their own agent: to keep a step, to ask a person, to spend. Their node answers all others.
 *
 * I1  A request that arrives twice, because its answer got lost, is done once.
 */
import type { BudgetAmount } from '../../machines/index.ts';
import type { AskArgs } from '../../runtime/agent/question-acts.ts';
import { MAX_STEPS } from '../../runtime/agent/task-steps.ts';
import type { BodyReport } from '../../runtime/hosting/host.ts';
import type { EventBody } from '../../runtime/journal/system-event.ts';
import { AgentSystemError } from '../../runtime/values/errors.ts';
import type { Act, RequestAnswer } from '../agent/agent-acts.ts';
import type { AgentState } from '../agent/agent-state.ts';
import { type Answer, answering } from '../engine/call-answer.ts';
import type { AgentBudgets } from '../limits/agent-budgets.ts';
import type { Granted } from '../limits/budget-messages.ts';
import type { TaskAsks } from './task-asks.ts';

type Made = Extract<BodyReport, { type: 'request.made' }>;

/** It is answered later. */
const PENDING = Symbol('pending');

export interface TaskRequestsOwner {
  readonly state: AgentState;
  emit(event: EventBody): void;
}

export class TaskRequests {
  /** Answers that go out with the turn. */
  readonly answers: RequestAnswer[] = [];
  readonly #owner: TaskRequestsOwner;
  readonly #asks: TaskAsks;
  readonly #budgets: AgentBudgets;

  constructor(owner: TaskRequestsOwner, asks: TaskAsks, budgets: AgentBudgets) {
    this.#owner = owner;
    this.#asks = asks;
    this.#budgets = budgets;
  }

  made(request: Made, isAgain = false): void {
    const { requestId, taskId } = request;
    const answer = answering(() => this.#do(request, isAgain));
    if ('refusal' in answer || answer.value !== PENDING) this.#answer(requestId, taskId, answer);
  }

  madeAgain(request: Made): void {
    if (request.name !== 'task.step') return this.made(request, true);
    // It was kept the first time.
    this.#answer(request.requestId, request.taskId, {});
  }

  /** What became of what a task wants to spend. */
  reserved({ requestId, spender, asked }: Extract<Act, { do: 'reserve' }>, answer: Answer<Granted>): void {
    if ('refusal' in answer) return this.#answer(requestId, spender.taskId, answer);
    const { accounts = [], events = [] } = answer.value ?? {};
    const id = this.#budgets.granted(requestId, spender, asked, accounts);
    for (const event of events) this.#owner.emit(event);
    this.#answer(requestId, spender.taskId, { value: id });
  }

  #do({ requestId, taskId, name, args: given }: Made, isAgain: boolean): unknown {
    switch (name) {
      case 'task.step': {
        const { key, value } = given as { readonly key: string; readonly value: unknown };
        return this.#asks.step(taskId, key, value, MAX_STEPS);
      }
      case 'task.ask': {
        const { args, input } = given as { readonly args: AskArgs; readonly input: unknown };
        return this.#asks.ask(taskId, requestId, args, input) ?? PENDING;
      }
      case 'budget.reserve':
        this.#asks.assertAsking(taskId, name);
        return this.#budgets.reserve(taskId, requestId, given as BudgetAmount) ?? PENDING;
      case 'budget.settle': {
        const { id, actual } = given as { readonly id: number; readonly actual: BudgetAmount | 'released' };
        return this.#budgets.settle(taskId, id, actual, isAgain);
      }
      default: {
        const message = `nobody answers ${name} here`;
        throw new AgentSystemError('REQUEST_INVALID', message, { agentId: this.#owner.state.id });
      }
    }
  }

  #answer(requestId: number, taskId: string, answer: Answer): void {
    if ('refusal' in answer) {
      const { code, message, details } = answer.refusal;
      const error = { name: 'AgentSystemError', message, data: details };
      this.answers.push({ type: 'request.refused', requestId, taskId, code, error });
    } else this.answers.push({ type: 'request.answered', requestId, taskId, value: answer.value });
  }
}

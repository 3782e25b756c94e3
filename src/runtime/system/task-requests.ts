/** All kinds of requests that running tasks may make of their system, by name: what `ctx` of a task can do. */
import { type MadeRequest, type RequestHandlers, requestHandler } from '../agent/requests.ts';
import type { Questions } from '../agent/questions.ts';
import type { TaskSteps } from '../agent/task-steps.ts';
import type { AgentCalls } from '../fleet/agent-calls.ts';
import type { Agents } from '../fleet/agents.ts';
import { reserveArgs, settleArgs, type Spender } from '../limits/budget-rules.ts';
import type { Budgets } from '../limits/budgets.ts';

export interface RequestServices {
  readonly agents: Agents;
  readonly calls: AgentCalls;
  readonly questions: Questions;
  readonly steps: TaskSteps;
  readonly budgets: Budgets;
}

export function taskRequests({ agents, calls, questions, steps, budgets }: RequestServices): RequestHandlers {
  const spender = ({ agentId, incarnation, taskId }: MadeRequest): Spender => {
    const { manifest, quota } = agents.find(agentId);
    return { agentId, incarnation, taskId, type: manifest.type, quota };
  };
  return new Map([
    ['agents.execute', calls.execute],
    ['agents.stream', calls.streams.stream],
    ['agents.stream.read', calls.streams.read],
    ['agents.stream.close', calls.streams.close],
    ['agents.spawn', calls.spawn],
    ['agents.stop', calls.stop],
    ['task.ask', questions.ask],
    ['task.step', steps.keep],
    [
      'budget.reserve',
      requestHandler(reserveArgs, (amount, request) => budgets.reserve(spender(request), amount)),
    ],
    [
      'budget.settle',
      requestHandler(settleArgs, ({ id, actual }, { taskId }) => budgets.settle(taskId, id, actual)),
    ],
  ]);
}

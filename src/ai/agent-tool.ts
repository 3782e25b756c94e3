/** An agent of the fleet as a tool of a model. */
import { type FlexibleSchema, tool, type Tool } from 'ai';
import type { CallTarget } from '../runtime/definition/task-abilities.ts';
import { toolCallOf, waitFor } from './tool-call.ts';

/** A task of another agent, as a tool of a model. */
export interface AgentToolOptions<Input> {
  /** What the model reads of it. */
  readonly description: string;
  /** The schema of what the model is to give: of an object, as providers want it. */
  readonly inputSchema: FlexibleSchema<Input>;
  /** The task's input, made of what the model gave; by default that itself. */
  readonly input?: (given: Input) => unknown;
  /** Who does it: an agent's id, the least loaded agent of a type, or a pool. */
  readonly agent: CallTarget;
  /** The name of the task. */
  readonly task: string;
  /** Default no longer than the task that the model works on. In ms. */
  readonly timeoutMs?: number;
}

/**
 * A tool that is a task of another agent: the model gives the task's input, and gets its output.
 * It carries the caller's trace, deadline and abort; a call that would wait in a circle is refused. When the caller's task
 * runs again, after a crash, a limit or a restart of the program, the call waits for the task that it began before.
 */
export function agentTool<Input>(options: AgentToolOptions<Input>): Tool<Input, unknown> {
  const { description, inputSchema, input: inputOf, agent, task: type, timeoutMs } = options;
  return tool({
    description,
    inputSchema,
    execute: (called: Input, callOptions: object): Promise<unknown> => {
      const input = inputOf === undefined ? called : inputOf(called);
      const { task, idempotencyKey } = toolCallOf(callOptions);
      const given = timeoutMs === undefined ? {} : { timeoutMs };
      const answer = task.agents.execute(agent, { type, input, idempotencyKey, ...given });
      return waitFor(callOptions, answer);
    },
  } as never) as unknown as Tool<Input, unknown>;
}

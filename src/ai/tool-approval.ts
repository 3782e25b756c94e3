/**
 * Calls of tools that a person has to approve. Which these are is said as the SDK has it; each is a question of the task.
 *
 * I1  A call is asked about once: a task that runs again gets the answer that was given.
 * I2  A call that was denied is denied again, with the same reason and without a question, if the model repeats it.
 * I3  The input of a call is among the details of its question alone: there a dashboard can hide it.
 */
import type { GenericToolApprovalFunction, ToolApprovalConfiguration, ToolApprovalStatus, ToolSet } from 'ai';
import { z } from 'zod';
import type { TaskContext } from '../agent.ts';
import { toPlain } from './plain-data.ts';

/** Which calls of tools need approval: by the name of the tool, or a function of the call. */
export type ToolApproval = ToolApprovalConfiguration<ToolSet, unknown>;

type Judge = Extract<ToolApproval, GenericToolApprovalFunction<ToolSet, never, unknown>>;
type Call = Parameters<Judge>[0];

const answer = z.strictObject({ approved: z.boolean(), reason: z.string().optional() });

/** @param keyOf the key of a call's question */
export function approvalBy(
  approval: ToolApproval | undefined,
  task: TaskContext<unknown, unknown>,
  keyOf: (toolCallId: string) => string,
): Judge {
  /** Why, by tool and input. */
  const denied = new Map<string, string>();
  return async (call) => {
    const status = await statusOf(approval, call);
    const { type, reason: why } = typeof status === 'object' ? status : { type: status, reason: undefined };
    if (type !== 'user-approval') return status;
    const { toolName, toolCallId } = call.toolCall;
    const input = toPlain(call.toolCall.input);
    const repeated = `${toolName} ${JSON.stringify(input)}`;
    const before = denied.get(repeated);
    if (before !== undefined) return { type: 'denied', reason: before };
    const { approved, reason = 'a person said no' } = await task.ask({
      question: `Call ${toolName}?`,
      details: { tool: toolName, input, ...(why === undefined ? {} : { why }) },
      schema: answer,
      key: keyOf(toolCallId),
    });
    if (approved) return undefined;
    denied.set(repeated, reason);
    return { type: 'denied', reason };
  };
}

/** In the SDK's order: the agent's own settings come before the tool's. */
async function statusOf(approval: ToolApproval | undefined, call: Call): Promise<ToolApprovalStatus> {
  if (typeof approval === 'function') return approval(call);
  const { toolCall, tools, messages, runtimeContext } = call;
  const { toolName, toolCallId, input } = toolCall;
  const own = approval !== undefined && Object.hasOwn(approval, toolName) ? approval[toolName] : undefined;
  if (typeof own === 'function') {
    return own(input, { toolCallId, messages, toolContext: undefined as never, runtimeContext });
  }
  if (own !== undefined) return own;
  const needs =
    tools !== undefined && Object.hasOwn(tools, toolName) ? tools[toolName]?.needsApproval : false;
  const isNeeded =
    typeof needs === 'function' ? await needs(input, { toolCallId, messages, context: undefined }) : needs;
  return isNeeded ? 'user-approval' : undefined;
}

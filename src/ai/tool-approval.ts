/**
 * Calls of tools that a person has to approve. Which these are is said as the SDK has it; each is a question of the task.
 *
 * I1  A call is asked about once: a task that runs again gets the answer that was given.
 * I2  A call that was denied is denied again, with the same reason and without a question, if the model repeats it.
 * I3  The input of a call is among the details of its question alone: there a dashboard can hide it.
 * I4  An input that a person gives in its place is judged as the model's own is, by the schema of the tool.
 */
import {
  asSchema,
  type GenericToolApprovalFunction,
  type ToolApprovalConfiguration,
  type ToolApprovalStatus,
  type ToolSet,
} from 'ai';
import { z } from 'zod';
import type { TaskContext } from '../agent.ts';
import { toPlain } from './plain-data.ts';

/** Which calls of tools need approval: by the name of the tool, or a function of the call. */
export type ToolApproval = ToolApprovalConfiguration<ToolSet, unknown>;

type Judge = Extract<ToolApproval, GenericToolApprovalFunction<ToolSet, never, unknown>>;
type Call = Parameters<Judge>[0];

/** Where a call's question is asked, and what a person makes of its input. */
export interface ApprovedCalls {
  /** The key of a call's question. */
  keyOf(toolCallId: string): string;
  /** The call is made with this input. */
  change(toolCallId: string, input: unknown): void;
}

export function approvalBy(
  approval: ToolApproval | undefined,
  task: TaskContext<unknown, unknown>,
  calls: ApprovedCalls,
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
    const answer = await task.ask({
      question: `Call ${toolName}?`,
      details: { tool: toolName, input, ...(why === undefined ? {} : { why }) },
      schema: await answerOn(call),
      key: calls.keyOf(toolCallId),
    });
    if (answer.approved) {
      if (answer.input !== undefined) calls.change(toolCallId, answer.input);
      return undefined;
    }
    const { reason = 'a person said no' } = answer;
    denied.set(repeated, reason);
    return { type: 'denied', reason };
  };
}

/** The schema of an answer; the input in it becomes what the schema of the tool makes of it. */
async function answerOn({ toolCall: { toolName }, tools }: Call) {
  const answer = z.strictObject({ approved: z.boolean(), reason: z.string().optional() });
  const tool = tools !== undefined && Object.hasOwn(tools, toolName) ? tools[toolName] : undefined;
  // Whoever else makes the call makes it with the input that the model gave.
  if (tool?.execute === undefined) return answer.extend({ input: z.undefined().optional() });
  const { validate, jsonSchema } = asSchema(tool.inputSchema);
  const { $schema: _, ...shape } = await jsonSchema;
  const input = z
    .unknown()
    .transform(async (given, issues) => {
      if (given === undefined) return undefined;
      const judged = await validate?.(given);
      if (judged === undefined || judged.success) return judged?.value ?? given;
      issues.addIssue({ code: 'custom', message: judged.error.message });
      return z.NEVER;
    })
    .optional()
    .meta({
      ...(leadingFrom('#/properties/input', shape) as object),
      description: 'the input to call it with, in place of its own',
    });
  return answer.extend({ input }).refine((given) => given.approved || given.input === undefined, {
    path: ['input'],
    error: 'a call that is denied has no input',
  });
}

/** A JSON Schema that stands at a place of another one: its references begin at the root of that. */
function leadingFrom(place: string, schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map((one) => leadingFrom(place, one));
  if (typeof schema !== 'object' || schema === null) return schema;
  const moved = Object.entries(schema).map(([key, value]) => {
    const isReference = key === '$ref' && typeof value === 'string' && /^#(\/|$)/.test(value);
    return [key, isReference ? `${place}${value.slice(1)}` : leadingFrom(place, value)];
  });
  return Object.fromEntries(moved);
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

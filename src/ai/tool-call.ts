/** The task behind a call of a tool. */
import type { TaskContext } from '../agent.ts';

/** What a tool may know of the task that calls it, besides what the SDK gives it. */
export interface ToolCall {
  readonly toolCallId: string;
  readonly toolName: string;
  /**
   * The same for the same call, also when its task runs again after a crash: a service can use it to do nothing twice.
   */
  readonly idempotencyKey: string;
  /** The task that the model works on. */
  readonly task: TaskContext<unknown, unknown>;
}

const calls = new WeakMap<object, ToolCall>();

/**
 * The task behind the options that a tool's `execute` gets.
 *
 * ```ts
 * execute: async (input, options) => pay(input, { idempotencyKey: toolCallOf(options).idempotencyKey })
 * ```
 *
 * @throws TypeError for options that are not of a model agent's tool
 */
export function toolCallOf(options: object): ToolCall {
  const call = calls.get(options);
  if (call === undefined) throw new TypeError('these options are not those of a tool of a model agent');
  return call;
}

export function bindToolCall<Options extends object>(options: Options, call: ToolCall): Options {
  const bound = { ...options };
  calls.set(bound, call);
  return bound;
}

/** The task behind a call of a tool. */
import type { TaskContext } from '../agent.ts';
import type { AskedQuestion } from '../runtime/definition/task-abilities.ts';
import type { CallAtWork } from './tools-at-work.ts';

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

interface Bound {
  readonly call: ToolCall;
  readonly waitFor: <Value>(kept: Promise<Value>) => Promise<Value>;
}

const calls = new WeakMap<object, Bound>();

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
  return boundTo(options).call;
}

/** Waits for what goes on if the task makes way for a limit, and is waited for again when it runs again. */
export function waitFor<Value>(options: object, kept: Promise<Value>): Promise<Value> {
  return boundTo(options).waitFor(kept);
}

export function bindToolCall<Options extends { readonly abortSignal?: AbortSignal | undefined }>(
  options: Options,
  call: ToolCall,
  work: CallAtWork,
): Options {
  const { ask } = call.task;
  const wait = <Value>(kept: Promise<Value>) => work.waitFor(kept, options.abortSignal);
  const task = { ...call.task, ask: <Answer>(question: AskedQuestion<Answer>) => wait(ask(question)) };
  const bound = { ...options };
  calls.set(bound, { call: { ...call, task }, waitFor: wait });
  return bound;
}

function boundTo(options: object): Bound {
  const bound = calls.get(options);
  if (bound === undefined) throw new TypeError('these options are not those of a tool of a model agent');
  return bound;
}

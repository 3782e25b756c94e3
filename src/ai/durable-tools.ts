/**
 * Tools whose calls are steps of a task: the result or the failure of a call is kept before the model gets it, and a
 * task that runs again gets what was kept and does not call.
 *
 * I1  A call whose result was kept is never made again. One that was under way when the agent ended is, with the same
 *     idempotency key.
 * I2  The model gets the failure of a tool. It does not get an error that ends the task or makes it wait: its work is
 *     aborted, and the task throws that error.
 * I3  Calls that the model makes side by side end before one of them has the task wait: what they have paid for is kept.
 *     Those that wait for a person, or for another agent's task, are broken off: they wait for the same when they are
 *     made again.
 */
import type { ToolSet } from 'ai';
import type { TaskContext } from '../agent.ts';
import { errorFrom, errorInfoOf, inWords } from '../runtime/values/errors.ts';
import { ChangedCall, changedFailure, toldOfChange } from './changed-call.ts';
import { fromPlain, toPlain } from './plain-data.ts';
import type { RepeatedCalls } from './repeated-calls.ts';
import { isOfTask } from './task-end.ts';
import { bindToolCall } from './tool-call.ts';
import { type CallAtWork, ToolsAtWork } from './tools-at-work.ts';

type Kept =
  | { readonly output?: unknown }
  | { readonly error: { readonly name: string; readonly message: string } };

export interface ToolCalls {
  readonly task: TaskContext<unknown, unknown>;
  /** Begins every key of this task. */
  readonly prefix: string;
  /** Which call of the model asks: some providers give one id again in a later call. */
  readonly modelCall: () => number;
  /** The input that a person has given a call in place of its own, by its place. */
  readonly changed: ReadonlyMap<string, unknown>;
  /** How often this run has made each call. */
  readonly repeated: RepeatedCalls;
  /** The error that the task ends with. */
  breakOff(thrown: unknown): void;
}

export function durableTools(tools: ToolSet, calls: ToolCalls): ToolSet {
  const { task, prefix } = calls;
  const durable: ToolSet = {};
  const atWork = new ToolsAtWork();
  for (const [toolName, tool] of Object.entries(tools)) {
    const { execute, toModelOutput } = tool;
    if (execute === undefined) {
      durable[toolName] = tool;
      continue;
    }
    const call = async (
      asked: unknown,
      options: Parameters<typeof execute>[1],
      work: CallAtWork,
    ): Promise<unknown> => {
      const { toolCallId } = options;
      const place = `${calls.modelCall()}:${toolCallId}`;
      const idempotencyKey = `${task.taskId}:${prefix}${place}`;
      const isChanged = calls.changed.has(place);
      const input = isChanged ? calls.changed.get(place) : asked;
      const bound = bindToolCall(options, { toolCallId, toolName, idempotencyKey, task }, work);
      const kept = await task.step<Kept>(`${prefix}tool:${place}`, async () => {
        try {
          const output = await lastOf(execute(input as never, bound));
          if (work.isBrokenOff) throw bound.abortSignal?.reason;
          return { output: toPlain(output) };
        } catch (thrown) {
          if (task.signal.aborted || work.isBrokenOff || isOfTask(thrown)) throw thrown;
          const { name, message } = errorInfoOf(thrown);
          return { error: { name, message } };
        }
      });
      task.progress({ tool: toolName });
      if ('error' in kept) {
        const { name, message } = kept.error;
        throw errorFrom({ name, message: isChanged ? changedFailure(toPlain(input), message) : message });
      }
      const output = fromPlain(kept.output);
      return isChanged ? new ChangedCall(toPlain(input), output) : output;
    };
    const executed = async (input: unknown, options: Parameters<typeof execute>[1]): Promise<unknown> => {
      calls.repeated.count(toolName, input);
      const work = atWork.begin();
      try {
        return await call(input, options, work);
      } catch (thrown) {
        if (!task.signal.aborted && !isOfTask(thrown)) throw thrown;
        work.end();
        await atWork.rest();
        calls.breakOff(thrown);
        throw thrown;
      } finally {
        work.end();
      }
    };
    const told = toModelOutput === undefined ? {} : { toModelOutput: toldOfChange(toModelOutput) };
    durable[toolName] = { ...tool, execute: executed, ...told } as ToolSet[string];
  }
  return durable;
}

/** A tool may give results on the way; the last one is its output. */
async function lastOf(result: unknown): Promise<unknown> {
  const given = await result;
  if (typeof given !== 'object' || given === null || !(Symbol.asyncIterator in given)) return given;
  let last: unknown;
  for await (const part of given as AsyncIterable<unknown>) last = part;
  return last;
}

/** @throws TypeError for invalid tools */
export function assertTools(tools: unknown): asserts tools is ToolSet {
  if (typeof tools === 'object' && tools !== null && !Array.isArray(tools)) return;
  throw new TypeError(`tools: expected tools by name, got ${inWords(tools)}`);
}

/** A tool that is a task of another agent asks for it by the call's key, and lets the caller make way meanwhile. */
import { expect, it } from 'vitest';
import { z } from 'zod';
import { agentTool, type AgentToolOptions } from '../../src/ai/agent-tool.ts';
import { bindToolCall, type ToolCall, toolCallOf, waitFor } from '../../src/ai/tool-call.ts';
import { ToolsAtWork } from '../../src/ai/tools-at-work.ts';

const base = { description: 'Adds.', inputSchema: z.object({ n: z.number() }), agent: 'adder', task: 'add' };

async function called(options: Partial<AgentToolOptions<{ n: number }>>, signal?: AbortSignal) {
  const calls: unknown[][] = [];
  const answer = Promise.withResolvers<unknown>();
  const execute = (...given: unknown[]) => {
    calls.push(given);
    return answer.promise;
  };
  const call = { task: { agents: { execute } }, idempotencyKey: 'key-1' } as unknown as ToolCall;
  const tools = new ToolsAtWork();
  const bound = bindToolCall({ toolCallId: 'c', abortSignal: signal }, call, tools.begin());
  const tool = agentTool({ ...base, ...options });
  const { execute: run } = tool as unknown as {
    execute: (input: object, options: object) => Promise<unknown>;
  };
  const output = run({ n: 1 }, bound);
  // The call waits for what goes on without it: it is not at work.
  await tools.rest();
  return { calls, output, answer };
}

it('is asked for with what the model gives, or what is made of that, and with a time only where one is given', async () => {
  const plain = await called({});
  plain.answer.resolve(2);
  expect(await plain.output).toBe(2);
  expect(plain.calls).toStrictEqual([['adder', { type: 'add', input: { n: 1 }, idempotencyKey: 'key-1' }]]);
  const made = await called({ input: ({ n }) => [n, n], timeoutMs: 700 });
  made.answer.resolve(undefined);
  await made.output;
  expect(made.calls).toStrictEqual([
    ['adder', { type: 'add', input: [1, 1], idempotencyKey: 'key-1', timeoutMs: 700 }],
  ]);
});

it('is no longer waited for once its caller makes way', async () => {
  const controller = new AbortController();
  const { output } = await called({}, controller.signal);
  controller.abort(new Error('make way'));
  await expect(output).rejects.toThrow('make way');
});

it('is refused outside a model agent', () => {
  const message = 'these options are not those of a tool of a model agent';
  expect(() => toolCallOf({})).toThrow(new TypeError(message));
  expect(() => waitFor({}, Promise.resolve())).toThrow(new TypeError(message));
});

/** A model that says what a test has it say, and remembers what it was asked. */
import { APICallError } from 'ai';
import { MockLanguageModelV4 } from 'ai/test';

type Generated = Awaited<ReturnType<MockLanguageModelV4['doGenerate']>>;
export type Prompt = Parameters<MockLanguageModelV4['doGenerate']>[0]['prompt'];

const usage: Generated['usage'] = {
  inputTokens: { total: 10, noCache: 10, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: 5, text: 5, reasoning: undefined },
};

export function says(text: string): Generated {
  return {
    content: [{ type: 'text', text }],
    finishReason: { unified: 'stop', raw: undefined },
    usage,
    warnings: [],
  };
}

export function calls(toolName: string, input: object, toolCallId = `${toolName}-1`): Generated {
  return {
    content: [{ type: 'tool-call', toolCallId, toolName, input: JSON.stringify(input) }],
    finishReason: { unified: 'tool-calls', raw: undefined },
    usage,
    warnings: [],
  };
}

export function refuses(statusCode: number, responseHeaders: Record<string, string> = {}): APICallError {
  return new APICallError({
    message: 'slow down',
    url: 'https://provider.example/v1',
    requestBodyValues: { messages: 'secret' },
    statusCode,
    responseHeaders: { 'x-request-id': 'secret', ...responseHeaders },
  });
}

export type Turn =
  | Generated
  | Error
  | ((options: Parameters<MockLanguageModelV4['doGenerate']>[0]) => Generated | PromiseLike<Generated>);

/** Answers turn by turn; one past the last fails the test that asked. */
export function scripted(...turns: Turn[]): MockLanguageModelV4 & { readonly prompts: Prompt[] } {
  const prompts: Prompt[] = [];
  const left = [...turns];
  const model = new MockLanguageModelV4({
    doGenerate: async (options) => {
      prompts.push(structuredClone(options.prompt));
      const turn = left.shift();
      if (turn === undefined) throw new Error('the model was asked once more than its script goes');
      if (turn instanceof Error) throw turn;
      return typeof turn === 'function' ? turn(options) : turn;
    },
  });
  return Object.assign(model, { prompts });
}

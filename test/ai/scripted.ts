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

type Streamed = Awaited<ReturnType<MockLanguageModelV4['doStream']>>;
export type StreamPart = Streamed['stream'] extends ReadableStream<infer Part> ? Part : never;

/** The parts of an answer that comes word by word. */
export function streams(...words: string[]): StreamPart[] {
  return [
    { type: 'stream-start', warnings: [] },
    { type: 'text-start', id: '1' },
    ...words.map((delta): StreamPart => ({ type: 'text-delta', id: '1', delta })),
    { type: 'text-end', id: '1' },
    { type: 'finish', finishReason: { unified: 'stop', raw: undefined }, usage },
  ];
}

export function streamsCall(toolName: string, input: object): StreamPart[] {
  return [
    { type: 'stream-start', warnings: [] },
    { type: 'tool-call', toolCallId: `${toolName}-1`, toolName, input: JSON.stringify(input) },
    { type: 'finish', finishReason: { unified: 'tool-calls', raw: undefined }, usage },
  ];
}

/**
 * Answers with one stream after the other; an error in place of a part breaks its stream off, `hangs`, or nothing at all,
 * has it hang; `closes` ends it there.
 */
export function scriptedStreams(
  ...turns: (StreamPart | Error | 'hangs' | 'closes')[][]
): MockLanguageModelV4 {
  const left = [...turns];
  return new MockLanguageModelV4({
    doStream: async () => {
      const parts = left.shift();
      if (parts === undefined) throw new Error('the model was asked once more than its script goes');
      const iterator = parts[Symbol.iterator]();
      return {
        stream: new ReadableStream<StreamPart>({
          pull(controller) {
            if (parts.length === 0) return new Promise(() => {});
            const { value, done } = iterator.next();
            if (value === 'hangs') return new Promise(() => {});
            if (done || value === 'closes') controller.close();
            else if (value instanceof Error) controller.error(value);
            else controller.enqueue(value);
            return undefined;
          },
        }),
      };
    },
  });
}

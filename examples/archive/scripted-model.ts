/** The model that the provider of this example serves, for the AI SDK. */
import { APICallError, type LanguageModel } from 'ai';
import { MockLanguageModelV4 } from 'ai/test';
import type { Answer, Ask } from './provider.ts';

export function scriptedModel(url: string): LanguageModel {
  return new MockLanguageModelV4({
    provider: 'archive',
    modelId: 'scripted',
    doGenerate: async ({ prompt, abortSignal }) => {
      const ask: Ask = { prompt, pid: process.pid };
      const response = await fetch(url, {
        method: 'POST',
        body: JSON.stringify(ask),
        ...(abortSignal ? { signal: abortSignal } : {}),
      });
      if (!response.ok) {
        throw new APICallError({
          message: await response.text(),
          url,
          requestBodyValues: {},
          statusCode: response.status,
          responseHeaders: Object.fromEntries(response.headers),
        });
      }
      const { text, call, inputTokens, outputTokens } = (await response.json()) as Answer;
      return {
        content: call ? [{ type: 'tool-call', ...call }] : [{ type: 'text', text: text ?? '' }],
        finishReason: { unified: call ? 'tool-calls' : 'stop', raw: undefined },
        usage: {
          inputTokens: {
            total: inputTokens,
            noCache: inputTokens,
            cacheRead: undefined,
            cacheWrite: undefined,
          },
          outputTokens: { total: outputTokens, text: outputTokens, reasoning: undefined },
        },
        warnings: [],
      };
    },
  });
}

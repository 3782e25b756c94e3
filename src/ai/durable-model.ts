/**
 * A model whose calls are steps of a task: the result of a call is kept before it is used, and a task that runs again
 * gets the kept result and does not call.
 *
 * I1  A call that was kept is never made again for the same task.
 * I2  Text of a stream is passed on as it comes. Its tool calls and its end are passed on once the whole answer is
 *     kept: no tool runs for an answer that may be asked for again.
 * I3  An aborted call is over at once, whatever its provider does: one that never heard of the abort holds up nobody.
 */
import {
  gateway,
  type LanguageModel,
  type LanguageModelMiddleware,
  simulateReadableStream,
  wrapLanguageModel,
} from 'ai';
import { type AskedModel, faultInAnswer, faultInEnd, faultOfNoEnd, usageIn } from './given-answer.ts';
import { CallIds } from './call-ids.ts';
import { isRefusedCall, modelErrorOf } from './model-error.ts';
import { fromPlain, toPlain } from './plain-data.ts';

type Wrapped = ReturnType<typeof wrapLanguageModel>;
type Generated = Awaited<ReturnType<Wrapped['doGenerate']>>;
type Streamed = Awaited<ReturnType<Wrapped['doStream']>>;
type Part = Streamed['stream'] extends ReadableStream<infer P> ? P : never;
/** What a call cost, according to the provider. */
export type CallUsage = Generated['usage'];

/** The arguments of one call of a model. */
export type CallParams = Parameters<Wrapped['doGenerate']>[0];

/** Keeps an answer, of which the provider says that it has cost so much. */
type Keep = (value: unknown, usage: CallUsage) => Promise<void>;

/** Where the calls of one run of a task are kept. */
export interface ModelCalls {
  /** The kept result of the next call, or how to make it. */
  next(): { readonly kept: unknown } | { readonly keep: Keep };
  /** Around each call that is made: reserves before it what `params` may cost, and is told what it cost. */
  paid<Result>(
    params: CallParams,
    call: () => PromiseLike<Result>,
    usageOf: (result: Result) => CallUsage | undefined,
  ): Promise<Result>;
  /** A part of the answer has come that the task does not stream. */
  progressed(part: string): void;
}

export function durableModel(model: LanguageModel, calls: ModelCalls): Wrapped {
  const middleware: LanguageModelMiddleware = {
    async wrapGenerate({ doGenerate, params, model: asked }) {
      const next = calls.next();
      if ('kept' in next) return fromPlain(next.kept) as Generated;
      const given = await calls.paid(
        params,
        () => called(doGenerate, params.abortSignal),
        (answer) => usageIn(answer),
      );
      const fault = faultInAnswer(given, asked);
      if (fault !== undefined) throw fault;
      const ids = new CallIds();
      const result = { ...given, content: given.content.map((part) => ids.own(part)) };
      await next.keep(toPlain(withoutWire(result)), result.usage);
      return result;
    },
    async wrapStream({ doStream, params, model: asked }) {
      const next = calls.next();
      if ('kept' in next) {
        const chunks = fromPlain(next.kept) as Part[];
        return { stream: simulateReadableStream({ chunks, initialDelayInMs: null, chunkDelayInMs: null }) };
      }
      const over = Promise.withResolvers<CallUsage | undefined>();
      // It is paid while it streams: the cost is known at its end.
      const streaming = new Promise<Streamed>((resolve, reject) => {
        calls
          .paid(
            params,
            async () => {
              resolve(await called(doStream, params.abortSignal));
              return over.promise;
            },
            (usage) => usage,
          )
          .catch(reject);
      });
      const { stream } = await streaming;
      return { stream: brokenAsPart(stream).pipeThrough(keptAtEnd(next.keep, calls, over, asked)) };
    },
  };
  return wrapLanguageModel({ model: typeof model === 'string' ? namedModel(model) : model, middleware });
}

async function called<Result>(
  call: () => PromiseLike<Result>,
  signal: AbortSignal | undefined,
): Promise<Result> {
  signal?.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal?.reason);
  signal?.addEventListener('abort', onAbort);
  try {
    return await Promise.race([call(), aborted.promise]);
  } catch (thrown) {
    throw modelErrorOf(thrown);
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

/** Reads a model's name as the SDK does. */
function namedModel(name: string): Exclude<LanguageModel, string> {
  const { AI_SDK_DEFAULT_PROVIDER: given } = globalThis as {
    AI_SDK_DEFAULT_PROVIDER?: { languageModel(id: string): Exclude<LanguageModel, string> };
  };
  return (given ?? gateway).languageModel(name);
}

/** The stream of a connection that breaks says so by a part, as one whose provider says what is wrong. */
function brokenAsPart(stream: ReadableStream<Part>): ReadableStream<Part> {
  const reader = stream.getReader();
  return new ReadableStream<Part>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        controller.enqueue({ type: 'error', error });
        controller.close();
      }
    },
    cancel: (reason) => reader.cancel(reason),
  });
}

/** What went over the wire is not kept: it is large, and may hold what is secret. */
function withoutWire({ request: _request, response, ...result }: Generated): Generated {
  if (response === undefined) return result;
  const { body: _body, headers: _headers, ...metadata } = response;
  return { ...result, response: metadata };
}

/** Parts that come before an answer, and hold nothing of it. */
const BEFORE_ANSWER: ReadonlySet<Part['type']> = new Set(['stream-start', 'response-metadata']);

function keptAtEnd(
  keep: Keep,
  calls: ModelCalls,
  over: Pick<PromiseWithResolvers<CallUsage | undefined>, 'resolve' | 'reject'>,
  asked: AskedModel,
): TransformStream<Part, Part> {
  const parts: Part[] = [];
  const held: Part[] = [];
  const ids = new CallIds();
  let usage: CallUsage | undefined;
  let isBroken = false;
  /** What comes in place of an answer refuses the call; what comes within one has it break off. */
  const broken = (error: unknown) => {
    const isRefused = parts.every(({ type }) => BEFORE_ANSWER.has(type)) && isRefusedCall(error);
    if (isRefused) over.reject(error);
    else over.resolve(undefined);
  };
  return new TransformStream<Part, Part>({
    transform(given, controller) {
      const part = ids.own(given);
      if (part.type === 'reasoning-delta' || part.type === 'tool-input-delta') calls.progressed(part.type);
      if (part.type === 'error') {
        isBroken = true;
        const error = modelErrorOf(part.error);
        broken(error);
        return controller.enqueue({ type: 'error', error });
      }
      if (part.type === 'raw' || part.type === 'ping') return controller.enqueue(part);
      parts.push(part);
      if (part.type === 'finish') {
        usage = usageIn(part);
        const fault = faultInEnd(part, asked);
        if (fault !== undefined) {
          isBroken = true;
          over.resolve(usage);
          return controller.enqueue({ type: 'error', error: fault });
        }
      }
      if (part.type === 'finish' || part.type === 'tool-call') held.push(part);
      else controller.enqueue(part);
    },
    async flush(controller) {
      // A stream that broke off, or has no last part, is no answer.
      over.resolve(usage);
      if (isBroken) return;
      if (usage === undefined) return controller.enqueue({ type: 'error', error: faultOfNoEnd(asked) });
      await keep(toPlain(parts), usage);
      for (const part of held) controller.enqueue(part);
    },
    cancel(reason) {
      broken(modelErrorOf(reason));
    },
  });
}

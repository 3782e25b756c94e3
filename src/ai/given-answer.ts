/**
 * What a model's provider gave, looked at before it is kept: an answer without one of its parts would be kept, and fail in
 * the SDK, by a word that names neither the part nor the provider, whenever its task runs. Pure.
 */
import { z } from 'zod';
import { problemOf } from '../runtime/values/schema.ts';

/** The model that was asked. */
export interface AskedModel {
  readonly provider: string;
  readonly modelId: string;
}

const figures = z.looseObject({});
const end = z.looseObject({
  finishReason: z.looseObject({ unified: z.string() }),
  usage: z.looseObject({ inputTokens: figures, outputTokens: figures }),
});
/** Packages of providers give a stream that stopped in the middle a last part of their own, which only says so. */
const interrupted = z.looseObject({ finishReason: z.looseObject({ unified: z.literal('interrupted') }) });
const answer = end.extend({ content: z.array(z.looseObject({ type: z.string() })) });

/** What it says that the call has cost; `undefined` where it does not say. */
export function usageIn<Usage>(
  given: { readonly usage?: Usage | null } | null | undefined,
): Usage | undefined {
  return given?.usage ?? undefined;
}

/** Names the part of an answer that is not as it has to be, what was expected and what came. */
export function faultInAnswer(given: unknown, model: AskedModel): TypeError | undefined {
  return faultIn(answer, given, model);
}

/** The same for the last part of a stream. */
export function faultInEnd(given: unknown, model: AskedModel): TypeError | undefined {
  return faultIn(end, given, model);
}

/** Of a stream that ended without its last part: whatever had come before may be half of an answer. */
export function faultOfNoEnd({ provider, modelId }: AskedModel): TypeError {
  return new TypeError(
    `the answer of ${provider} (${modelId}): expected a stream that ends with its part "finish", got none`,
  );
}

function faultIn(
  schema: z.ZodType,
  given: unknown,
  { provider, modelId }: AskedModel,
): TypeError | undefined {
  const read = schema.safeParse(given);
  const problem = read.success ? brokenOff(given) : problemOf(read.error.issues, given);
  return problem === undefined
    ? undefined
    : new TypeError(`the answer of ${provider} (${modelId}): ${problem}`);
}

function brokenOff(given: unknown): string | undefined {
  if (!interrupted.safeParse(given).success) return undefined;
  return 'expected a whole one, got one that broke off in the middle (finish reason: interrupted)';
}

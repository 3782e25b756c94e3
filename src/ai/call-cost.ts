/** What a call of a model may cost, before it is made, and what it did cost. Pure. */
import { z } from 'zod';
import { type BudgetAmount, budgetUse } from '../machines/index.ts';
import type { CallParams, CallUsage } from './durable-model.ts';

/** What a model's tokens cost, in the money of the budgets; and how many may come where a call does not say. */
export interface CallPrices {
  readonly perMillionInput?: number;
  readonly perMillionOutput?: number;
  /** Of input that the provider read from its cache; default as other input. */
  readonly perMillionCacheRead?: number;
  /** Of input that the provider wrote to its cache; default as other input. */
  readonly perMillionCacheWrite?: number;
  /** Set aside for the answer of a call that has no `maxOutputTokens`; default 4,096. */
  readonly maxOutputTokens?: number;
  /**
   * Set aside for each file of a prompt that is no text. Default 5,000 for an image, or a file that is given by its address,
   * and for any other file a token for three of its bytes.
   */
  readonly maxFileTokens?: number;
}

const price = z.number().min(0).max(1e9);
export const callPrices = z.strictObject({
  perMillionInput: price.optional(),
  perMillionOutput: price.optional(),
  perMillionCacheRead: price.optional(),
  perMillionCacheWrite: price.optional(),
  maxOutputTokens: z.int().min(1).optional(),
  maxFileTokens: z.int().min(1).optional(),
});

const file = z.looseObject({
  mediaType: z.string(),
  data: z.union([
    z.looseObject({ type: z.literal('data'), data: z.union([z.string(), z.instanceof(Uint8Array)]) }),
    z.looseObject({ type: z.enum(['url', 'reference']) }),
  ]),
});

const MAX_OUTPUT = 4_096;
/** Few texts have fewer: English has about four, code and other languages have less. */
const CHARACTERS_A_TOKEN = 3;
/** Models scale an image down to what they look at: the largest take 1,500 to 5,000 tokens of it. */
const IMAGE_TOKENS = 5_000;
const BYTES_A_TOKEN = 3;
const MILLION = 1_000_000;

export function mayCost({ prompt, tools, maxOutputTokens }: CallParams, prices: CallPrices): BudgetAmount {
  const { maxFileTokens } = prices;
  let ofFiles = 0;
  const withoutFiles = JSON.stringify(prompt, (_, value: unknown) => {
    const tokens = tokensOfFile(value);
    if (tokens === undefined) return value;
    ofFiles += maxFileTokens ?? tokens;
    return '';
  });
  const characters = withoutFiles.length + (tools === undefined ? 0 : JSON.stringify(tools).length);
  return costOf(
    {
      input: Math.ceil(characters / CHARACTERS_A_TOKEN) + ofFiles,
      output: maxOutputTokens ?? prices.maxOutputTokens ?? MAX_OUTPUT,
    },
    atTheDearest(prices),
  );
}

/** How much of the input a cache will take part in is not known before the call: all of it has the highest price. */
function atTheDearest(prices: CallPrices): CallPrices {
  const { perMillionInput = 0, perMillionCacheRead = 0, perMillionCacheWrite = 0 } = prices;
  const dearest = Math.max(perMillionInput, perMillionCacheRead, perMillionCacheWrite);
  return dearest > perMillionInput ? { ...prices, perMillionInput: dearest } : prices;
}

/** What a provider says that a call has cost; `undefined` where it does not say, or gives what no budget can count. */
export function didCost(
  { inputTokens, outputTokens }: CallUsage,
  prices: CallPrices,
): BudgetAmount | undefined {
  const [input, output] = [inputTokens?.total, outputTokens?.total];
  if (input === undefined && output === undefined) return undefined;
  if (![input, output].every((figure = 0) => Number.isFinite(figure) && figure >= 0)) return undefined;
  const [cacheRead, cacheWrite] = [inputTokens?.cacheRead, inputTokens?.cacheWrite].map(figureOf);
  const cost = costOf({ input: input ?? 0, output: output ?? 0, cacheRead, cacheWrite }, prices);
  return budgetUse.safeParse(cost).success ? cost : undefined;
}

/** Parts of the input are not always told, and some providers give `null`: then there is none. */
function figureOf(figure: number | undefined): number {
  return Number.isFinite(figure) ? Math.max(0, figure as number) : 0;
}

interface Tokens {
  /** Those of a cache included. */
  readonly input: number;
  readonly output: number;
  readonly cacheRead?: number | undefined;
  readonly cacheWrite?: number | undefined;
}

function costOf({ input, output, cacheRead = 0, cacheWrite = 0 }: Tokens, prices: CallPrices): BudgetAmount {
  const amount = { tokens: input + output, calls: 1 };
  if (!hasPrice(prices)) return amount;
  const { perMillionInput = 0, perMillionOutput = 0 } = prices;
  const { perMillionCacheRead = perMillionInput, perMillionCacheWrite = perMillionInput } = prices;
  const money =
    Math.max(0, input - cacheRead - cacheWrite) * perMillionInput +
    cacheRead * perMillionCacheRead +
    cacheWrite * perMillionCacheWrite +
    output * perMillionOutput;
  return { ...amount, money: Number((money / MILLION).toFixed(6)) };
}

/** What a provider says that a call has used, in tokens; what it does not say is left out. */
export function figuresOf({ inputTokens, outputTokens }: CallUsage): Readonly<Record<string, number>> {
  const figures = {
    input: inputTokens?.total,
    cacheRead: inputTokens?.cacheRead,
    cacheWrite: inputTokens?.cacheWrite,
    output: outputTokens?.total,
    reasoning: outputTokens?.reasoning,
  };
  return Object.fromEntries(
    Object.entries(figures).filter((figure): figure is [string, number] => Number.isFinite(figure[1])),
  );
}

function hasPrice({ maxOutputTokens: _, maxFileTokens: __, ...prices }: CallPrices): boolean {
  return Object.values(prices).some((given) => given !== undefined);
}

/** Of a file in a prompt, or in what a tool gave; `undefined` for anything else. A text is read as it stands. */
function tokensOfFile(value: unknown): number | undefined {
  // A long conversation has tens of thousands of other values.
  if (typeof value !== 'object' || value === null || !('mediaType' in value)) return undefined;
  const read = file.safeParse(value);
  if (!read.success) return undefined;
  const { mediaType, data } = read.data;
  if (data.type !== 'data' || mediaType.startsWith('image')) return IMAGE_TOKENS;
  const { length } = data.data;
  // As base64 it has four characters for three bytes.
  return Math.ceil((typeof data.data === 'string' ? (length * 3) / 4 : length) / BYTES_A_TOKEN);
}

/** What a call of a model may cost, before it is made, and what it did cost. Pure. */
import { z } from 'zod';
import { type BudgetAmount, budgetUse } from '../machines/index.ts';
import type { CallParams, CallUsage } from './durable-model.ts';

/** What a model's tokens cost, in the money of the budgets; and how many may come where a call does not say. */
export interface CallPrices {
  readonly perMillionInput?: number;
  readonly perMillionOutput?: number;
  /** Set aside for the answer of a call that has no `maxOutputTokens`; default 4,096. */
  readonly maxOutputTokens?: number;
}

const price = z.number().min(0).max(1e9);
export const callPrices = z.strictObject({
  perMillionInput: price.optional(),
  perMillionOutput: price.optional(),
  maxOutputTokens: z.int().min(1).optional(),
});

const MAX_OUTPUT = 4_096;
/** Few texts have fewer: English has about four, code and other languages have less. */
const CHARACTERS_A_TOKEN = 3;
const MILLION = 1_000_000;

export function mayCost({ prompt, tools, maxOutputTokens }: CallParams, prices: CallPrices): BudgetAmount {
  const characters = JSON.stringify(prompt).length + (tools === undefined ? 0 : JSON.stringify(tools).length);
  const output = maxOutputTokens ?? prices.maxOutputTokens ?? MAX_OUTPUT;
  return costOf(Math.ceil(characters / CHARACTERS_A_TOKEN), output, prices);
}

/** What a provider says that a call has cost; `undefined` where it does not say, or gives what no budget can count. */
export function didCost(
  { inputTokens, outputTokens }: CallUsage,
  prices: CallPrices,
): BudgetAmount | undefined {
  const [input, output] = [inputTokens?.total, outputTokens?.total];
  if (input === undefined && output === undefined) return undefined;
  if (![input, output].every((figure = 0) => Number.isFinite(figure) && figure >= 0)) return undefined;
  const cost = costOf(input ?? 0, output ?? 0, prices);
  return budgetUse.safeParse(cost).success ? cost : undefined;
}

function costOf(input: number, output: number, prices: CallPrices): BudgetAmount {
  const { perMillionInput, perMillionOutput } = prices;
  const amount = { tokens: input + output, calls: 1 };
  if (perMillionInput === undefined && perMillionOutput === undefined) return amount;
  const money = (input * (perMillionInput ?? 0) + output * (perMillionOutput ?? 0)) / MILLION;
  return { ...amount, money: Number(money.toFixed(6)) };
}

/** What a call of a model may cost before it is made, and what it did cost: figures that a budget can count. */
import { expect, test } from 'vitest';
import { callPrices, didCost, mayCost } from '../../src/ai/call-cost.ts';
import type { CallParams, CallUsage } from '../../src/ai/durable-model.ts';

/** A call whose prompt has so many characters as JSON. */
const callOf = (characters: number, more: object = {}): CallParams =>
  ({ prompt: [10 ** (characters - 3)], ...more }) as unknown as CallParams;
const usageOf = (input?: number | null, output?: number | null): CallUsage =>
  ({ inputTokens: { total: input }, outputTokens: { total: output } }) as unknown as CallUsage;

test.each([
  [3, 1],
  [4, 2],
  [6, 2],
  [7, 3],
])('a prompt of %i characters is counted as %i tokens, beside those of its answer', (characters, tokens) => {
  expect(mayCost(callOf(characters, { maxOutputTokens: 10 }), {})).toEqual({ tokens: tokens + 10, calls: 1 });
});

test('an answer may be as long as the call says, else as the prices say, else 4,096 tokens', () => {
  expect(mayCost(callOf(3, { maxOutputTokens: 10 }), { maxOutputTokens: 50 }).tokens).toBe(11);
  expect(mayCost(callOf(3), { maxOutputTokens: 50 }).tokens).toBe(51);
  expect(mayCost(callOf(3), {}).tokens).toBe(4_097);
});

const file = (mediaType: string, data: object): CallParams =>
  ({ prompt: [{ role: 'user', content: [{ type: 'file', mediaType, data }] }], maxOutputTokens: 1 }) as never;
const bytes = new Uint8Array(90_000);

test.each([
  ['an image', file('image/png', { type: 'data', data: bytes }), 5_000],
  ['an image as base64', file('image', { type: 'data', data: 'A'.repeat(120_000) }), 5_000],
  [
    'a file at an address',
    file('application/pdf', { type: 'url', url: new URL('https://x.example') }),
    5_000,
  ],
  ['any other file', file('application/pdf', { type: 'data', data: bytes }), 30_000],
  ['the same as base64', file('application/pdf', { type: 'data', data: 'A'.repeat(120_000) }), 30_000],
  ['the same as a buffer', file('application/pdf', { type: 'data', data: Buffer.from(bytes) }), 30_000],
  ['a text', file('text/plain', { type: 'text', text: 'a'.repeat(30_000) }), 10_000],
])('%s is counted by what a model reads of it, not by its characters', (_, call, tokens) => {
  const counted = mayCost(call, {}).tokens as number;
  expect(counted).toBeGreaterThan(tokens);
  expect(counted).toBeLessThan(tokens + 50);
});

test('a file is counted as the prices say, if they do; what only looks like one is text', () => {
  const image = file('image/png', { type: 'data', data: bytes });
  expect(mayCost(image, { maxFileTokens: 70 }).tokens).toBeLessThan(70 + 50);
  expect(mayCost(file('image/png', { type: 'data', data: 7 }), {}).tokens).toBeLessThan(50);
  const ofTool = {
    output: {
      type: 'content',
      value: [{ type: 'file', mediaType: 'image/png', data: { type: 'data', data: bytes } }],
    },
  };
  expect(
    mayCost({ prompt: [{ role: 'tool', content: [ofTool] }] } as never, { maxOutputTokens: 1 }).tokens,
  ).toBeLessThan(5_100);
});

test('input of a cache has its own price, or that of other input; before a call all of it may have the highest of them', () => {
  const prices = { perMillionInput: 3, perMillionCacheRead: 0.3, perMillionCacheWrite: 4 };
  const usage = {
    inputTokens: { total: 1_000_000, noCache: 100_000, cacheRead: 800_000, cacheWrite: 100_000 },
    outputTokens: { total: 0 },
  } as never;
  expect(didCost(usage, prices)).toEqual({ tokens: 1_000_000, calls: 1, money: 0.94 });
  expect(didCost(usage, { perMillionInput: 3 })?.money).toBe(3);
  expect(
    didCost({ inputTokens: { total: 1_000_000, cacheRead: null }, outputTokens: {} } as never, prices)?.money,
  ).toBe(3);
  expect(mayCost(callOf(9, { maxOutputTokens: 1 }), prices).money).toBe(0.000012);
  expect(mayCost(callOf(3, { maxOutputTokens: 1 }), { perMillionCacheRead: 1 }).money).toBe(0.000001);
  expect(mayCost(callOf(3, { maxOutputTokens: 1 }), { ...prices, perMillionCacheRead: 5 }).money).toBe(
    0.000005,
  );
});

test('tools are read with the prompt', () => {
  expect(mayCost(callOf(3, { tools: [{}], maxOutputTokens: 10 }), {}).tokens).toBe(13);
});

test('money is of what has a price, to six digits; without one there is none', () => {
  const usage = usageOf(1_000_000, 10);
  expect(didCost(usage, {})).toEqual({ tokens: 1_000_010, calls: 1 });
  expect(didCost(usage, { perMillionInput: 3 })).toEqual({ tokens: 1_000_010, calls: 1, money: 3 });
  expect(didCost(usage, { perMillionOutput: 5 })).toEqual({ tokens: 1_000_010, calls: 1, money: 0.00005 });
  expect(didCost(usage, { perMillionInput: 3, perMillionOutput: 5 })?.money).toBe(3.00005);
  expect(didCost(usageOf(4, 0), { perMillionInput: 0.4 })?.money).toBe(0.000002);
  expect(mayCost(callOf(3, { maxOutputTokens: 10 }), { perMillionInput: 1, perMillionOutput: 2 }).money).toBe(
    0.000021,
  );
});

test('what is said of one part alone is what it has cost, also nothing', () => {
  expect(didCost(usageOf(5), {})?.tokens).toBe(5);
  expect(didCost(usageOf(undefined, 7), {})?.tokens).toBe(7);
  expect(didCost(usageOf(0, 0), {})).toEqual({ tokens: 0, calls: 1 });
});

test.each([
  ['nothing', usageOf()],
  ['no parts', {} as CallUsage],
  ['a negative figure', usageOf(-1, 5)],
  ['no number', usageOf(5, Number.NaN)],
  ['an infinite one', usageOf(Infinity, 5)],
  ['null', usageOf(null, 5)],
  ['more than a budget counts', usageOf(1e15, 1)],
])('of %s nothing is known', (_, usage) => {
  expect(didCost(usage, {})).toBeUndefined();
});

test.each([
  [{ perMillionInput: 0, perMillionOutput: 1e9, maxOutputTokens: 1 }, true],
  [{ perMillionInput: -1 }, false],
  [{ perMillionOutput: 1e9 + 1 }, false],
  [{ perMillionCacheRead: 0, perMillionCacheWrite: 1e9, maxFileTokens: 1 }, true],
  [{ maxFileTokens: 0 }, false],
  [{ maxOutputTokens: 0 }, false],
  [{ maxOutputTokens: 1.5 }, false],
  [{ perMillion: 1 }, false],
])('%j are prices: %j', (prices, are) => {
  expect(callPrices.safeParse(prices).success).toBe(are);
});

/** An answer of a provider is whole before it is kept: what is missing is named, with the model that was asked. */
import { expect, it } from 'vitest';
import { faultInAnswer, faultInEnd, faultOfNoEnd, usageIn } from '../../src/ai/given-answer.ts';

const model = { provider: 'acme', modelId: 'm-1' };
const end = { finishReason: { unified: 'stop' }, usage: { inputTokens: {}, outputTokens: {} } };
const whole = { ...end, content: [{ type: 'text', text: 'a' }] };
const answer = (given: unknown) => faultInAnswer(given, model)?.message;
const ending = (given: unknown) => faultInEnd(given, model)?.message;

it('a whole answer has no fault, nor has the whole last part of a stream', () => {
  expect([answer(whole), answer({ ...whole, content: [], more: 1 }), ending(end)]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

it.each<[object, string]>([
  [{ content: undefined }, 'content: expected an array, got undefined'],
  [{ content: [{ text: 'a' }] }, 'content.0.type: expected a string, got undefined'],
  [{ finishReason: 'stop' }, 'finishReason: expected an object, got "stop"'],
  [{ finishReason: { raw: 'stop' } }, 'finishReason.unified: expected a string, got undefined'],
  [{ usage: undefined }, 'usage: expected an object, got undefined'],
  [{ usage: { inputTokens: {} } }, 'usage.outputTokens: expected an object, got undefined'],
  [{ usage: { outputTokens: {} } }, 'usage.inputTokens: expected an object, got undefined'],
])('an answer with %j is refused', (fields, fault) => {
  const said = `the answer of acme (m-1): ${fault}`;
  expect(answer({ ...whole, ...fields })).toBe(said);
  expect(ending({ ...end, ...fields })).toBe(fault.startsWith('content') ? undefined : said);
});

it('one that broke off in the middle is refused, whole as it looks; so is a stream without its end', () => {
  const broken = { finishReason: { unified: 'interrupted' } };
  const said =
    'the answer of acme (m-1): expected a whole one, got one that broke off in the middle (finish reason: interrupted)';
  expect([answer({ ...whole, ...broken }), ending({ ...end, ...broken })]).toEqual([said, said]);
  expect(faultOfNoEnd(model)).toBeInstanceOf(TypeError);
  expect(faultOfNoEnd(model).message).toBe(
    'the answer of acme (m-1): expected a stream that ends with its part "finish", got none',
  );
});

it('what it cost is what it says, and nothing where it says nothing', () => {
  expect([usageIn({ usage: 7 }), usageIn({ usage: null }), usageIn({}), usageIn(null)]).toEqual([
    7,
    undefined,
    undefined,
    undefined,
  ]);
  expect(usageIn(undefined)).toBeUndefined();
});

/** What the fleet learns of the failure of a model's call: its status, its limits, and whether it may be made again. */
import { describe, expect, test } from 'vitest';
import { isRefusedCall, ModelCallError, modelErrorOf } from '../../src/ai/model-error.ts';

/** An error of a provider's client. */
const failed = (message: string, fields: object, cause?: unknown): Error =>
  Object.assign(new Error(message, { cause }), fields);
/** So many errors, each the cause of the one before; the last has these fields. */
function chain(depth: number, fields: object): Error {
  let error = failed('the last', fields);
  for (let count = 1; count < depth; count++) error = new Error('about another', { cause: error });
  return error;
}
const learnt = (thrown: unknown): Omit<ModelCallError, keyof Error> & { readonly says: string } => {
  const { message, status, isRetryable, headers } = modelErrorOf(thrown) as ModelCallError;
  return {
    says: message,
    isRetryable,
    ...(status === undefined ? {} : { status }),
    ...(headers ? { headers } : {}),
  };
};

describe('a failed call', () => {
  test.each([
    [200, false],
    [428, false],
    [429, true],
    [430, false],
    [499, false],
    [500, true],
    [529, true],
  ])('with status %i that says nothing of another attempt: a retry makes sense is %j', (status, retry) => {
    expect(learnt(failed('no', { statusCode: status }))).toEqual({
      says: status < 400 ? 'the call of the model failed: no' : `the model refused: ${status}, no`,
      status,
      isRetryable: retry,
    });
  });

  test('knows better than its status whether it may be made again', () => {
    expect(learnt(failed('no', { statusCode: 500, isRetryable: false })).isRetryable).toBe(false);
    expect(learnt(failed('no', { statusCode: 400, isRetryable: true })).isRetryable).toBe(true);
    const saysSo = learnt(failed('it broke off', { isRetryable: true }));
    expect(saysSo).toEqual({ says: 'the call of the model failed: it broke off', isRetryable: true });
    expect(Object.hasOwn(modelErrorOf(failed('no', { isRetryable: true })) as object, 'status')).toBe(false);
  });

  test('is named by the first that says something, and takes what that does not say from its causes', () => {
    const cause = failed('the provider', { statusCode: 429, responseHeaders: { 'retry-after': '2' } });
    const gateway = failed('the gateway', { isRetryable: false, responseHeaders: null }, cause);
    expect(learnt(new Error('the client', { cause: gateway }))).toEqual({
      says: 'the model refused: 429, the gateway',
      status: 429,
      isRetryable: false,
      headers: { 'retry-after': '2' },
    });
    const twice = failed('the gateway', { statusCode: 503 }, cause);
    expect(learnt(twice)).toMatchObject({ says: 'the model refused: 503, the gateway', status: 503 });
  });

  test('is looked for in four errors, each the cause of the one before, and no further', () => {
    expect(learnt(chain(4, { statusCode: 429 })).status).toBe(429);
    const fifth = chain(5, { statusCode: 429 });
    expect(modelErrorOf(fifth)).toBe(fifth);
  });

  test('keeps of its headers those alone that tell of limits, by lower-case names; the first of two', () => {
    const limits = {
      'retry-after': '1',
      'retry-after-ms': '1000',
      ratelimit: '"day";r=0',
      'ratelimit-reset': '2',
      'x-ratelimit-reset-tokens': '3s',
      'vendor-ratelimit-requests-reset': 'soon',
    };
    const others = {
      'set-cookie': 'session',
      authorization: 'key',
      'x-retry-after': '1',
      'retry-after-s': '1',
    };
    const inner = failed('no', { responseHeaders: { 'Retry-After': '9', 'RateLimit-Limit': '5' } });
    const given = { ...limits, ...others, 'X-RateLimit-Remaining': 0 };
    const outer = failed('no', { statusCode: 429, responseHeaders: given }, inner);
    expect(learnt(outer).headers).toEqual({ ...limits, 'ratelimit-limit': '5' });
    expect(learnt(failed('no', { statusCode: 429, responseHeaders: others }))).not.toHaveProperty('headers');
  });
});

describe('a plain object in a stream', () => {
  test.each([
    ['rate_limit_error', 429],
    ['rate_limit_exceeded', 429],
    ['api_error', 500],
    ['server_error', 500],
    ['overloaded_error', 529],
  ])('that says %s has status %i, by its type as by its code', (name, status) => {
    for (const field of ['type', 'code'])
      expect(learnt({ [field]: name, message: 'later' })).toEqual({
        says: `the model refused: ${status}, later`,
        status,
        isRetryable: true,
      });
  });

  test('has its own status, or none; and what it does not say is not made up', () => {
    expect(learnt({ status: 400, type: 'api_error', message: 'no' }).status).toBe(400);
    expect(learnt({ statusCode: 413, status: 500, message: 'no' }).status).toBe(413);
    const nothing = { says: 'the call of the model failed: it did not say why', isRetryable: false };
    expect(learnt({})).toEqual(nothing);
    expect(learnt({ status: '429', type: 'toString', message: 5 })).toEqual(nothing);
  });
});

test.each([
  ['one of no provider', new Error('mine')],
  ['one of another client, which has its own status', failed('no', { status: 429 })],
  ['one whose code is like a limit’s', failed('no', { code: 'rate_limit_exceeded' })],
  ['one whose cause is data', new Error('the tools do not fit', { cause: { issues: ['a'] } })],
  ['one whose cause is a list', new Error('no such model', { cause: [{ path: 'b' }] })],
  ['a text', 'no'],
  ['null', null],
  ['undefined', undefined],
])('%s stays what it is', (_, thrown) => {
  expect(modelErrorOf(thrown)).toBe(thrown);
});

test('data that is the cause of an error tells of a limit by what it says', () => {
  const cause = { type: 'overloaded_error', message: 'overloaded' };
  expect(learnt(new Error('the stream broke off', { cause }))).toEqual({
    says: 'the model refused: 529, overloaded',
    status: 529,
    isRetryable: true,
  });
});

test('what is thrown is an error of the fleet’s, without that of the client: that holds the whole request', () => {
  const error = modelErrorOf(failed('no', { statusCode: 400, requestBodyValues: 'secret' }));
  expect(error).toBeInstanceOf(ModelCallError);
  expect((error as ModelCallError).name).toBe('ModelCallError');
  expect((error as ModelCallError).cause).toBeUndefined();
});

describe('a call costs nothing', () => {
  test.each([
    [399, false],
    [400, true],
    [499, true],
    [500, false],
  ])('where it was answered with %i: %j', (status, isFree) => {
    expect(isRefusedCall({ statusCode: status })).toBe(isFree);
    expect(isRefusedCall(failed('no', { status: 503 }, failed('no', { status })))).toBe(isFree);
  });

  test('where it says no status, but when its limit is reset', () => {
    expect(isRefusedCall({ retryAfter: 2 })).toBe(true);
    expect(isRefusedCall({ isRetryable: true, headers: { 'ratelimit-reset': '2026-01-01T00:00:00Z' } })).toBe(
      true,
    );
    expect(isRefusedCall({ isRetryable: true })).toBe(false);
    expect(isRefusedCall({ status: 500, retryAfter: 2 })).toBe(false);
    expect(isRefusedCall(new Error('it broke off'))).toBe(false);
  });
});

test('names the failure of the connection under the words of the SDK, and no key that the provider has repeated', () => {
  const socket = Object.assign(new Error('other side closed'), { code: 'UND_ERR_SOCKET' });
  const cut = failed('Failed to process successful response', {
    isRetryable: true,
    cause: new TypeError('terminated', { cause: socket }),
  });
  expect((modelErrorOf(cut) as Error).message).toBe(
    'the call of the model failed: Failed to process successful response: other side closed',
  );
  const known = failed('Cannot connect to API: other side closed', { isRetryable: true, cause: socket });
  expect((modelErrorOf(known) as Error).message).toMatch(/API: other side closed$/);
  const quoting = failed('Invalid JSON response', { statusCode: 200, cause: new Error('Text: the answer') });
  expect((modelErrorOf(quoting) as Error).message).toBe(
    'the call of the model failed: Invalid JSON response',
  );
  const key = failed('Incorrect API key provided: sk-proj-abcdefghijklmnopqrstuvwx', { statusCode: 401 });
  expect((modelErrorOf(key) as Error).message).not.toContain('abcdefgh');
});

/** What is thrown becomes data, whatever it is, and an error again elsewhere, by which callers can decide as before. */
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exitReason } from '../../src/machines/index.ts';
import {
  errorFrom,
  errorInfoOf,
  isError,
  MAX_CAUSES,
  MAX_ERRORS,
  MAX_TEXT_OF_ALL,
} from '../../src/runtime/values/error-info.ts';
import { isChildReport } from '../../src/runtime/hosting/hosts/message-check.ts';
import { ownCpuMs } from '../kit/own-cpu.ts';

const thereAndBack = (thrown: unknown): Error & Record<string, unknown> =>
  errorFrom(structuredClone(errorInfoOf(thrown))) as Error & Record<string, unknown>;
const isTaken = (thrown: unknown): boolean =>
  isChildReport({ type: 'health.failed', checkId: 1, error: structuredClone(errorInfoOf(thrown)) });

/** `count` causes below one error. */
function chain(count: number, of: (depth: number) => Error = (depth) => new Error(`e${depth}`)): Error {
  let error = of(0);
  for (let depth = 1; depth <= count; depth += 1) error = Object.assign(of(depth), { cause: error });
  return error;
}

it('fields of an error are data that can be listed, written and taken away', () => {
  const { data } = errorInfoOf(Object.assign(new Error('x'), { status: 418, ['__proto__x']: { a: 1 } }));
  expect(data).toEqual({ status: 418, ['__proto__x']: { a: 1 } });
  for (const key of Object.keys(data as object))
    expect(Object.getOwnPropertyDescriptor(data, key)).toMatchObject({
      writable: true,
      enumerable: true,
      configurable: true,
    });
});

describe('what is large is kept short, in no time, and taken by whoever gets it', () => {
  const longKey = { ['k'.repeat(2 ** 20)]: 1 };
  const large = 2n ** 1_000_000n;
  it.each<[string, unknown]>([
    ['a key', longKey],
    [
      'keys of many fields',
      Object.fromEntries(Array.from({ length: 9 }, (_, n) => [`${n}`.repeat(60_000), n])),
    ],
    ['a number', large],
    ['a number in a field', { large }],
    ['bytes', Buffer.alloc(2 ** 22)],
    ['numbers', new Float64Array(2 ** 20)],
    ['a text in an object', new String('x'.repeat(2 ** 22))],
    ['a symbol', Symbol('x'.repeat(2 ** 20))],
    [
      'the keys of a map',
      {
        map: new Map<unknown, number>([
          [longKey, 1],
          [large, 2],
          [Object.create(null), 3],
        ]),
      },
    ],
  ])('%s', (_, value) => {
    const begun = ownCpuMs();
    for (const thrown of [
      value,
      new Error('m', { cause: value }),
      Object.assign(new Error('m'), { value }),
    ]) {
      expect(isTaken(thrown)).toBe(true);
      expect(JSON.stringify(errorInfoOf(thrown)).length).toBeLessThan(2 * MAX_TEXT_OF_ALL);
    }
    // What it took before was seconds, or no end.
    expect(ownCpuMs() - begun).toBeLessThan(2_000);
  });
});

describe('an error is one by what it is', () => {
  it.each([
    ['of this realm', new RangeError('m')],
    ['of a context', runInNewContext('new RangeError("m")')],
    ['of a class of a context', runInNewContext('new (class extends RangeError {})("m")')],
    ['of the web', new DOMException('m', 'RangeError')],
    ['made by hand', Object.assign(Object.create(null), { name: 'RangeError', message: 'm', stack: 'at' })],
    ['whose prototype is an error', Object.assign(Object.create(RangeError.prototype), { message: 'm' })],
  ])('%s', (_, thrown) => {
    expect(isError(thrown)).toBe(true);
    expect(errorInfoOf(thrown)).toMatchObject({ name: 'RangeError', message: 'm' });
  });
  it.each([['text'], [undefined], [null], [7], [{ message: 'm' }], [{ stack: 'at' }], [[]], [Error]])(
    'and %s is none',
    (thrown) => {
      expect(isError(thrown)).toBe(false);
      expect(errorInfoOf(thrown).name).toBe('NonError');
    },
  );
  it('what cannot be looked at is told of as such', () => {
    const hostile = new Proxy(
      {},
      {
        get: () => {
          throw new Error('no');
        },
        getPrototypeOf: () => {
          throw new Error('no');
        },
      },
    );
    expect(errorInfoOf(hostile)).toEqual({ name: 'NonError', message: 'an object' });
    const { proxy, revoke } = Proxy.revocable(new Error('m'), {});
    revoke();
    expect(errorInfoOf(proxy)).toEqual({ name: 'NonError', message: 'a value that cannot be read' });
  });
});

const refuse = (): never => {
  throw new Error('not now');
};
const limited = (kind: 'Error' | 'AggregateError' = 'Error') =>
  Object.assign(kind === 'Error' ? new RangeError('m') : new AggregateError([], 'm'), { status: 429 });

describe('a part of an error that cannot be read takes no other along', () => {
  const known = { message: 'm', data: { status: 429 } };

  it.each(['name', 'stack', 'cause', 'code', 'errors', 'suppressed', 'headers', 'response'])(
    'its %s',
    (key) => {
      for (const isListed of [true, false])
        for (const error of [limited(), limited('AggregateError')])
          expect(
            errorInfoOf(Object.defineProperty(error, key, { get: refuse, enumerable: isListed })),
          ).toMatchObject(known);
    },
  );
  it('its message', () => {
    const error = Object.defineProperty(limited(), 'message', { get: refuse });
    expect(errorInfoOf(error)).toMatchObject({
      ...known,
      name: 'RangeError',
      message: 'a value that cannot be read',
    });
  });
  it.each<keyof ProxyHandler<object>>(['has', 'getOwnPropertyDescriptor', 'ownKeys'])(
    'what the trap %s of a proxy is asked for',
    (trap) => {
      const error = Object.assign(limited(), { code: 7 });
      const info = errorInfoOf(new Proxy(error, { [trap]: refuse }));
      expect(info).toMatchObject({ name: 'RangeError', message: 'm', code: 7 });
    },
  );
  it('what stands deep in a field of its own', () => {
    const config = new Proxy({}, { ownKeys: refuse, get: refuse, getPrototypeOf: refuse });
    expect(errorInfoOf(Object.assign(limited(), { config, at: [config] })).data).toMatchObject({
      status: 429,
    });
  });
  it('in what it was caused by, and in one of several', () => {
    const cause = Object.defineProperty(limited(), 'name', { get: refuse });
    const info = errorInfoOf(new AggregateError([cause], 'all', { cause }));
    expect(info).toMatchObject({ name: 'AggregateError', message: 'all', cause: known, errors: [known] });
  });
});

describe('what callers decide by comes back', () => {
  it('what the class of an error knows of it, by a getter or for all', () => {
    class Limited extends Error {
      readonly #status = 429;
      get status(): number {
        return this.#status;
      }
      get headers(): Headers {
        return new Headers({ 'retry-after': '3' });
      }
      get retryAfter(): never {
        throw new Error('not now');
      }
    }
    Object.assign(Limited.prototype, { statusCode: 429 });
    const { status, statusCode, headers, retryAfter } = thereAndBack(new Limited('m'));
    expect({ status, statusCode, headers, retryAfter }).toEqual({
      status: 429,
      statusCode: 429,
      headers: { 'retry-after': '3' },
      retryAfter: undefined,
    });
    expect(errorInfoOf(new Error('m'))).not.toHaveProperty('data');
  });
  it('the two errors of one that was thrown while another was', () => {
    const thrown = new SuppressedError(new RangeError('later'), new TypeError('first'), 'm');
    const back = thereAndBack(thrown) as unknown as SuppressedError;
    expect(back.error).toMatchObject({ name: 'RangeError', message: 'later' });
    expect(back.suppressed).toMatchObject({ name: 'TypeError', message: 'first' });
  });
  it('fields of its own, with their types', () => {
    const error = Object.assign(new Error('m'), {
      status: 429,
      retryAfter: 1.5,
      isFinal: false,
      body: { a: [1] },
    });
    const { status, retryAfter, isFinal, body } = thereAndBack(error);
    expect({ status, retryAfter, isFinal, body }).toEqual({
      status: 429,
      retryAfter: 1.5,
      isFinal: false,
      body: { a: [1] },
    });
  });
  it.each(['ECONNRESET', 14, 0, -1])('a code that is %s', (code) => {
    const error = Object.assign(new Error('m'), { code });
    expect(errorInfoOf(error)).toMatchObject({ code });
    expect(errorInfoOf(error).data).toBeUndefined();
    expect(thereAndBack(error)['code']).toBe(code);
  });
  it('a code that is neither is data', () => {
    const error = Object.assign(new Error('m'), { code: { is: 'odd' } });
    expect(thereAndBack(error)['code']).toEqual({ is: 'odd' });
    expect(errorInfoOf(Object.assign(new Error('m'), { code: NaN })).data).toEqual({ code: 'NaN' });
  });
  it('headers of any make, by their names', () => {
    const pairs = { 'retry-after': '7', 'x-ratelimit-remaining-tokens': '0' };
    for (const headers of [pairs, new Headers(pairs), new Map(Object.entries(pairs))]) {
      expect(thereAndBack(Object.assign(new Error('m'), { headers }))['headers']).toEqual(pairs);
    }
  });
  it('the response and the request of an HTTP error, which have no fields of their own', () => {
    const response = new Response('late', {
      status: 429,
      headers: { 'retry-after': '7', 'set-cookie': 'a=b' },
    });
    const request = new Request('https://host/v1', {
      method: 'POST',
      headers: { authorization: 'Basic abc' },
    });
    expect(thereAndBack(Object.assign(new Error('m'), { response, request }))).toMatchObject({
      response: { status: 429, headers: { 'retry-after': '7', 'set-cookie': '[redacted]' } },
      request: { method: 'POST', url: 'https://host/v1', headers: { authorization: '[redacted]' } },
    });
    // Some throw the response itself.
    expect(errorInfoOf(response).data).toMatchObject({ status: 429, headers: { 'retry-after': '7' } });
    const odd = Object.defineProperty({ a: 1 }, Symbol.toStringTag, {
      get: () => {
        throw new Error('no');
      },
    });
    expect(errorInfoOf(Object.assign(new Error('m'), { odd })).data).toEqual({ odd: { a: 1 } });
  });
  it('all errors of an AggregateError, also values that are not errors', () => {
    const back = thereAndBack(new AggregateError([Object.assign(new Error('a'), { status: 1 }), 'b'], 'm'));
    expect(back).toBeInstanceOf(AggregateError);
    expect(back['errors']).toMatchObject([
      { message: 'a', status: 1 },
      { name: 'NonError', message: '"b"' },
    ]);
    expect(thereAndBack(new AggregateError([], 'm'))['errors']).toEqual([]);
  });
  it('a list of errors that somebody has put there, and a list of anything else', () => {
    expect(thereAndBack(Object.assign(new Error('m'), { errors: [new Error('a')] }))['errors']).toMatchObject(
      [{ message: 'a' }],
    );
    expect(thereAndBack(Object.assign(new Error('m'), { errors: [{ path: 'x' }] }))['errors']).toEqual([
      { path: 'x' },
    ]);
  });
  it('both errors of one that was suppressed', () => {
    const { SuppressedError } = globalThis as unknown as {
      SuppressedError: new (error: Error, suppressed: Error, message: string) => Error;
    };
    const info = errorInfoOf(new SuppressedError(new Error('later'), new Error('first'), 'm'));
    expect(info.errors).toMatchObject([{ message: 'later' }, { message: 'first' }]);
  });
  it('the status of what is thrown and is no error', () => {
    expect(errorInfoOf({ status: 503 })).toEqual({
      name: 'NonError',
      message: '{"status":503}',
      data: { status: 503 },
    });
  });
  it('name, message, stack and cause stay what they are, whatever data says', () => {
    const cause = new Error('deep');
    const error = Object.assign(new Error('m', { cause }), { name: 'Own', status: 1 });
    const back = errorFrom({
      ...errorInfoOf(error),
      data: { message: 'no', stack: 1, name: 2, cause: 3, status: 4 },
    });
    expect(back).toMatchObject({ name: 'Own', message: 'm', stack: error.stack, status: 4 });
    expect((back.cause as Error).message).toBe('deep');
    expect(Object.keys(back)).toEqual(['status']);
  });
  it('a key of any name', () => {
    const error = Object.defineProperty(new Error('m'), '__proto__', { value: { a: 1 }, enumerable: true });
    const back = thereAndBack(error);
    expect(Object.getOwnPropertyDescriptor(back, '__proto__')?.value).toEqual({ a: 1 });
    expect(back).toBeInstanceOf(Error);
  });
});

describe('values that are not data, or are secrets, stay', () => {
  it('functions, symbols and getters that throw are left out', () => {
    const error = Object.assign(new Error('m'), { run: () => 1, sign: Symbol('s'), kept: 1 });
    Object.defineProperty(error, 'trap', {
      enumerable: true,
      get: () => {
        throw new Error('no');
      },
    });
    expect(errorInfoOf(error).data).toEqual({ kept: 1 });
  });
  it('the values of headers that are lists, by the names before them', () => {
    const config = {
      headers: [
        ['authorization', 'mine'],
        ['x-request-id', 'r'],
      ],
      rawHeaders: ['X-Api-Key', 'k', 'Set-Cookie', 'a=b', 'Retry-After', '7'],
      required: ['password', 'name'],
    };
    expect(errorInfoOf(Object.assign(new Error('m'), { config })).data).toEqual({
      config: {
        headers: [
          ['authorization', '[redacted]'],
          ['x-request-id', 'r'],
        ],
        rawHeaders: ['X-Api-Key', '[redacted]', 'Set-Cookie', '[redacted]', 'Retry-After', '7'],
        required: ['password', 'name'],
      },
    });
  });
  it('what stands under a key that names a secret, at any depth, but for how many there are', () => {
    const config = {
      headers: { Authorization: 'Bearer a', Cookie: ['a=b'], 'X-Api-Key': 'k', 'x-request-id': 'r' },
      auth: { password: 'p', username: 'u' },
      accessToken: { value: 't' },
      secretPin: 4711,
      signature: 4711n,
      maxTokens: '100',
      tokenCount: 7,
    };
    expect(errorInfoOf(Object.assign(new Error('m'), { config })).data).toEqual({
      config: {
        headers: {
          Authorization: '[redacted]',
          Cookie: '[redacted]',
          'X-Api-Key': '[redacted]',
          'x-request-id': 'r',
        },
        auth: { password: '[redacted]', username: 'u' },
        accessToken: '[redacted]',
        secretPin: '[redacted]',
        signature: '[redacted]',
        maxTokens: '100',
        tokenCount: 7,
      },
    });
  });
  it('keys that are marked as such, in any text', () => {
    const error = Object.assign(new Error('m'), {
      url: new URL('https://u:p@host/?k=sk-1234567890'),
      hint: 'sk-abcdefgh!',
    });
    expect(errorInfoOf(error).data).toEqual({
      url: 'https://[redacted]@host/?k=[redacted]',
      hint: '[redacted]!',
    });
  });
  it('dates, buffers, sets, large numbers and errors in fields are told in reports', () => {
    const fields = {
      at: new Date(0),
      never: new Date(NaN),
      bytes: Buffer.from('abc'),
      big: 2n ** 70n,
      endless: Infinity,
      all: new Set([1, 2]),
      last: Object.assign(new TypeError('inner'), { status: 1 }),
      gone: null,
    };
    expect(errorInfoOf(Object.assign(new Error('m'), fields)).data).toEqual({
      at: '1970-01-01T00:00:00.000Z',
      never: 'Invalid Date',
      bytes: '3 bytes',
      big: '1180591620717411303424',
      endless: 'Infinity',
      all: [1, 2],
      last: { name: 'TypeError', message: 'inner', status: 1 },
      gone: null,
    });
  });
});

function nested(wrap: (inner: unknown) => unknown): unknown {
  return Array.from({ length: 20 }).reduce<unknown>((inner) => wrap(inner), 'the last');
}

const stackOf = (length: number) => {
  const error = new Error('m');
  error.stack = 's'.repeat(length);
  return errorInfoOf(error).stack;
};

describe('however much is thrown, what is kept is bounded', () => {
  it(`a chain of ${MAX_CAUSES} causes comes whole, a longer one with its first ${MAX_CAUSES}`, () => {
    for (const [count, kept] of [
      [MAX_CAUSES - 1, MAX_CAUSES - 1],
      [MAX_CAUSES, MAX_CAUSES],
      [MAX_CAUSES + 1, MAX_CAUSES],
    ] as const) {
      let { cause } = errorInfoOf(chain(count));
      let causes = 0;
      for (; cause !== undefined; cause = cause.cause) causes += 1;
      expect(causes).toBe(kept);
      expect(isTaken(chain(count))).toBe(true);
    }
  });
  it('a chain that is a circle ends where it began', () => {
    const error: Error = new Error('a');
    const other = new Error('b', { cause: error });
    error.cause = other;
    expect(errorInfoOf(error)).toMatchObject({ message: 'a', cause: { message: 'b' } });
    expect(errorInfoOf(error).cause?.cause).toBeUndefined();
    const many = new AggregateError([], 'all');
    many.errors.push(many, other);
    expect(errorInfoOf(many).errors).toHaveLength(1);
  });
  it('the same error in two places is told in both', () => {
    const shared = new Error('shared');
    expect(errorInfoOf(new AggregateError([shared, shared], 'm')).errors).toHaveLength(2);
  });
  it(`${MAX_ERRORS} errors, and no more`, () => {
    const all = Array.from({ length: 1_000 }, (_, index) => new Error(String(index)));
    expect(errorInfoOf(new AggregateError(all, 'm')).errors).toHaveLength(MAX_ERRORS - 1);
    expect(isTaken(new AggregateError(all, 'm'))).toBe(true);
  });
  it('of a stack its first 16,384 characters', () => {
    expect(stackOf(16_384)).toBe('s'.repeat(16_384));
    expect(stackOf(16_385)).toBe(`${'s'.repeat(16_384)}... (cut, of 16385 characters)`);
  });
  it('texts of all of them together', () => {
    const long = chain(10, () => new Error('x'.repeat(100_000)));
    expect(JSON.stringify(errorInfoOf(long)).length).toBeLessThan(1.5 * MAX_TEXT_OF_ALL);
    expect(isTaken(long)).toBe(true);
  });
  it('what is near the top of its fields first, however large what is deep below is', () => {
    const large = { sockets: Array.from({ length: 10_000 }, () => ({ text: 'x'.repeat(10_000) })) };
    const error = Object.assign(new Error('m'), {
      request: { agent: large },
      response: { status: 500 },
      status: 500,
    });
    const { data } = errorInfoOf(error);
    expect(data).toMatchObject({ status: 500, response: { status: 500 } });
    expect(JSON.stringify(data).length).toBeLessThan(MAX_TEXT_OF_ALL);
    expect(isTaken(error)).toBe(true);
  });
  it('five levels of fields and lists, and nothing of what is below them', () => {
    const fields = Object.assign(new Error('deep'), { a: nested((inner) => ({ a: inner })) });
    expect(errorInfoOf(fields).data).toEqual({ a: { a: { a: { a: {} } } } });
    const lists = Object.assign(new Error('deep'), { a: nested((inner) => [inner]) });
    expect(errorInfoOf(lists).data).toEqual({ a: [[[[]]]] });
  });

  it('lists that are long without having much in them, in no time', () => {
    const long: unknown[] = ['first'];
    long[4_000_000_000] = 'last';
    const began = ownCpuMs();
    const error = Object.assign(new Error('m', { cause: { long } }), { long, deeper: [{ long }] });
    expect(errorInfoOf(error).data).toMatchObject({ long: ['first'], deeper: [{}] });
    expect(errorInfoOf(new AggregateError(['one'], 'm')).errors).toHaveLength(1);
    expect(errorInfoOf(Object.assign(new AggregateError([]), { errors: long })).message).toBe('');
    expect(ownCpuMs() - began).toBeLessThan(10_000);
  });

  it('maps and objects with more in them than it keeps, without looking at the rest', () => {
    let looks = 0;
    const counted = Array.from({ length: 10_000 }, (_, at) => ({
      get at(): number {
        looks += 1;
        return at;
      },
    }));
    const map = new Map(counted.map((key) => [key, 1]));
    expect(
      Object.keys(errorInfoOf(Object.assign(new Error('m'), { map })).data?.['map'] as object),
    ).toHaveLength(199);
    const fields: object = Object.defineProperties(
      {},
      Object.fromEntries(counted.map((one, at) => [`f${at}`, { get: () => one.at, enumerable: true }])),
    );
    errorInfoOf(Object.assign(new Error('m'), { fields }));
    expect(looks).toBeLessThan(2_000);
  });
  it('a field that contains itself', () => {
    const request: Record<string, unknown> = { id: 1 };
    request['self'] = request;
    const error = Object.assign(new Error('m'), { request });
    expect(errorInfoOf(Object.assign(error, { error })).data).toEqual({ request: { id: 1 } });
  });
  it('whatever is thrown is JSON data, an exit reason, and taken from a child', () => {
    const anything = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withTypedArray: true,
    });
    const fields = fc.dictionary(fc.string(), anything);
    const error = fc.tuple(fc.string(), fields, anything).map(([message, own, cause]) => {
      const made = new Error(message, { cause });
      for (const [key, value] of Object.entries(own))
        Object.defineProperty(made, key, { value, enumerable: true, configurable: true, writable: true });
      return made;
    });
    fc.assert(
      fc.property(fc.oneof(anything, error), (thrown) => {
        const info = errorInfoOf(thrown);
        expect(JSON.parse(JSON.stringify(info))).toEqual(info);
        expect(exitReason.safeParse({ error: info }).success).toBe(true);
        expect(isChildReport({ type: 'health.failed', checkId: 1, error: structuredClone(info) })).toBe(true);
        expect(errorFrom(info).message).toBe(info.message);
      }),
      { numRuns: 2_000 },
    );
  });
});

it('an error keeps 200 values of its own, and of each list as many', () => {
  const numbers = Array.from({ length: 300 }, (_, n) => n);
  const { data } = errorInfoOf(Object.assign(new Error('x'), { numbers }));
  // The list is a value, too.
  expect(data).toEqual({ numbers: numbers.slice(0, 199) });
});

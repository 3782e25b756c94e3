/** What an error says of a limit: where a reset is looked for, and how it is read. */
import { describe, expect, it } from 'vitest';
import {
  limitSaid,
  MAX_WHY,
  park,
  parkAsked,
  type ParkOptions,
} from '../../src/runtime/definition/parking.ts';

const DATE = Date.UTC(2026, 0, 1, 12);
const error = (fields: object, message = 'slow down') => Object.assign(new Error(message), fields);
const headers = (given: Record<string, string>, status = 429) => error({ status, headers: given });
const throwing = {
  get status(): number {
    throw new Error('a getter');
  },
};

describe('a reset that is said', () => {
  it.each<[string, unknown, object]>([
    ['retryAfterMs', error({ retryAfterMs: 1_500 }), { afterMs: 1_500 }],
    ['retryAfter in seconds', error({ retryAfter: 2 }), { afterMs: 2_000 }],
    ['retryAfter as a text', error({ retryAfter: '0.5' }), { afterMs: 500 }],
    ['retryAfter as a date', error({ retryAfter: new Date(DATE) }), { until: DATE }],
    ['retry-after in seconds', headers({ 'retry-after': '7' }), { afterMs: 7_000 }],
    [
      'retry-after as an HTTP date',
      headers({ 'retry-after': new Date(DATE).toUTCString() }),
      { until: DATE },
    ],
    ['retry-after whatever the status', headers({ 'retry-after': '7' }, 500), { afterMs: 7_000 }],
    [
      'retry-after-ms before retry-after',
      headers({ 'retry-after-ms': '10', 'retry-after': '7' }),
      { afterMs: 10 },
    ],
    ['a name in capitals', headers({ 'Retry-After': '7' }), { afterMs: 7_000 }],
    ['a Headers', error({ headers: new Headers({ 'retry-after': '7' }) }), { afterMs: 7_000 }],
    ['responseHeaders', error({ responseHeaders: { 'retry-after': '7' } }), { afterMs: 7_000 }],
    ['headers of a response', error({ response: { headers: { 'retry-after': '7' } } }), { afterMs: 7_000 }],
    ['a cause', new Error('wrapped', { cause: error({ retryAfter: 3 }) }), { afterMs: 3_000 }],
    ['a lastError', error({ lastError: error({ retryAfter: 3 }) }), { afterMs: 3_000 }],
    ['what is no error', { retryAfterMs: 5 }, { afterMs: 5 }],
    ['a duration', headers({ 'x-ratelimit-reset-requests': '1m30.5s' }), { afterMs: 90_500 }],
    ['milliseconds', headers({ 'x-ratelimit-reset-tokens': '20ms' }), { afterMs: 20 }],
    ['seconds', headers({ 'ratelimit-reset': '30' }), { afterMs: 30_000 }],
    ['epoch seconds', headers({ 'x-ratelimit-reset': String(DATE / 1_000) }), { until: DATE }],
    ['epoch milliseconds', headers({ 'x-ratelimit-reset': String(DATE) }), { until: DATE }],
    [
      'a date',
      headers({ 'anthropic-ratelimit-tokens-reset': new Date(DATE).toISOString() }),
      { until: DATE },
    ],
    [
      'the latest of them',
      headers({ 'x-ratelimit-reset-requests': '1s', 'x-ratelimit-reset-tokens': '6m0s' }),
      { afterMs: 360_000 },
    ],
    [
      'one that nothing remains of',
      headers({ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '9' }, 403),
      { afterMs: 9_000 },
    ],
  ])('is found: %s', (_, thrown, reset) => {
    const { why, ...said } = limitSaid(thrown)!;
    expect(said).toEqual(reset);
    expect(why).not.toBe('');
  });

  it.each([429, 503, 529])('is none, and a limit all the same, for status %i alone', (status) => {
    expect(limitSaid(error({ status }))).toEqual({ why: 'slow down' });
    expect(limitSaid(new Error('wrapped', { cause: error({ statusCode: status }) }))).toEqual({
      why: 'wrapped',
    });
  });

  it.each<[string, unknown]>([
    ['an ordinary error', new Error('no')],
    ['another status', error({ status: 500 })],
    ['a reset of a request that was wrong', headers({ 'x-ratelimit-reset': '9' }, 400)],
    ['a negative time', error({ retryAfter: -1 })],
    ['no time', error({ retryAfter: 'soon' })],
    ['a getter that throws', throwing],
    ['nothing', undefined],
    ['a text', '429'],
    [
      'one that is its own cause',
      (() => {
        const loop = error({});
        return Object.assign(loop, { cause: loop });
      })(),
    ],
  ])('is not found in %s', (_, thrown) => {
    expect(limitSaid(thrown)).toBeUndefined();
  });

  it('is told with words of a bounded length', () => {
    expect(limitSaid(error({ status: 429 }, 'x'.repeat(10_000)))!.why.length).toBeLessThan(2 * MAX_WHY);
  });
});

/** What it threw, in words. */
function asked(options: unknown) {
  try {
    return park(options as ParkOptions);
  } catch (thrown) {
    return parkAsked(thrown) ?? (thrown as Error).message;
  }
}

describe('context.park', () => {
  it('throws what it was given', () => {
    expect(asked({ afterMs: 0, why: 'full' })).toEqual({ afterMs: 0, why: 'full' });
    expect(asked({ until: DATE, why: 'full' })).toEqual({ until: DATE, why: 'full' });
    expect(asked({ until: new Date(DATE), why: 'full' })).toEqual({ until: DATE, why: 'full' });
  });

  it.each([
    [undefined, 'why'],
    [{}, 'why'],
    [{ why: '', afterMs: 1 }, 'why'],
    [{ why: 'full' }, 'one of until and afterMs'],
    [{ why: 'full', until: 1, afterMs: 1 }, 'one of until and afterMs'],
    [{ why: 'full', afterMs: -1 }, 'afterMs'],
    [{ why: 'full', afterMs: Infinity }, 'afterMs'],
    [{ why: 'full', until: new Date(Number.NaN) }, 'until'],
    [{ why: 'full', until: 'tomorrow' }, 'until'],
  ])('refuses %j by the name of what is wrong', (options, named) => {
    expect(asked(options)).toContain(named);
  });
});

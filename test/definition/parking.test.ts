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
    ['days', headers({ 'x-ratelimit-reset-tokens': '1d2h' }), { afterMs: 93_600_000 }],
    ['several values', error({ headers: { 'Retry-After': ['7', '9'] } }), { afterMs: 7_000 }],
    ['a draft’s limit', headers({ ratelimit: '"default";r=0;t=30' }), { afterMs: 30_000 }],
    [
      'the one of several limits of a draft that is used up',
      headers({ ratelimit: '"burst";r=5;t=1000, "daily";r=0;t=300, "hourly";r=0;t=20' }),
      { afterMs: 300_000 },
    ],
    [
      'the latest limit of a draft',
      headers({ ratelimit: '"burst";t=10, "daily";t=300' }),
      { afterMs: 300_000 },
    ],
    ['an older draft’s', headers({ ratelimit: 'limit=9, remaining=0, reset=30' }), { afterMs: 30_000 }],
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
    expect(limitSaid(error({ $metadata: { httpStatusCode: status } }))).toEqual({ why: 'slow down' });
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

/** As these services answer, by their documentation. */
describe('what a service says with its refusal', () => {
  it.each<[string, Record<string, string>, object, number?]>([
    [
      'requests are used up, tokens are not',
      {
        'x-ratelimit-limit-requests': '60',
        'x-ratelimit-remaining-requests': '0',
        'x-ratelimit-reset-requests': '1s',
        'x-ratelimit-limit-tokens': '150000',
        'x-ratelimit-remaining-tokens': '149984',
        'x-ratelimit-reset-tokens': '6m0s',
      },
      { afterMs: 1_000 },
    ],
    [
      'tokens are used up',
      {
        'x-ratelimit-remaining-requests': '14370',
        'x-ratelimit-reset-requests': '2m59.56s',
        'x-ratelimit-remaining-tokens': '0',
        'x-ratelimit-reset-tokens': '7.66s',
      },
      { afterMs: 7_660 },
    ],
    [
      'milliseconds',
      { 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '6ms' },
      { afterMs: 6 },
    ],
    ['hours', { 'x-ratelimit-reset-requests': '1h2m3s' }, { afterMs: 3_723_000 }],
    [
      'a time of its own for each limit',
      {
        'anthropic-ratelimit-requests-remaining': '0',
        'anthropic-ratelimit-requests-reset': '2026-01-01T12:00:00Z',
        'anthropic-ratelimit-tokens-reset': '2026-01-01T11:59:00Z',
      },
      { until: DATE },
    ],
    [
      'retry-after before all of these',
      { 'retry-after': '20', 'anthropic-ratelimit-tokens-reset': '2026-01-01T12:00:00Z' },
      { afterMs: 20_000 },
    ],
    ['retry-after-ms, finer', { 'retry-after-ms': '1250', 'retry-after': '2' }, { afterMs: 1_250 }],
    [
      'epoch seconds, with a status that forbids',
      { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(DATE / 1_000) },
      { until: DATE },
      403,
    ],
    ['the field of the draft', { ratelimit: '"default";r=0;t=30' }, { afterMs: 30_000 }],
    ['the field of an earlier draft', { ratelimit: 'limit=100, remaining=0, reset=50' }, { afterMs: 50_000 }],
    ['an old date of HTTP', { 'retry-after': 'Thursday, 01-Jan-26 12:00:00 GMT' }, { until: DATE }],
    ['an older one, which has no zone', { 'retry-after': 'Thu Jan  1 12:00:00 2026' }, { until: DATE }],
    ['a date of ISO 8601 with a zone', { 'retry-after': '2026-01-01T14:00:00+02:00' }, { until: DATE }],
  ])('%s', (_, given, reset, status = 429) => {
    const { why: _why, ...said } = limitSaid(headers(given, status))!;
    expect(said).toEqual(reset);
  });

  it.each(['soon', 'in 5 minutes', 'retry 2099', 'Tuesday', '-5', '1e9', '', 'NaN', '5 apples'])(
    'a retry-after of %j is no time: nobody said when',
    (value) => {
      expect(limitSaid(headers({ 'retry-after': value }))).toEqual({ why: 'slow down' });
    },
  );
});

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

it('a park reads its own options alone, whatever it is given', () => {
  const options = { why: 'x', afterMs: 1 };
  Object.defineProperty(options, 'other', { enumerable: true, get: () => expect.unreachable() });
  expect(asked(options)).toEqual({ why: 'x', afterMs: 1 });
});

/** What a pool was like over the last hour: a look in five seconds, as long as there is such a pool. */
import { expect, it } from 'vitest';
import type { PoolRecord } from '../../src/index.ts';
import { PoolHistory } from '../../src/dashboard/pool-history.ts';

const pool = (name: string, more: object = {}) =>
  ({ name, wanted: 4, live: 3, idle: 1, waiting: 7, ...more }) as PoolRecord;
const sample = (at: number) => ({ at, wanted: 4, live: 3, busy: 2, waiting: 7 });

it('is one look after the other, of each pool', () => {
  const history = new PoolHistory();
  expect(history.of('a')).toEqual([]);
  history.take([pool('a'), pool('b', { idle: 3 })], 1);
  history.take([pool('a')], 2);
  history.take([pool('a'), pool('b')], 3);
  expect(history.of('a')).toEqual([1, 2, 3].map(sample));
  // A pool that was gone begins anew.
  expect(history.of('b')).toEqual([sample(3)]);
});

it('has the last 720 looks', () => {
  const history = new PoolHistory();
  for (let at = 1; at <= 720; at += 1) history.take([pool('a')], at);
  expect(history.of('a').map(({ at }) => at)).toEqual(Array.from({ length: 720 }, (_, at) => at + 1));
  history.take([pool('a')], 721);
  expect([history.of('a').length, history.of('a')[0]?.at, history.of('a').at(-1)?.at]).toEqual([720, 2, 721]);
});

it('is kept of 200 pools', () => {
  const history = new PoolHistory();
  history.take(
    Array.from({ length: 201 }, (_, at) => pool(`p${at}`)),
    1,
  );
  expect([history.of('p0').length, history.of('p199').length, history.of('p200').length]).toEqual([1, 1, 0]);
});

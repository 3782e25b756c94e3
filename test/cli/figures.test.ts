/** Numbers and times as people read them: where each unit begins. */
import { expect, it } from 'vitest';
import {
  bytes,
  clockTime,
  count,
  counted,
  duration,
  durationFrom,
  latency,
  moment,
  share,
} from '../../src/cli/figures.ts';

const [SECOND, MINUTE, HOUR, DAY] = [1_000, 60_000, 3_600_000, 86_400_000];

it.each([
  [-5, '0 ms'],
  [0.4, '0 ms'],
  [999, '999 ms'],
  [SECOND, '1 s'],
  [59_999, '59 s'],
  [MINUTE, '1 m'],
  [3 * MINUTE + 5 * SECOND, '3 m 5 s'],
  [HOUR, '1 h'],
  [2 * HOUR + 14 * MINUTE + 9 * SECOND, '2 h 14 m'],
  [DAY - 1, '23 h 59 m'],
  [DAY, '1 d'],
  [5 * DAY + 3 * HOUR, '5 d 3 h'],
])('%d ms last %s', (ms, text) => {
  expect(duration(ms)).toBe(text);
});

it.each([
  [0.44, '0.4 ms'],
  [9.96, '10 ms'],
  [10, '10 ms'],
  [10.4, '10 ms'],
  [999, '999 ms'],
  [SECOND, '1.0 s'],
  [1_260, '1.3 s'],
  [MINUTE - 1, '60.0 s'],
  [MINUTE, '1 m'],
])('a latency of %d ms is %s', (ms, text) => {
  expect(latency(ms)).toBe(text);
});

it.each([
  [0, '0 B'],
  [5, '5 B'],
  [1_023, '1023 B'],
  [1_024, '1.0 kB'],
  [10 * 1_024, '10 kB'],
  [82 * 2 ** 20, '82 MB'],
  [1.44 * 2 ** 30, '1.4 GB'],
  [3 * 2 ** 40, '3.0 TB'],
  [5_000 * 2 ** 40, '5000 TB'],
])('%d bytes are %s', (amount, text) => {
  expect(bytes(amount)).toBe(text);
});

it('shares are of a hundred, counts have thousands, and one is no plural', () => {
  expect([share(0.074), share(2), count(1_234)]).toEqual(['7 %', '200 %', '1,234']);
  expect([0, 1, 2].map((of) => counted(of, 'task'))).toEqual(['0 tasks', '1 task', '2 tasks']);
});

it('a moment is told to the millisecond, with two figures for all else', () => {
  const at = new Date(2026, 2, 1, 4, 5, 6, 7).getTime();
  expect([moment(at), clockTime(at)]).toEqual(['2026-03-01 04:05:06.007', '04:05:06']);
  expect(moment(new Date(2026, 10, 12, 14, 15, 16, 170).getTime())).toBe('2026-11-12 14:15:16.170');
});

it.each([
  ['250', 250],
  ['500ms', 500],
  ['10s', 10_000],
  ['1.5 s', 1_500],
  ['2m', 120_000],
  ['1h', HOUR],
  ['1d', DAY],
  ['', undefined],
  ['s', undefined],
  ['-1s', undefined],
  ['1w', undefined],
  ['1s ago', undefined],
])('%j stands for %s ms', (text, ms) => {
  expect(durationFrom(text)).toBe(ms);
});

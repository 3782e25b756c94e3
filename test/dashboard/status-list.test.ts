/** Statuses in a query: one or more that are known, joined by commas. */
import { expect, it } from 'vitest';
import { statusList } from '../../src/dashboard/status-list.ts';

const list = statusList(['up', 'down', 'gone'] as const);

it.each([
  ['up', ['up']],
  ['gone,up', ['gone', 'up']],
])('%j is %j', (text, statuses) => {
  expect(list.parse(text)).toEqual(statuses);
});

it.each(['', 'up,', 'up, down', 'odd', 'odd,up', 'up,odd'])('%j is refused, with what it may be', (text) => {
  expect(list.safeParse(text).error?.issues.map(({ message }) => message)).toEqual([
    'expected some of up, down, gone, joined by commas',
  ]);
});

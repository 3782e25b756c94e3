import { expect, it } from 'vitest';
import { agentChart } from '../../src/runtime/fleet/agent-chart.ts';

const outline = { id: 'c', transitions: [], states: [] };

it.each<[unknown, string[]]>([
  ['a', ['a']],
  [{ a: 'b', c: { d: 'e' } }, ['a', 'a.b', 'c', 'c.d', 'c.d.e']],
  [{ a: {} }, ['a']],
  [{ a: 5 }, ['a']],
  [5, []],
  [null, []],
  [undefined, []],
])('in the state %j the paths %j are active, each before those within it', (state, active) => {
  expect(agentChart(outline, state)).toEqual({ ...outline, active });
});

it('a state that a body has made up, however deep, is shown down to 101 levels', () => {
  let state: unknown = 'x';
  for (let level = 0; level < 10_000; level++) state = { x: state };
  expect(agentChart(outline, state)?.active).toHaveLength(101);
});

it.each([
  undefined,
  5,
  { ...outline, id: 'x'.repeat(10_001) },
  {
    ...outline,
    states: Array.from({ length: 1_001 }, () => ({ path: 'a', type: 'atomic', transitions: [] })),
  },
])('what is no outline is no chart', (given) => {
  expect(agentChart(given, 'a')).toBeUndefined();
});

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

/** An outline with the most of everything that can be shown, and more of what is named. */
function outlineOf(more: Partial<Record<'text' | 'states' | 'transitions' | 'inner' | 'to', number>> = {}) {
  const { text = 0, states = 0, transitions = 0, inner = 0, to = 0 } = more;
  const transition = { on: 'x', to: Array.from({ length: 100 + to }, () => 'a') };
  const moves = (count: number) => Array.from({ length: count }, () => transition);
  const state = { path: 'a', type: 'atomic', transitions: [] as object[] };
  const all = Array.from({ length: 1_000 + states }, (_, n) =>
    n === 0 ? { ...state, transitions: moves(100 + inner) } : state,
  );
  return { id: 'x'.repeat(10_000 + text), transitions: moves(100 + transitions), states: all };
}

it('an outline is shown up to so many states, transitions, targets and characters, and no further', () => {
  expect(agentChart(outlineOf(), 'a')).toEqual({ ...outlineOf(), active: ['a'] });
  for (const what of ['text', 'states', 'transitions', 'inner', 'to'] as const)
    expect([what, agentChart(outlineOf({ [what]: 1 }), 'a')]).toEqual([what, undefined]);
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

import { describe, expect, it } from 'vitest';
import { type AnyStateMachine, setup } from 'xstate';
import { chartGraphOf, triggerName } from '../../visualizations/chart-graph.ts';
import { charts } from '../../visualizations/charts.ts';
import { statusGraphOf } from '../../visualizations/status-graph.ts';

/** Two resting states that are one status, a decision, and a group whose members fail alike. */
const lamp = setup({ guards: { isNew: () => true } }).createMachine({
  initial: 'offShelf',
  states: {
    offShelf: { on: { plug: 'offWall' } },
    offWall: { on: { switch: 'judging' } },
    judging: { always: [{ guard: 'isNew', target: 'lit' }, { target: 'dark' }] },
    lit: { on: { fail: 'broken', dim: 'dark', log: {} } },
    dark: { on: { fail: 'broken' } },
    broken: { type: 'final' },
  },
});
const STATUS: Record<string, string> = {
  offShelf: 'off',
  offWall: 'off',
  lit: 'on.lit',
  dark: 'on.dark',
  broken: 'broken',
};
const graph = statusGraphOf(chartGraphOf(lamp as AnyStateMachine), {
  statusOf: (path) => STATUS[path] ?? path,
  descriptions: { off: 'No light.', on: '', 'on.lit': '', 'on.dark': '', broken: '' },
});
const lines = graph.transitions.map(
  ({ source, trigger, targets }) => `${source} ${triggerName(trigger)} ${targets[0]}`,
);

describe('a chart from afar', () => {
  it('follows decisions to where they end, and leaves out what stays in one status', () => {
    expect(lines).toContain('off switch on.lit');
    expect(lines).toContain('off switch on.dark');
    expect(lines.join()).not.toMatch(/plug|judging|log/);
  });

  it('draws what all members of a group do from the group, and what one does from that one', () => {
    expect(lines).toContain('on fail broken');
    expect(lines.filter((line) => line.includes('fail'))).toHaveLength(1);
    expect(lines).toContain('on.lit dim on.dark');
  });

  it('begins where the chart begins, and ends where it ends', () => {
    expect(graph.states.find(({ path }) => path === '')?.initial).toBe('off');
    expect(graph.states.find(({ path }) => path === 'broken')?.type).toBe('final');
    expect(graph.states.find(({ path }) => path === 'on')?.type).toBe('compound');
  });

  it.each(charts.filter(({ statuses }) => statuses))(
    'describes every status that $name has, and no other',
    ({ machine, statuses }) => {
      const whole = chartGraphOf(machine);
      const { states, transitions } = statusGraphOf(whole, statuses!);
      const known = new Set(states.map(({ path }) => path));
      const met = new Set(transitions.flatMap(({ source, targets }) => [source, ...targets]));
      expect([...met].filter((path) => !known.has(path))).toEqual([]);
      expect(states.filter(({ type, path }) => type !== 'compound' && !met.has(path))).toEqual([]);
    },
  );
});

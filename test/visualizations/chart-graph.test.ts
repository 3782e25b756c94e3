import { describe, expect, it } from 'vitest';
import type { AnyStateMachine } from 'xstate';
import { chartGraphOf, type ChartTransition, triggerName } from '../../visualizations/chart-graph.ts';
import { charts } from '../../visualizations/charts.ts';
import { smallMachine } from './small-machine.ts';

function written({ source, targets, trigger, guard, actions }: ChartTransition): string {
  const parts = [
    source || '(root)',
    triggerName(trigger),
    guard ? `[${guard}]` : '',
    actions.length > 0 ? `/ ${actions.join(', ')}` : '',
  ];
  return `${parts.filter((part) => part !== '').join(' ')} -> ${targets.join(' & ')}`.trim();
}

interface RawState {
  on?: Record<string, unknown>;
  after?: Record<string, unknown>;
  always?: unknown;
  onDone?: unknown;
  invoke?: unknown;
  states?: Record<string, RawState>;
}

function list(value: unknown): unknown[] {
  return value === undefined ? [] : Array.isArray(value) ? value : [value];
}

/** Counts transitions in the definition as it was written, without XState's reading of it. */
function countWritten(state: RawState): number {
  const own = [
    ...Object.values(state.on ?? {}),
    ...Object.values(state.after ?? {}),
    state.always,
    state.onDone,
  ];
  const invoked = list(state.invoke).flatMap((invoke) => {
    const { onDone, onError, onSnapshot } = invoke as Record<string, unknown>;
    return [onDone, onError, onSnapshot];
  });
  const here = [...own, ...invoked].reduce<number>((sum, value) => sum + list(value).length, 0);
  return Object.values(state.states ?? {}).reduce((sum, child) => sum + countWritten(child), here);
}

describe('the graph of a chart', () => {
  const graph = chartGraphOf(smallMachine as AnyStateMachine);

  it('holds every transition of the definition once, in document order, with its guard and actions', () => {
    expect(graph.transitions.map(written)).toEqual([
      '(root) log / note ->',
      '(root) give.* -> over',
      'resting go -> working',
      'resting poke -> resting',
      'working back -> resting',
      'working split -> working.ending',
      'working done working -> both',
      'working done.job [isLast] -> over',
      'working done.job / note, assign -> resting',
      'working error.job -> over',
      'working after 500 ms / note ->',
      'working after patience [isFirst && !isLast] -> over',
      'working.trying back [isFirst] / tell(bye) -> over',
      'working.trying poke ->',
      'working.trying always [isFirst] -> working.ending',
      'both split -> both.left.b & both.right.c',
      'both.left.a go -> both.left.b',
    ]);
  });

  it('names its states with what they enter and leave with, and what they run', () => {
    expect(graph.states.find(({ path }) => path === 'working')).toEqual({
      path: 'working',
      key: 'working',
      parent: '',
      type: 'compound',
      initial: 'working.trying',
      tags: [],
      entry: ['note'],
      exit: ['assign'],
      invokes: [{ id: 'job', src: 'work' }],
    });
    expect(graph.states.find(({ path }) => path === 'resting')).toMatchObject({
      type: 'atomic',
      description: 'Waits to be asked.',
      tags: ['calm'],
      entry: [],
    });
  });

  it('is plain data, and the same each time', () => {
    expect(structuredClone(graph)).toEqual(graph);
    expect(JSON.stringify(chartGraphOf(smallMachine as AnyStateMachine))).toBe(JSON.stringify(graph));
  });

  it.each(charts)('has as many transitions as the definition of $name has written', ({ machine }) => {
    const { transitions } = chartGraphOf(machine);
    expect(transitions.length).toBe(countWritten(machine.config as RawState));
    expect(new Set(transitions.map(({ order }) => order)).size).toBe(transitions.length);
  });
});

import { describe, expect, it } from 'vitest';
import { type AnyStateMachine, setup } from 'xstate';
import { chartGraphOf } from '../../visualizations/chart-graph.ts';
import { edgeBlock } from '../../visualizations/labels.ts';
import { type Bundle, bundlesOf } from '../../visualizations/routes.ts';

/** Two modes with the same two parts, a rest from which one event leads into either, and a crowded exit. */
const modes = setup({ guards: { isLate: () => true } }).createMachine({
  initial: 'rest',
  states: {
    rest: {
      on: { wake: [{ guard: 'isLate', target: 'day.night.busy' }, { target: 'day.light' }], end: 'gone' },
    },
    day: {
      initial: 'light',
      states: {
        light: {
          initial: 'idle',
          states: {
            idle: { on: { dusk: '#(machine).day.night.idle', end: '#(machine).gone' } },
            busy: { on: { dusk: '#(machine).day.night.busy', end: '#(machine).gone' } },
          },
        },
        night: {
          initial: 'idle',
          states: {
            idle: { on: { dawn: '#(machine).day.light.busy', end: '#(machine).gone' } },
            busy: { on: { dawn: '#(machine).day.light.idle', end: '#(machine).gone' } },
          },
        },
      },
    },
    gone: {},
  },
});
const graph = chartGraphOf(modes as AnyStateMachine);
const bundles = bundlesOf(graph, () => true);

function drawn(event: string): string[] {
  return bundles.flatMap((bundle) => {
    const isOfEvent = bundle.transitions.some(({ trigger }) => 'name' in trigger && trigger.name === event);
    return isOfEvent ? [`${bundle.shownAs}: ${bundle.source} -> ${bundle.targets.join()}`] : [];
  });
}

function label(bundle: Bundle | undefined): string[] {
  return edgeBlock(graph, bundle!).lines.map((line) => line.map(({ text }) => text).join(''));
}

describe('edges that are shared', () => {
  it('lead once to the state around all that one event may lead to, and say which', () => {
    expect(drawn('wake')).toEqual(['edge: rest -> day']);
    expect(label(bundles.find(({ targets }) => targets[0] === 'day'))).toEqual([
      'wake [isLate] → night.busy',
      'wake [else] → light',
    ]);
  });

  it('lead once between two states when each part leads to the same part', () => {
    expect(drawn('dusk')).toEqual(['edge: day.light -> day.night']);
    expect(label(bundles.find(({ source }) => source === 'day.light'))).toEqual([
      'dusk (idle or busy, as it was)',
    ]);
  });

  it('are not shared when a part leads to another part', () => {
    expect(drawn('dawn')).toEqual([
      'edge: day.night.idle -> day.light.busy',
      'edge: day.night.busy -> day.light.idle',
    ]);
  });

  it('are not drawn where everybody leads to one place, but from where the chart begins', () => {
    expect(drawn('end').filter((line) => line.startsWith('edge'))).toEqual(['edge: rest -> gone']);
    expect(drawn('end').filter((line) => line.startsWith('jump'))).toHaveLength(4);
  });
});

/** Laws of whoever observes a chart. */
import { describe, expect, test } from 'vitest';
import type { ChartObservation } from '../../src/runtime/engine/chart.ts';
import { eventually } from '../kit/eventually.ts';
import { boom, define, driven, DRIVERS, say } from './driven-chart.ts';

describe.each(DRIVERS)('by the %s', (driver) => {
  describe('observers', () => {
    const machine = define({
      id: 'seen',
      initial: 'a',
      states: {
        a: { on: { go: { target: 'b', actions: say('went') } } },
        b: { on: { end: 'z' } },
        z: { type: 'final' },
      },
    });

    test('are told of the start, each step before its effects, and the end', () => {
      const seen: unknown[] = [];
      const charts = new Set<object>();
      const { send } = driven(machine, driver, {
        observe: ({ type, chart, definition, snapshot, event }: ChartObservation) => {
          charts.add(chart);
          seen.push([type, definition.id, snapshot.value, snapshot.status, event.type]);
        },
        performed: ({ type }) => seen.push(type),
      });
      send('go');
      send('ignored');
      send('end');
      expect(seen).toEqual([
        ['started', 'seen', 'a', 'active', 'xstate.init'],
        ['stepped', 'seen', 'b', 'active', 'go'],
        'went',
        ['stepped', 'seen', 'b', 'active', 'ignored'],
        ['stepped', 'seen', 'z', 'done', 'end'],
        ['ended', 'seen', 'z', 'done', 'end'],
      ]);
      expect(charts.size).toBe(1);
    });

    test('are told of the bug that ended a chart', () => {
      const ends: unknown[] = [];
      const { send } = driven(define({ on: { go: { guard: boom } } }), driver, {
        observe: ({ type, error }: ChartObservation) =>
          type === 'ended' && ends.push((error as Error).message),
      });
      send('go');
      expect(ends).toEqual([expect.stringMatching(/boom$/)]);
    });

    test('that throw or reject do no harm, and are told of', async () => {
      const faults: unknown[] = [];
      let times = 0;
      const { send, chart, bugs } = driven(machine, driver, {
        observe: () => {
          times += 1;
          if (times === 1) throw new Error('thrown');
          return Promise.reject(new Error('rejected'));
        },
        onObserverFault: (thrown) => void faults.push(thrown),
      });
      send('go');
      await eventually(
        () => faults.length,
        (now) => now === 2,
      );
      expect(faults).toEqual([new Error('thrown'), new Error('rejected')]);
      expect([chart.path, bugs]).toEqual(['b', []]);
    });
  });

  test('paths are dotted, regions in the order of the definition', () => {
    const machine = define({
      initial: 'a',
      states: {
        a: { initial: 'b', states: { b: {} }, on: { go: 'p' } },
        p: {
          type: 'parallel',
          states: { 2: { initial: 'x', states: { x: {}, y: {} } }, one: { initial: 'u', states: { u: {} } } },
        },
      },
    });
    const { chart, send } = driven(machine, driver);
    expect(chart.path).toBe('a.b');
    send('go');
    expect(chart.path).toBe('p.(2.x|one.u)');
    expect(driven(define({}), driver).chart.path).toBe('');
  });
});

test('an observer of XState’s own inspection has the interpreter drive the chart, and does no harm', async () => {
  const types = new Set<string>();
  const faults: unknown[] = [];
  const machine = define({ on: { go: { actions: say('went') } } });
  const { send, said } = driven(machine, undefined, {
    xstateInspect: ({ type }) => {
      types.add(type);
      if (type === '@xstate.microstep') throw new Error('thrown');
      return type === '@xstate.event' ? Promise.reject(new Error('rejected')) : undefined;
    },
    onObserverFault: (thrown) => void faults.push((thrown as Error).message),
  });
  send('go');
  await eventually(
    () => faults,
    (now) => now.includes('rejected'),
  );
  expect(said).toEqual(['went']);
  expect(faults).toContain('thrown');
  expect([...types]).toEqual(
    expect.arrayContaining(['@xstate.actor', '@xstate.event', '@xstate.snapshot', '@xstate.action']),
  );
});

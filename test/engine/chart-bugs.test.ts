/** What a bug of a chart does, whatever drives it: it ends that chart alone. */
import { type AnyStateMachine, assign, raise, sendTo, spawnChild } from 'xstate';
import { describe, expect, test } from 'vitest';
import { boom, count, define, driven, DRIVERS, say } from './driven-chart.ts';

const buggy = (go: object): AnyStateMachine =>
  define({
    id: 'buggy',
    context: { n: 0 },
    initial: 'a',
    invoke: { id: 'w', src: 'work', onError: { actions: say('handled') } },
    on: { again: { actions: assign(boom as never) } },
    states: {
      a: { exit: [say('leftA'), count as never], after: { 10: 'b' }, on: { go } },
      b: { entry: say('enteredB') },
    },
  });

describe.each(DRIVERS)('by the %s', (driver) => {
  describe('a bug', () => {
    const cases: readonly (readonly [string, object, RegExp])[] = [
      [
        'a guard throws',
        { target: 'b', guard: boom },
        /^Unable to evaluate guard in transition for event 'go' in state node 'buggy\.a':\nboom$/,
      ],
      ['an assign throws', { target: 'b', actions: assign(boom as never) }, /^boom$/],
      ['params throw', { target: 'b', actions: { type: 'x', params: boom } }, /^boom$/],
      ['a raised event throws', { target: 'b', actions: raise(boom as never) }, /^boom$/],
      [
        'a child is sent to that is not there',
        { target: 'b', actions: sendTo('nobody', { type: 'x' }) },
        /nobody/,
      ],
      ['a guard is not implemented', { target: 'b', guard: 'isThere' }, /'isThere' is not implemented/],
      ['a later step of the same event throws', { target: 'b', actions: raise({ type: 'again' }) }, /^boom$/],
    ];

    test.each(cases)('%s: the step is taken back, and the chart ends alone', (_, go, message) => {
      const machine = buggy(go);
      const { chart, send, said, bugs, armed } = driven(machine, driver);
      const other = driven(machine, driver);
      expect(said).toEqual([
        ['child', 'w', 'work', undefined],
        ['armed', 10],
      ]);
      const { context } = chart;
      send('go');
      expect(bugs).toHaveLength(1);
      expect((bugs[0] as Error).message).toMatch(message);
      expect(chart.snapshot()).toMatchObject({ value: 'a', status: 'error' });
      expect(chart.context).toBe(context);
      // Effects of the step are dropped, deadlines cancelled, children stopped.
      expect(said.slice(2)).toEqual([
        ['cleared', 10],
        ['stopped', 'w'],
      ]);
      expect(armed).toEqual([]);
      send('go');
      chart.stop();
      expect(bugs).toHaveLength(1);
      expect(other.chart.status).toBe('active');
      expect(other.armed).toHaveLength(1);
    });

    test('in an effect: the step stands, the rest of it is dropped, children that it stops are stopped', () => {
      const machine = define({
        initial: 'a',
        states: {
          a: {
            invoke: { id: 'w', src: 'work' },
            exit: say('boom'),
            on: { go: { target: 'b', actions: say('later') } },
          },
          b: { entry: spawnChild('work', { id: 'unborn' }) },
        },
      });
      const { chart, send, said, bugs } = driven(machine, driver, {
        performed: ({ type }) => type === 'boom' && boom(),
      });
      send('go');
      expect(bugs).toEqual([new Error('boom')]);
      expect(said).toEqual([['child', 'w', 'work', undefined], 'boom', ['stopped', 'w']]);
      expect(chart.snapshot()).toMatchObject({ value: 'b', status: 'error' });
    });

    test('an error of a child that nobody handles ends the chart, and its other children', () => {
      const machine = define({
        on: { go: { actions: [spawnChild('work', { id: 'w' }), spawnChild('work', { id: 'v' })] } },
        after: { 10: {} },
      });
      const { send, said, bugs, reports, chart } = driven(machine, driver);
      send('go');
      reports[0]!.error('gone');
      expect(bugs).toEqual(['gone']);
      expect(said.slice(3)).toEqual([
        ['stopped', 'v'],
        ['cleared', 10],
      ]);
      expect(chart.status).toBe('error');
    });

    test('at the start is told before createChart returns', () => {
      const { bugs, chart } = driven(
        define({ context: boom as never, initial: 'a', states: { a: {} } }),
        driver,
      );
      expect(bugs).toEqual([new Error('boom')]);
      expect(chart.snapshot()).toMatchObject({ status: 'error', value: 'a', context: {} });
    });

    test('a throw of an eventless guard comes as it is', () => {
      const machine = define({
        initial: 'a',
        states: { a: { always: { guard: boom, target: 'a' } } },
      });
      expect(driven(machine, driver).bugs).toEqual([new Error('boom')]);
    });

    test('a chart that never settles is a bug with a name, after maxIterations', () => {
      const machine = define({
        id: 'restless',
        initial: 'a',
        states: {
          a: { on: { go: 'b' } },
          b: { always: 'c' },
          c: { always: 'b' },
        },
      });
      const { send, bugs, chart } = driven(machine, driver, { maxIterations: 20 });
      send('go');
      expect(bugs).toMatchObject([
        {
          name: 'ChartNeverSettles',
          message: 'the chart "restless" has not settled within 20 iterations of one event',
        },
      ]);
      expect(chart.path).toBe('a');
      const byDefault = driven(machine, driver);
      byDefault.send('go');
      expect((byDefault.bugs[0] as Error).message).toMatch(/1000 iterations/);
      const own = driven(define({ ...machine.config, options: { maxIterations: 9 } }), driver);
      own.send('go');
      expect((own.bugs[0] as Error).message).toMatch(/ 9 iterations/);
    });
  });
});

/** Laws of a chart’s children, whatever drives it. */
import { sendTo, spawnChild, stopChild } from 'xstate';
import { describe, expect, test } from 'vitest';
import { createChart } from '../../src/runtime/engine/chart.ts';
import type { ChildInvocation } from '../../src/runtime/engine/chart-contract.ts';
import { ChartRefused } from '../../src/runtime/engine/refusal.ts';
import { boom, define, driven, DRIVERS, say, type There } from './driven-chart.ts';

describe.each(DRIVERS)('by the %s', (driver) => {
  describe('children', () => {
    const parent = define({
      id: 'p',
      initial: 'idle',
      states: {
        idle: { on: { go: 'busy' } },
        busy: {
          entry: say('in'),
          exit: say('out'),
          invoke: {
            id: 'w',
            src: 'work',
            input: ({ event }: There) => event.type,
            onDone: { target: 'idle', actions: { type: 'got', params: ({ event }: There) => event.output } },
            onError: {
              target: 'idle',
              actions: { type: 'failed', params: ({ event }: There) => event.error },
            },
          },
          after: { 10: 'idle' },
          on: { leave: 'idle', news: { actions: say('news') } },
        },
      },
    });

    test('are started and stopped in their places', () => {
      const { send, said } = driven(parent, driver);
      send('go');
      send('leave');
      expect(said).toEqual([
        'in',
        ['armed', 10],
        ['child', 'w', 'work', 'go'],
        'out',
        ['cleared', 10],
        ['stopped', 'w'],
      ]);
    });

    test('may keep what they were invoked with, and read it later', () => {
      let kept: ChildInvocation | undefined;
      const { send } = driven(parent, driver, {
        child: (invocation) => {
          kept = invocation;
          return { stop: () => {} };
        },
      });
      send('go');
      expect(kept).toMatchObject({ id: 'w', src: 'work', input: 'go' });
    });

    test('report their end by value and by error; one that has ended is not stopped', () => {
      const { send, said, reports } = driven(parent, driver);
      send('go');
      reports[0]!.done(7);
      send('go');
      reports[1]!.error('why');
      expect(said.filter((word) => Array.isArray(word) && word[0] !== 'armed')).toEqual([
        ['child', 'w', 'work', 'go'],
        ['cleared', 10],
        ['got', 7],
        ['child', 'w', 'work', 'go'],
        ['cleared', 10],
        ['failed', 'why'],
      ]);
      expect(said).not.toContainEqual(['stopped', 'w']);
    });

    test('that have ended or were stopped are not heard any more', () => {
      const { send, said, reports } = driven(parent, driver);
      send('go');
      send('leave');
      send('go');
      const before = [...said];
      const [old] = reports;
      old!.send({ type: 'news' });
      old!.done(1);
      old!.error(2);
      expect(said).toEqual(before);
      reports[1]!.send({ type: 'news' });
      expect(said.at(-1)).toBe('news');
    });

    test('that speak at once are heard after the step', () => {
      const { send, said, chart } = driven(parent, driver, {
        child: (_, report) => {
          report.send({ type: 'news' });
          report.done('at once');
          return { stop: () => {} };
        },
      });
      send('go');
      expect(said).toEqual(['in', ['armed', 10], 'news', 'out', ['cleared', 10], ['got', 'at once']]);
      expect(chart.path).toBe('idle');
    });

    test('that nobody can bring to life have failed', () => {
      const { send, said } = driven(parent, driver, { child: boom });
      send('go');
      expect(said.at(-1)).toEqual(['failed', new Error('boom')]);
    });

    test('are told what is sent to them, also before they are spawned and when they are about to be stopped', () => {
      const machine = define({
        initial: 'a',
        states: {
          a: {
            entry: sendTo('w', { type: 'early' }),
            exit: sendTo('w', { type: 'late' }),
            invoke: { id: 'w', src: 'work' },
            on: { go: 'b' },
          },
          b: {},
        },
      });
      const { send, said } = driven(machine, driver);
      send('go');
      expect(said).toEqual([
        ['child', 'w', 'work', undefined],
        ['told', 'w', { type: 'early' }],
        ['told', 'w', { type: 'late' }],
        ['stopped', 'w'],
      ]);
    });

    test('that are stopped in the step that spawned them never come to life', () => {
      const machine = define({
        on: {
          go: { actions: [spawnChild('work', { id: 'w' }), sendTo('w', { type: 'x' }), stopChild('w')] },
        },
      });
      const { send, said } = driven(machine, driver);
      send('go');
      expect(said).toEqual([]);
    });

    test('give way to another of their id in the same step, the first one, too, and never come to life', () => {
      const twice = [spawnChild('work', { id: 'w', input: 1 }), spawnChild('work', { id: 'w', input: 2 })];
      const started = driven(define({ entry: twice }), driver);
      expect(started.said).toEqual([['child', 'w', 'work', 2]]);
      const stepped = driven(define({ on: { go: { actions: twice } } }), driver);
      stepped.send('go');
      expect(stepped.said).toEqual([['child', 'w', 'work', 2]]);
    });

    test('give way to another of their id', () => {
      const machine = define({ on: { go: { actions: spawnChild('work', { id: 'w' }) } } });
      const { send, said, reports, chart } = driven(machine, driver);
      send('go');
      send('go');
      reports[0]!.error('of the first');
      expect(said).toEqual([
        ['child', 'w', 'work', undefined],
        ['stopped', 'w'],
        ['child', 'w', 'work', undefined],
      ]);
      expect(chart.status).toBe('active');
    });

    test('without the option "child" are refused when the chart is made', () => {
      const { child: _, ...options } = { child: undefined, perform() {}, onBug() {} };
      const clock = { setTimeout: () => 0, clearTimeout: () => {} };
      expect(() => createChart(parent, undefined, { ...options, clock }, driver)).toThrow(
        new ChartRefused('p', 'p.busy', 'a child without the option "child"'),
      );
    });
  });
});

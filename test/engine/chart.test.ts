/** Laws of a chart, whatever drives it: transitions, run to completion, deadlines, its end. */
import { type AnyStateMachine, emit, log, setup } from 'xstate';
import { describe, expect, test } from 'vitest';
import {
  type Chart,
  type ChartEffect,
  type ChartOptions,
  createChart,
} from '../../src/runtime/engine/chart.ts';
import { boom, count, counted, define, driven, DRIVERS, isAt, say, type There } from './driven-chart.ts';

describe.each(DRIVERS)('by the %s', (driver) => {
  describe('transitions', () => {
    test('to a history state lead to what was left last, each time', () => {
      const machine = define({
        initial: 'work',
        states: {
          work: {
            initial: 'a',
            states: { a: { on: { go: 'b' } }, b: { on: { go: 'a' } }, last: { type: 'history' } },
            on: { leave: 'away' },
          },
          away: { on: { back: 'work.last' } },
        },
      });
      const { chart, send } = driven(machine, driver);
      const seen = ['leave', 'back', 'go', 'leave', 'back', 'leave', 'back', 'go', 'leave', 'back'].map(
        (type) => {
          send(type);
          return chart.path;
        },
      );
      expect(seen).toEqual([
        'away',
        'work.a',
        'work.b',
        'away',
        'work.b',
        'away',
        'work.b',
        'work.a',
        'away',
        'work.a',
      ]);
    });

    test('that leave the same give way to the one from further inside, whichever region is asked first', () => {
      const inner = { initial: 'x', states: { x: {} } };
      const asked = {
        initial: 'y',
        states: { y: { always: { guard: isAt(1), target: 'z', actions: count } }, z: {} },
      };
      for (const states of [
        { one: inner, two: asked },
        { two: asked, one: inner },
      ]) {
        const machine = define({
          context: { n: 0 },
          initial: 'p',
          states: {
            p: {
              type: 'parallel',
              on: { go: { actions: count } },
              always: { guard: isAt(1), target: 'out' },
              states,
            },
            out: {},
          },
        });
        const { chart, send } = driven(machine, driver);
        send('go');
        expect(chart.context).toEqual({ n: 2 });
        expect(chart.snapshot().value).toEqual({ p: { one: 'x', two: 'z' } });
      }
    });
  });

  describe('run to completion', () => {
    const steps = define({
      context: { n: 0 },
      initial: 'a',
      states: {
        a: { exit: say('leftA'), on: { go: { target: 'b', actions: [counted, count, counted] as never } } },
        b: { entry: [say('enteredB'), count as never, counted as never], always: 'c' },
        c: { entry: say('enteredC') },
      },
    });

    test('effects are performed after the step, in order, with the params of their place', () => {
      const { send, said } = driven(steps, driver);
      send('go');
      expect(said).toEqual([
        'leftA',
        ['counted', { n: 0 }],
        ['counted', { n: 1 }],
        'enteredB',
        ['counted', { n: 2 }],
        'enteredC',
      ]);
    });

    test('reading the chart inside an effect gives the state after the step', () => {
      const seen: unknown[] = [];
      const world = driven(steps, driver, {
        performed: () => {
          const { value, context, status } = world.chart.snapshot();
          seen.push([value, context, status, world.chart.path, world.chart.context]);
        },
      });
      world.send('go');
      expect(new Set(seen.map((view) => JSON.stringify(view)))).toEqual(
        new Set(['["c",{"n":2},"active","c",{"n":2}]']),
      );
    });

    test('what is sent meanwhile queues, first in, first out', () => {
      const machine = define({
        on: {
          go: { actions: [say('first'), say('second')] },
          x: { actions: say('x') },
          y: { actions: say('y') },
        },
      });
      const world = driven(machine, driver, {
        performed: ({ type }) => {
          if (type === 'first') world.send('x');
          if (type === 'second') world.send('y');
        },
      });
      world.send('go');
      expect(world.said).toEqual(['first', 'second', 'x', 'y']);
    });

    test('charts that send to each other take turns, however long they go on', () => {
      const machine = define({ on: { ping: { actions: say('pong') } } });
      let left = 100_000;
      const one = driven(machine, driver, { performed: () => left-- > 0 && other.send('ping') });
      const other = driven(machine, driver, { performed: () => left-- > 0 && one.send('ping') });
      if (driver === 'pure') left = 100;
      one.send('ping');
      expect(left).toBe(-1);
    });

    test('an effect of the start is performed before createChart returns', () => {
      const { said } = driven(define({ entry: say('hello') }), driver);
      expect(said).toEqual(['hello']);
    });

    test('the context stays the same object while nothing is assigned', () => {
      const { chart, send } = driven(steps, driver);
      const { context } = chart;
      send('nothing');
      expect(chart.context).toBe(context);
      send('go');
      expect(chart.context).not.toBe(context);
    });

    test('an action without a name runs in its place, emit and log are effects', () => {
      const said: unknown[] = [];
      const machine = define({
        on: {
          go: { actions: [say('a'), () => said.push('inline'), emit({ type: 'e' }), log('l'), say('z')] },
        },
      });
      const { send } = driven(machine, driver, {
        perform: ({ type, params }) => void said.push([type, params]),
      });
      send('go');
      expect(said).toEqual([
        ['a', undefined],
        'inline',
        ['xstate.emit', { event: { type: 'e' } }],
        ['xstate.log', { value: 'l', label: undefined }],
        ['z', undefined],
      ]);
    });

    test('options are called as methods: an object of a class will do', () => {
      class Options implements ChartOptions {
        readonly said: string[] = [];
        readonly clock = { setTimeout: () => 0, clearTimeout: () => {} };
        perform({ type }: ChartEffect): void {
          this.said.push(type);
        }
        onBug(): void {
          this.said.push('bug');
        }
        onDone(): void {
          this.said.push('done');
        }
      }
      const options = new Options();
      createChart(
        define({ entry: say('a'), initial: 'x', states: { x: { type: 'final' } } }),
        {},
        options,
        driver,
      );
      expect(options.said).toEqual(['a', 'done']);
    });
  });

  describe('deadlines', () => {
    test('take their places among the effects, and are cancelled with their state', () => {
      const machine = define({
        initial: 'a',
        states: {
          a: { entry: say('in'), exit: say('out'), after: { 100: 'b', 50: 'b' }, on: { go: 'b' } },
          b: {},
        },
      });
      const { send, said, chart, armed, fire } = driven(machine, driver);
      expect(said).toEqual(['in', ['armed', 50], ['armed', 100]]);
      fire();
      expect(chart.path).toBe('b');
      expect(said.slice(3)).toEqual(['out', ['cleared', 100]]);
      expect(armed).toEqual([]);
      send('go');
      expect(said).toHaveLength(5);
    });

    test('of Infinity arm nothing, of 0 are the clock’s business', () => {
      const machine = define({ after: { 0: {}, never: {} } }, { delays: { never: Infinity } });
      expect(driven(machine, driver).said).toEqual([['armed', 0]]);
    });

    test('that are due while a step is performed wait for their turn', () => {
      const machine = define({
        on: { go: { actions: [say('a'), say('b')] } },
        after: { 10: { actions: say('due') } },
      });
      const world = driven(machine, driver, { performed: ({ type }) => type === 'a' && world.fire() });
      world.send('go');
      expect(world.said).toEqual([['armed', 10], 'a', 'b', 'due']);
    });
  });

  describe('the end', () => {
    const ending = define({
      id: 'e',
      context: { n: 3 },
      initial: 'a',
      exit: say('outOfAll'),
      invoke: { id: 'w', src: 'work' },
      after: { 10: {} },
      output: ({ context, event }: There) => ({ n: context.n, from: event.output }),
      states: {
        a: { on: { go: 'z' } },
        z: { type: 'final', output: 'z', entry: say('last') },
      },
    });

    test('in a final state: exit actions, children stopped, deadlines cancelled, the output told once', () => {
      const { send, said, chart } = driven(ending, driver);
      send('go');
      send('go');
      expect(said.slice(2)).toEqual([
        'last',
        'outOfAll',
        ['cleared', 10],
        ['stopped', 'w'],
        ['done', { n: 3, from: 'z' }],
      ]);
      expect(chart.snapshot()).toMatchObject({ status: 'done', value: 'z', output: { n: 3, from: 'z' } });
    });

    test('by stop: no exit actions, children stopped, deadlines cancelled, nothing heard later', () => {
      const { chart, said, send, reports } = driven(ending, driver);
      const before = said.length;
      chart.stop();
      chart.stop();
      send('go');
      reports[0]!.done(1);
      expect(said.slice(before)).toEqual([
        ['stopped', 'w'],
        ['cleared', 10],
      ]);
      expect(chart.snapshot()).toMatchObject({ status: 'stopped', value: 'a' });
    });

    test('by stop inside an effect: the other effects of the step are performed, what is queued is dropped', () => {
      const machine = define({
        on: { go: { actions: [say('a'), say('b')] }, x: { actions: say('x') } },
      });
      const world = driven(machine, driver, {
        performed: ({ type }) => {
          if (type !== 'a') return;
          world.send('x');
          world.chart.stop();
          world.send('x');
        },
      });
      world.send('go');
      expect(world.said).toEqual(['a', 'b']);
      expect(world.chart.status).toBe('stopped');
    });
  });

  test('its options are told of each step, the start too, before its effects: what is read is the state after it', () => {
    const machine = define({
      initial: 'a',
      entry: say('made'),
      states: {
        a: { on: { go: { target: 'b', actions: say('went') } } },
        b: { on: { break: { guard: boom } } },
      },
    });
    const seen: unknown[] = [];
    let chart: Chart<AnyStateMachine> | undefined;
    const world = driven(machine, driver, {
      changed: () => seen.push(['changed', chart?.path]),
      performed: ({ type }) => seen.push(type),
    });
    ({ chart } = world);
    world.send('go');
    world.send('ignored');
    world.send('break');
    expect(seen).toEqual([
      ['changed', undefined],
      'made',
      ['changed', 'b'],
      'went',
      ['changed', 'b'],
      ['changed', 'b'],
    ]);
  });
});

test('what provide says is what is compiled', () => {
  const bare = setup({
    types: {},
    actions: { act: () => {} },
    guards: { may: () => false },
    delays: { wait: 5 },
  }).createMachine({ on: { go: { guard: 'may', actions: 'act' } }, after: { wait: {} } });
  const provided = bare.provide({ guards: { may: () => true }, delays: { wait: 9 } });
  for (const driver of DRIVERS) {
    const [one, other] = [driven(bare, driver), driven(provided, driver)];
    one.send('go');
    other.send('go');
    expect([one.said, other.said], driver).toEqual([[['armed', 5]], [['armed', 9], 'act']]);
  }
});

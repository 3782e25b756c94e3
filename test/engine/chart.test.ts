import {
  type AnyStateMachine,
  assign,
  createMachine,
  emit,
  enqueueActions,
  type EventObject,
  fromPromise,
  log,
  raise,
  sendParent,
  sendTo,
  setup,
  spawnChild,
  stopChild,
} from 'xstate';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import {
  type Chart,
  type ChartDriverName,
  type ChartEffect,
  type ChartObservation,
  type ChartOptions,
  type ChildReport,
  createChart,
} from '../../src/runtime/engine/chart.ts';
import { ChartRefused } from '../../src/runtime/engine/refusal.ts';
import { eventually } from '../kit/eventually.ts';

/** A definition of whatever shape, valid or not. */
const define = (config: object, implementations?: object): AnyStateMachine =>
  createMachine(config as never, implementations as never);

const DRIVERS: readonly ChartDriverName[] = ['table', 'interpreter', 'pure'];

/** A chart with everything it says, in order, and hands on its children and deadlines. */
function driven(
  definition: AnyStateMachine,
  driver: ChartDriverName | undefined,
  given: Partial<ChartOptions> & { performed?: (effect: ChartEffect) => void; input?: unknown } = {},
) {
  const { performed, input, ...options } = given;
  const said: unknown[] = [];
  const bugs: unknown[] = [];
  const armed: { run: () => void; delayMs: number }[] = [];
  const reports: ChildReport[] = [];
  const chart: Chart<AnyStateMachine> = createChart(
    definition,
    input,
    {
      perform: (effect) => {
        said.push(effect.params === undefined ? effect.type : [effect.type, effect.params]);
        performed?.(effect);
      },
      child: ({ id, src, input }, report) => {
        said.push(['child', id, src, input]);
        reports.push(report);
        return {
          stop: () => void said.push(['stopped', id]),
          send: (event) => void said.push(['told', id, event]),
        };
      },
      clock: {
        setTimeout: (run, delayMs) => {
          said.push(['armed', delayMs]);
          const timer = { run, delayMs };
          armed.push(timer);
          return timer;
        },
        clearTimeout: (timer) => {
          said.push(['cleared', (timer as { delayMs: number }).delayMs]);
          armed.splice(armed.indexOf(timer as never), 1);
        },
      },
      onBug: (error) => void bugs.push(error),
      onDone: (output) => void said.push(['done', output]),
      ...options,
    },
    driver,
  );
  const send = (type: string, more: object = {}): void => chart.send({ type, ...more });
  return { chart, said, bugs, armed, reports, send, fire: () => armed.shift()!.run() };
}

interface There {
  readonly context: { readonly n: number };
  readonly event: EventObject & { readonly output?: unknown; readonly error?: unknown };
}

// XState's development build warns of every event to an actor that has ended.
beforeEach(() => void vi.spyOn(console, 'warn').mockImplementation(() => {}));

const say = (type: string) => ({ type });
const count = assign({ n: ({ context }: { context: { n: number } }) => context.n + 1 });
const counted = {
  type: 'counted',
  params: ({ context }: { context: { n: number } }) => ({ n: context.n }),
};
const boom = (): never => {
  throw new Error('boom');
};

const isAt =
  (n: number) =>
  ({ context }: There) =>
    context.n === n;

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

  describe('a bug', () => {
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

const ACTOR: unknown = {};
const X: EventObject = { type: 'x' };
const entry = (action: unknown): object => ({ states: { s: { entry: action } } });

/** What is said when a part of the scope is asked for that only an actor of XState has. */
function saidOf(what: string): unknown {
  const asking: unknown = (scope: Record<string, unknown>) => ({ got: scope[what] });
  const machine = define({
    context: {},
    on: { go: { actions: assign(asking as never) } },
  });
  const { send, bugs } = driven(machine, 'table');
  send('go');
  return (bugs[0] as Error).message;
}

describe('the table refuses by name', () => {
  const logic = fromPromise(() => Promise.resolve());
  const cases: readonly (readonly [string, object])[] = [
    ['systemId', { states: { s: { invoke: { src: 'w', systemId: 'x' } } } }],
    ['onSnapshot', { states: { s: { invoke: { src: 'w', onSnapshot: {} } } } }],
    ['invoke of an actor that has no name', { states: { s: { invoke: { src: logic } } } }],
    ['spawnChild of an actor that has no name', entry(spawnChild(logic, { id: 'x' }))],
    ['spawnChild without an id', entry(spawnChild('w'))],
    ['systemId', entry(spawnChild('w', { id: 'x', systemId: 'y' }))],
    ['syncSnapshot', entry(spawnChild('w', { id: 'x', syncSnapshot: true }))],
    ['sendParent', entry(sendParent({ type: 'x' }))],
    ['sendTo an actor that is not named by its id', entry(sendTo(ACTOR as never, X as never))],
    ['stopChild of an actor that is not named by its id', entry(stopChild({} as never))],
    ['raise of "x", which is no event', entry(raise('x' as never))],
    [
      'the built-in action "xstate.new"',
      entry(Object.assign(() => {}, { type: 'xstate.new', resolve: () => [] })),
    ],
  ];

  test.each(cases)('%s', (feature, config) => {
    const machine = define({ id: 'r', initial: 's', ...config });
    expect(() => driven(machine, 'table')).toThrow(new ChartRefused('r', 'r.s', feature));
  });

  test('what only an actor of XState has, when it is asked for: a bug that says so', () => {
    expect(['self', 'system', 'spawn'].map(saidOf)).toEqual([
      '"self" is not supported in a compiled chart',
      '"system" is not supported in a compiled chart',
      '"spawn" is not supported in a compiled chart',
    ]);
  });

  test('what enqueueActions enqueues, when it is run: a bug that says so', () => {
    const machine = define({
      id: 'r',
      on: { go: { actions: enqueueActions(({ enqueue }) => enqueue.spawnChild(logic, { id: 'x' })) } },
    });
    const { send, bugs } = driven(machine, 'table');
    send('go');
    expect(bugs).toEqual([new ChartRefused('r', 'r', 'spawnChild of an actor that has no name')]);
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

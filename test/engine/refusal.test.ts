/** What the compiled table refuses by name. */
import {
  assign,
  enqueueActions,
  type EventObject,
  fromPromise,
  raise,
  sendParent,
  sendTo,
  spawnChild,
  stopChild,
} from 'xstate';
import { describe, expect, test } from 'vitest';
import { ChartRefused } from '../../src/runtime/engine/refusal.ts';
import { define, driven } from './driven-chart.ts';

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

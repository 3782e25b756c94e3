/** A chart with one of everything that a transition can be, to test the drawing of charts with. */
import { and, assign, fromPromise, not, setup } from 'xstate';

export const smallMachine = setup({
  actors: { work: fromPromise(() => Promise.reject(new Error('never run'))) },
  actions: {
    note: () => {},
    tell: (_scope: unknown, _params: { what: string; n: number }) => {},
  },
  guards: { isFirst: () => true, isLast: () => true },
  delays: { patience: 10 },
}).createMachine({
  id: 'small',
  context: { n: 0 },
  initial: 'resting',
  on: { log: { actions: 'note' }, 'give.*': '.over' },
  states: {
    resting: {
      description: 'Waits to be asked.',
      tags: 'calm',
      on: { go: 'working', poke: { target: 'resting', reenter: true } },
    },
    working: {
      initial: 'trying',
      entry: 'note',
      exit: assign({ n: 1 }),
      invoke: {
        id: 'job',
        src: 'work',
        onDone: [
          { guard: 'isLast', target: 'over' },
          { target: 'resting', actions: ['note', assign({ n: 2 })] },
        ],
        onError: { target: 'over', description: 'It broke.' },
      },
      after: {
        patience: { target: 'over', guard: and(['isFirst', not('isLast')]) },
        500: { actions: 'note' },
      },
      on: { back: 'resting', split: '.ending' },
      states: {
        trying: {
          always: { guard: 'isFirst', target: 'ending' },
          on: {
            back: {
              guard: 'isFirst',
              target: '#small.over',
              actions: { type: 'tell', params: ({ context }) => ({ what: 'bye', n: context.n }) },
            },
            poke: {},
          },
        },
        ending: { type: 'final' },
      },
      onDone: 'both',
    },
    both: {
      type: 'parallel',
      states: {
        left: { initial: 'a', states: { a: { on: { go: 'b' } }, b: {}, past: { type: 'history' } } },
        right: { initial: 'c', states: { c: {} } },
      },
      on: { split: { target: ['#small.both.left.b', '#small.both.right.c'] } },
    },
    over: { type: 'final' },
  },
});

/** A chart that works, waits and ticks, in programs that are killed. */
import { setTimeout as wait } from 'node:timers/promises';
import { assign, emit, fromPromise, setup } from 'xstate';
import { z } from 'zod';
import { type ChartAnswer, type ChartEvent, defineChartAgent } from '../../../src/chart-agent.ts';

export const TICK_MS = 40;

const tasks = { job: { output: z.number() } } as const;

export interface MortalContext {
  /** Jobs that are done. */
  readonly done: number;
  readonly ticks: number;
  /** Restores that found a job under way. */
  readonly resumed: number;
}

const machine = setup({
  types: {
    context: {} as MortalContext,
    events: {} as ChartEvent<typeof tasks>,
    emitted: {} as ChartAnswer<typeof tasks>,
  },
  actors: { work: fromPromise(({ signal }) => wait(8, undefined, { signal })) },
}).createMachine({
  id: 'mortal',
  context: { done: 0, ticks: 0, resumed: 0 },
  type: 'parallel',
  states: {
    jobs: {
      initial: 'idle',
      states: {
        idle: { on: { job: 'working' } },
        working: {
          on: { 'agent.restored': { actions: assign({ resumed: ({ context }) => context.resumed + 1 }) } },
          invoke: {
            src: 'work',
            onDone: {
              target: 'idle',
              actions: [
                assign({ done: ({ context }) => context.done + 1 }),
                emit(({ context }) => ({ type: 'job.done', output: context.done })),
              ],
            },
          },
        },
      },
    },
    clock: {
      initial: 'ticking',
      states: {
        ticking: {
          after: {
            [TICK_MS]: {
              target: 'ticking',
              reenter: true,
              actions: assign({ ticks: ({ context }) => context.ticks + 1 }),
            },
          },
        },
      },
    },
  },
});

export default defineChartAgent({ type: 'mortal-chart', machine, tasks });

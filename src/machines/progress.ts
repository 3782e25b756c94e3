/**
 * Whether a task that runs gets on: apart from whether its agent is alive, which health checks ask.
 *
 * What it tells of its progress, and what it streams, counts; how long it takes does not. One that has told nothing for
 * its time has stalled, and its kind says what follows: somebody is told, the task is aborted, or its agent crashes.
 *
 * Source: an agent that was healthy for 94 minutes and did nothing.
 */
import { setup } from 'xstate';
import type { EffectsOf } from './effect.ts';

export type OnStall = 'warn' | 'abort' | 'crash';

export interface ProgressInput {
  readonly stalledAfterMs: number;
  readonly onStall: OnStall;
}

export type ProgressEvent = { type: 'task.progressed' };

/** Everything this chart may want done. */
export type ProgressEffect = EffectsOf<{
  tellStalled: undefined;
  tellProgressed: undefined;
  abortTask: undefined;
  crashAgent: undefined;
}>;

export const progressMachine = setup({
  types: {} as { context: ProgressInput; input: ProgressInput; events: ProgressEvent },
  actions: {
    tellStalled: () => {},
    tellProgressed: () => {},
    abortTask: () => {},
    crashAgent: () => {},
  },
  guards: {
    isWarned: ({ context }) => context.onStall === 'warn',
    isAborted: ({ context }) => context.onStall === 'abort',
  },
  delays: { stalledAfter: ({ context }) => context.stalledAfterMs },
}).createMachine({
  id: 'progress',
  context: ({ input }) => input,
  initial: 'moving',
  states: {
    moving: {
      description: 'It has told something not long ago, or has just begun.',
      after: { stalledAfter: { target: 'deciding', actions: 'tellStalled' } },
      on: { 'task.progressed': { target: 'moving', reenter: true } },
    },
    deciding: {
      always: [
        { guard: 'isWarned', target: 'stalled' },
        { guard: 'isAborted', target: 'ended', actions: 'abortTask' },
        { target: 'ended', actions: 'crashAgent' },
      ],
    },
    stalled: {
      description: 'It has told nothing for its time: somebody should look at it.',
      on: { 'task.progressed': { target: 'moving', actions: 'tellProgressed' } },
    },
    ended: { type: 'final', description: 'It is not waited for any more.' },
  },
});

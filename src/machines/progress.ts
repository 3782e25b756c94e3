/**
 * Whether a running task makes progress. Whether its agent is alive is another question, which health checks answer.
 *
 * Reported progress and streamed chunks count as progress; time alone does not. A task without progress for its
 * time has stalled, and its kind says what follows: an event, the end of the task, or a crash of its agent.
 */
import { setup } from 'xstate';
import type { EffectsOf } from './effect.ts';

export type OnStall = 'warn' | 'abort' | 'crash';

export interface ProgressInput {
  readonly stalledAfterMs: number;
  readonly onStall: OnStall;
}

export type ProgressEvent = { type: 'task.progressed' };

/** All effects of this chart. */
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
      description: 'The task has reported progress lately, or has just begun.',
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
      description: 'The task has reported no progress for too long: somebody should look at it.',
      on: { 'task.progressed': { target: 'moving', actions: 'tellProgressed' } },
    },
    ended: { type: 'final', description: 'The task is no longer watched.' },
  },
});

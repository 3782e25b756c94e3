/**
 * The fleet's supervisor: how many agents may restart at once, and whether a restart storm is on.
 *
 * Holds counters and no agent: whose turn it is, is the runtime's queue. A restart asks for a permit before it
 * starts a body and gives it back when that start has succeeded or failed.
 *
 * Source: the mass-crash rule of DESIGN §4; OTP has none, its supervisors restart one child at a time.
 */
import { assign, setup } from 'xstate';
import type { EffectParams, EffectsOf } from './effect.ts';

export interface SupervisorInput {
  /** Restarts that may be under way at once, 1 or more. */
  readonly maxConcurrentRestarts: number;
}

export interface SupervisorContext {
  readonly maxConcurrentRestarts: number;
  /** Permits out. */
  readonly restarting: number;
  /** Agents waiting for one. */
  readonly waiting: number;
}

export type SupervisorEvent =
  | { type: 'permit.requested'; agentId: string }
  | { type: 'permit.released' }
  | { type: 'permit.withdrawn' };

/** Everything this chart may want done. */
export type SupervisorEffect = EffectsOf<{
  grantPermit: { readonly agentId: string };
  enqueue: { readonly agentId: string };
  grantNextPermit: undefined;
  raiseStormAlert: undefined;
  clearStormAlert: undefined;
}>;

const requester = ({ event }: { event: SupervisorEvent }) => ({
  agentId: event.type === 'permit.requested' ? event.agentId : '',
});
const grant = { type: 'grantPermit' as const, params: requester };
const enqueue = { type: 'enqueue' as const, params: requester };

export const supervisorMachine = setup({
  types: {} as { context: SupervisorContext; input: SupervisorInput; events: SupervisorEvent },
  actions: {
    grantPermit: (_, _params: EffectParams<SupervisorEffect, 'grantPermit'>) => {},
    enqueue: (_, _params: EffectParams<SupervisorEffect, 'enqueue'>) => {},
    grantNextPermit: () => {},
    raiseStormAlert: () => {},
    clearStormAlert: () => {},

    countGranted: assign({ restarting: ({ context }) => context.restarting + 1 }),
    countReleased: assign({ restarting: ({ context }) => context.restarting - 1 }),
    countWaiting: assign({ waiting: ({ context }) => context.waiting + 1 }),
    countServed: assign({ waiting: ({ context }) => context.waiting - 1 }),
  },
  guards: {
    isPermitFree: ({ context }) => context.restarting < context.maxConcurrentRestarts,
    isLastWaiting: ({ context }) => context.waiting === 1,
  },
}).createMachine({
  id: 'supervisor',
  context: ({ input }) => ({
    maxConcurrentRestarts: input.maxConcurrentRestarts,
    restarting: 0,
    waiting: 0,
  }),
  initial: 'calm',
  states: {
    calm: {
      description: 'Every restart that is due gets its permit at once.',
      on: {
        'permit.requested': [
          { guard: 'isPermitFree', actions: ['countGranted', grant] },
          { target: 'storm', actions: ['countWaiting', enqueue] },
        ],
        'permit.released': { actions: 'countReleased' },
      },
    },
    storm: {
      description: 'All permits are out; restarts wait for their turn.',
      entry: 'raiseStormAlert',
      exit: 'clearStormAlert',
      on: {
        'permit.requested': { actions: ['countWaiting', enqueue] },
        'permit.released': [
          { guard: 'isLastWaiting', target: 'calm', actions: ['countServed', 'grantNextPermit'] },
          { actions: ['countServed', 'grantNextPermit'] },
        ],
        'permit.withdrawn': [
          { guard: 'isLastWaiting', target: 'calm', actions: 'countServed' },
          { actions: 'countServed' },
        ],
      },
    },
  },
});

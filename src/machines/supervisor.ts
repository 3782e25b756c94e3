/**
 * The fleet's supervisor: how many agents may restart at once, and whether a restart storm is on.
 *
 * Holds counters and no agent: the runtime's queues know whose turn it is. A restart asks for a permit before it
 * starts a body and gives it back when that start has succeeded or failed.
 *
 * Agents of one kind wait for each other, and for no other kind: a kind of which none restarts gets a permit even if
 * all permits are out. So starts that hang hold back their own kind alone, and there are never more permits out than the
 * limit and one for each other kind.
 *
 * Nor do they hold back their own kind for ever: in a storm, a permit that has been out for a whole period counts no
 * longer. The agent that had it goes on starting.
 *
 * OTP has no such rule: its supervisors restart one child at a time.
 */
import { assign, setup } from 'xstate';
import type { EffectParams, EffectsOf } from './effect.ts';

export interface SupervisorInput {
  /** Restarts that may be under way at once, 1 or more; and one of each kind. */
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
  /** `isFirst`: no other of its kind restarts. */
  | { type: 'permit.requested'; agentId: string; isFirst?: boolean }
  /** `owedTo`: a kind of which agents wait and none restarts any more. */
  | { type: 'permit.released'; owedTo?: string }
  | { type: 'permit.withdrawn' };

/** All effects of this chart. */
export type SupervisorEffect = EffectsOf<{
  grantPermit: { readonly agentId: string };
  enqueue: { readonly agentId: string };
  /** To the next of that kind; else to the next of the kind whose turn it is. */
  grantNextPermit: { readonly kind: string | undefined };
  /** Gives back each permit that was out already when the storm, or its last period, began. */
  reclaimPermits: undefined;
  raiseStormAlert: undefined;
  clearStormAlert: undefined;
}>;

const requester = ({ event }: { event: SupervisorEvent }) => ({
  agentId: event.type === 'permit.requested' ? event.agentId : '',
});
const grant = { type: 'grantPermit' as const, params: requester };
const enqueue = { type: 'enqueue' as const, params: requester };
const grantNext = {
  type: 'grantNextPermit' as const,
  params: ({ event }: { event: SupervisorEvent }) => ({
    kind: event.type === 'permit.released' ? event.owedTo : undefined,
  }),
};

export const supervisorMachine = setup({
  types: {} as { context: SupervisorContext; input: SupervisorInput; events: SupervisorEvent },
  actions: {
    grantPermit: (_, _params: EffectParams<SupervisorEffect, 'grantPermit'>) => {},
    enqueue: (_, _params: EffectParams<SupervisorEffect, 'enqueue'>) => {},
    grantNextPermit: (_, _params: EffectParams<SupervisorEffect, 'grantNextPermit'>) => {},
    reclaimPermits: () => {},
    raiseStormAlert: () => {},
    clearStormAlert: () => {},

    countGranted: assign({ restarting: ({ context }) => context.restarting + 1 }),
    countReleased: assign({ restarting: ({ context }) => context.restarting - 1 }),
    countWaiting: assign({ waiting: ({ context }) => context.waiting + 1 }),
    countServed: assign({ waiting: ({ context }) => context.waiting - 1 }),
  },
  guards: {
    isPermitFree: ({ context }) => context.restarting < context.maxConcurrentRestarts,
    isFirstOfKind: ({ event }) => event.type === 'permit.requested' && event.isFirst === true,
    isBeyondLimit: ({ context, event }) =>
      event.type === 'permit.released' &&
      event.owedTo === undefined &&
      context.restarting > context.maxConcurrentRestarts,
    isLastWaiting: ({ context }) => context.waiting === 1,
  },
  delays: {
    /** Beyond what a start may take by default, the end of its body included. */
    permitPeriod: 60_000,
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
          { guard: 'isFirstOfKind', actions: ['countGranted', grant] },
          { target: 'storm', actions: ['countWaiting', enqueue, 'raiseStormAlert'] },
        ],
        'permit.released': { actions: 'countReleased' },
      },
    },
    storm: {
      description: 'All permits are in use: restarts wait for their turn, except the first of a kind.',
      after: { permitPeriod: { target: 'storm', reenter: true, actions: 'reclaimPermits' } },
      on: {
        'permit.requested': [
          { guard: 'isFirstOfKind', actions: ['countGranted', grant] },
          { actions: ['countWaiting', enqueue] },
        ],
        'permit.released': [
          { guard: 'isBeyondLimit', actions: 'countReleased' },
          {
            guard: 'isLastWaiting',
            target: 'calm',
            actions: ['clearStormAlert', 'countServed', grantNext],
          },
          { actions: ['countServed', grantNext] },
        ],
        'permit.withdrawn': [
          { guard: 'isLastWaiting', target: 'calm', actions: ['clearStormAlert', 'countServed'] },
          { actions: 'countServed' },
        ],
      },
    },
  },
});

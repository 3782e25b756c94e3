/**
 * Coordination itself: whether it is available, the rounds it runs, and its own recovery.
 *
 * Holds no agent and no vote: each round is a child (consensus.ts), and only so many may be open at once, so nothing
 * here grows with the fleet. Its own failures reach it as events, and it recovers from them by the same policy that
 * restarts agents.
 *
 * I1  Rounds are open only while coordination is available: when that ends, they are cut off.
 * I2  Every round that was opened ends in exactly one of `enact`, `reopen`, `consult`, `conclude` and `writeOff`; every
 *     one that was not opened is refused, once.
 * I3  An id names one round: asked for again while that is open, it is refused.
 */
import { assign, enqueueActions, setup, spawnChild, stopChild } from 'xstate';
import {
  type ConsensusEvent,
  type ConsensusInput,
  consensusMachine,
  type ConsensusOutput,
  type RoundCut,
} from './consensus.ts';
import type { EffectParams, EffectsOf } from './effect.ts';
import type { ErrorInfo } from './exit-reason.ts';
import {
  exceedsIntensity,
  nextRestart,
  noRestarts,
  type RestartHistory,
  type RestartPolicy,
  sinceLastFailure,
} from './restart-policy.ts';

export interface CoordinatorInput {
  /** Rounds that may be open at once, 1 or more. */
  readonly maxOpenRounds: number;
  /** When coordination is tried again after a failure of its own. */
  readonly recovery: RestartPolicy;
}

export interface CoordinatorContext {
  readonly maxOpenRounds: number;
  readonly recovery: RestartPolicy;
  /** Ids of the open rounds: no more than `maxOpenRounds`. */
  readonly rounds: readonly string[];
  /** Term of the leader; `undefined` when there is none. */
  readonly term: number | undefined;
  readonly history: RestartHistory;
  readonly recoveryDelayMs: number;
}

export type CoordinatorEvent =
  | { type: 'round.requested'; round: Omit<ConsensusInput, 'term'> }
  | { type: 'leader.changed'; term: number | undefined }
  | { type: 'coordination.suspend' }
  | { type: 'coordination.resume' }
  /** `at`: ms on the clock that durations are counted by. */
  | { type: 'coordination.failed'; at: number; chance: number; error: ErrorInfo }
  | { type: 'coordination.close' }
  | { type: 'xstate.done.actor.*'; actorId: string; output: ConsensusOutput }
  | { type: 'xstate.error.actor.*'; actorId: string; error: unknown };

/** Why a round is not opened. */
export type RoundRefusal = 'too_many' | 'away' | 'closed' | 'id_in_use';

/** Why coordination went away. */
export type AwayReason = 'suspended' | 'failed' | 'gave_up';

interface RoundEnded {
  readonly output: ConsensusOutput;
}

/** All effects of this chart. */
export type CoordinatorEffect = EffectsOf<{
  refuseRound: { readonly roundId: string; readonly why: RoundRefusal };
  /** Put the value into force, and conclude. */
  enact: RoundEnded;
  /** Ask for another round on the same proposal. */
  reopen: RoundEnded;
  /** Ask the proposer's own fallback, and conclude. */
  consult: RoundEnded;
  conclude: RoundEnded;
  /** The round's chart broke: conclude it as expired. */
  writeOff: { readonly roundId: string; readonly error: unknown };
  announceAway: { readonly why: AwayReason; readonly error: ErrorInfo | undefined };
  announceBack: undefined;
}>;

type There = { context: CoordinatorContext; event: CoordinatorEvent };
type Event<Type extends CoordinatorEvent['type']> = Extract<CoordinatorEvent, { type: Type }>;

const requestedId = ({ event }: { event: CoordinatorEvent }): string =>
  event.type === 'round.requested' ? event.round.roundId : '';
const endedId = ({ event }: { event: CoordinatorEvent }): string => ('actorId' in event ? event.actorId : '');
const refuse = (why: RoundRefusal) => ({
  type: 'refuseRound' as const,
  params: ({ event }: There) => ({ roundId: requestedId({ event }), why }),
});
const finish = (type: 'enact' | 'reopen' | 'consult' | 'conclude') => [
  'stopRound' as const,
  'dropRound' as const,
  {
    type,
    params: ({ event }: There) => ({ output: (event as Event<'xstate.done.actor.*'>).output }),
  },
];
const writeOff = {
  type: 'writeOff' as const,
  params: ({ event }: There) => ({
    roundId: endedId({ event }),
    error: (event as Event<'xstate.error.actor.*'>).error,
  }),
};
const cutRounds = (why: RoundCut) => ({ type: 'cutRounds' as const, params: { why } });
const announceAway = (why: AwayReason) => ({
  type: 'announceAway' as const,
  params: ({ event }: There) => ({
    why,
    error: event.type === 'coordination.failed' ? event.error : undefined,
  }),
});
const leave = (why: AwayReason) => [announceAway(why), cutRounds('coordination_lost')];
const next = ({ event }: { event: CoordinatorEvent }): ConsensusOutput['next'] =>
  (event as Event<'xstate.done.actor.*'>).output.next;

/** The action that sends an event to every open round. */
function toRounds<Params extends object | undefined = undefined>(
  eventFor: (context: CoordinatorContext, params: Params) => ConsensusEvent,
) {
  return enqueueActions<
    CoordinatorContext,
    CoordinatorEvent,
    Params,
    CoordinatorEvent,
    never,
    never,
    never,
    never,
    never
  >(({ context, enqueue }, params) => {
    for (const id of context.rounds) enqueue.sendTo(id, eventFor(context, params));
  });
}

export const coordinatorMachine = setup({
  types: {} as { context: CoordinatorContext; input: CoordinatorInput; events: CoordinatorEvent },
  actors: { consensus: consensusMachine },
  actions: {
    // Effects: what the runtime does when it is asked. In the bare chart they do nothing.
    refuseRound: (_, _params: EffectParams<CoordinatorEffect, 'refuseRound'>) => {},
    enact: (_, _params: EffectParams<CoordinatorEffect, 'enact'>) => {},
    reopen: (_, _params: EffectParams<CoordinatorEffect, 'reopen'>) => {},
    consult: (_, _params: EffectParams<CoordinatorEffect, 'consult'>) => {},
    conclude: (_, _params: EffectParams<CoordinatorEffect, 'conclude'>) => {},
    writeOff: (_, _params: EffectParams<CoordinatorEffect, 'writeOff'>) => {},
    announceAway: (_, _params: EffectParams<CoordinatorEffect, 'announceAway'>) => {},
    announceBack: () => {},

    // The rounds.
    spawnRound: spawnChild('consensus', {
      id: requestedId,
      input: ({ context, event }) => ({ ...(event as Event<'round.requested'>).round, term: context.term }),
    }),
    noteRound: assign({ rounds: (scope) => [...scope.context.rounds, requestedId(scope)] }),
    stopRound: stopChild(endedId),
    dropRound: assign({ rounds: (scope) => scope.context.rounds.filter((id) => id !== endedId(scope)) }),
    cutRounds: toRounds<{ why: RoundCut }>((_, { why }) => ({ type: 'round.cut', why })),
    noteLeader: assign({ term: ({ event }) => (event as Event<'leader.changed'>).term }),
    tellRounds: toRounds(({ term }) => ({ type: 'leader.changed', term })),

    // Its own recovery.
    scheduleRecovery: assign(({ context, event }) => {
      const { at, chance } = event as Event<'coordination.failed'>;
      const before = sinceLastFailure(context.recovery, context.history, at);
      const { delayMs, history } = nextRestart(context.recovery, before, at, chance);
      return { recoveryDelayMs: delayMs, history };
    }),
    forgetFailures: assign({ history: noRestarts }),
  },
  guards: {
    isIdInUse: ({ context, event }) => context.rounds.includes(requestedId({ event })),
    isFull: ({ context }) => context.rounds.length >= context.maxOpenRounds,
    isEnacted: ({ event }) => (event as Event<'xstate.done.actor.*'>).output.isEnacted,
    isToBeRetried: (scope) => next(scope) === 'retry',
    isForItsProposer: (scope) => next(scope) === 'custom',
    isTooOften: ({ context, event }) =>
      event.type === 'coordination.failed' && exceedsIntensity(context.recovery, context.history, event.at),
  },
  delays: {
    recoveryDelay: ({ context }) => context.recoveryDelayMs,
  },
}).createMachine({
  id: 'coordinator',
  context: ({ input }) => ({
    maxOpenRounds: input.maxOpenRounds,
    recovery: input.recovery,
    rounds: [],
    term: undefined,
    history: noRestarts,
    recoveryDelayMs: 0,
  }),
  initial: 'available',
  on: {
    'leader.changed': { actions: ['noteLeader', 'tellRounds'] },
    'xstate.done.actor.*': [
      { guard: 'isEnacted', actions: finish('enact') },
      { guard: 'isToBeRetried', actions: finish('reopen') },
      { guard: 'isForItsProposer', actions: finish('consult') },
      { actions: finish('conclude') },
    ],
    'xstate.error.actor.*': { actions: ['stopRound', 'dropRound', writeOff] },
    'coordination.close': { target: '.closed', actions: cutRounds('system_closed') },
  },
  states: {
    available: {
      description: 'Variables change, rounds open, a leader is elected.',
      on: {
        'round.requested': [
          { guard: 'isIdInUse', actions: refuse('id_in_use') },
          { guard: 'isFull', actions: refuse('too_many') },
          { actions: ['spawnRound', 'noteRound'] },
        ],
        'coordination.suspend': { target: 'away.suspended', actions: leave('suspended') },
        'coordination.failed': [
          { guard: 'isTooOften', target: 'away.gaveUp', actions: leave('gave_up') },
          { target: 'away.recovering', actions: ['scheduleRecovery', ...leave('failed')] },
        ],
      },
    },

    away: {
      description: 'Agents go on with the last known values, in fallback mode; no round opens.',
      initial: 'suspended',
      on: {
        'round.requested': { actions: refuse('away') },
        'coordination.resume': { target: 'available', actions: ['forgetFailures', 'announceBack'] },
      },
      states: {
        suspended: { description: 'Suspended by an operator, until they resume it.' },
        recovering: {
          description: 'It failed, and is tried again after a delay that grows with every failure.',
          after: { recoveryDelay: { target: '#coordinator.available', actions: 'announceBack' } },
          on: { 'coordination.suspend': 'suspended' },
        },
        gaveUp: { description: 'It failed more often than its policy allows: an operator has to resume it.' },
      },
    },

    closed: {
      description: 'The system has closed.',
      on: { 'round.requested': { actions: refuse('closed') } },
    },
  },
});

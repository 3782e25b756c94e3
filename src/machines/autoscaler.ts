/**
 * The autoscaler of one pool: looks at its load now and then, and asks for another size.
 *
 * scaling-decision.ts says what the measurements mean; this chart says when they are taken and what follows. It
 * holds no member and no task.
 *
 * I1  At the most one look is open at a time; one that gets no answer ends at its deadline. It changes nothing, as one
 *     that fails: but where a task waits and no member is wanted, the first member comes by the pool's own load.
 * I2  A change that was asked for is awaited, for one interval at the most, before the next look; but not while a
 *     task waits and no member is wanted.
 * I3  When a task waits and no member is wanted, the chart looks at once, or right after the look that is open.
 */
import { assign, setup } from 'xstate';
import { tickOf } from './restart-policy.ts';
import type { EffectParams, EffectsOf } from './effect.ts';
import {
  decideFirst,
  decideScaling,
  isCoolingDown,
  neverScaled,
  type PoolLoad,
  type ScalingBounds,
  type ScalingDecision,
  type ScalingHistory,
  type ScalingMetrics,
  type ScalingPolicy,
} from './scaling-decision.ts';

export interface AutoscalerInput {
  /** What it is called in pictures. */
  readonly id: string;
  readonly policy: ScalingPolicy & ScalingBounds;
}

export interface AutoscalerContext extends ScalingHistory {
  readonly id: string;
  readonly policy: ScalingPolicy & ScalingBounds;
  readonly metrics: ScalingMetrics | undefined;
  readonly decision: ScalingDecision | undefined;
  /** When that was decided, epoch ms, and on the clock that cooldowns are counted by. */
  readonly decidedAt: number;
  readonly decidedTick: number;
  /** Whether a task has come to wait since the look that is open began, while no member was wanted. */
  readonly isDemanded: boolean;
}

export type AutoscalerEvent =
  /** `at` is a stamp, epoch ms; `tick` is ms on a clock that is never set: cooldowns are counted by it, and by `at` without it. */
  | { type: 'metrics.read'; at: number; tick?: number; metrics: ScalingMetrics }
  | { type: 'metrics.failed'; at: number; tick?: number; why: string }
  /** The pool's own load, after a look that has failed. */
  | { type: 'load.read'; at: number; tick?: number; metrics: PoolLoad }
  /** A task has come to wait, and the pool wants no member at all. */
  | { type: 'demand.rose' }
  /** A caller has set another size: it stands for as long as a change of the autoscaler's own. */
  | { type: 'size.set'; at: number; tick?: number; from: number; to: number }
  /** The pool has the size it wants, or has refused to grow. */
  | { type: 'pool.settled' }
  | { type: 'autoscaler.close' };

export type ScalingAlert = 'scaling_blocked' | 'scaling_signal_failed';

/** All effects of this chart. */
export type AutoscalerEffect = EffectsOf<{
  readMetrics: undefined;
  /** Answered at once. */
  readLoad: undefined;
  resizePool: { readonly to: number; readonly why: string };
  raiseAlert: { readonly alert: ScalingAlert; readonly why: string };
  clearAlert: { readonly alert: ScalingAlert };
}>;

type There = { context: AutoscalerContext; event: AutoscalerEvent };

const resizePool = {
  type: 'resizePool' as const,
  params: ({ context: { decision } }: There) => ({
    to: decision?.action === 'scale' ? decision.to : 0,
    why: decision?.why ?? '',
  }),
};
const raiseBlocked = {
  type: 'raiseAlert' as const,
  params: ({ context: { decision } }: There) => ({
    alert: 'scaling_blocked' as const,
    why: decision?.why ?? '',
  }),
};
const raiseFailed = {
  type: 'raiseAlert' as const,
  params: ({ event }: There) => ({
    alert: 'scaling_signal_failed' as const,
    why: 'why' in event ? event.why : 'it gave no answer in time',
  }),
};
const clearAlert = (alert: ScalingAlert) => ({ type: 'clearAlert' as const, params: { alert } });

export const autoscalerMachine = setup({
  types: {} as { context: AutoscalerContext; input: AutoscalerInput; events: AutoscalerEvent },
  actions: {
    // Effects: what the runtime does when it is asked. In the bare chart they do nothing.
    readMetrics: () => {},
    readLoad: () => {},
    resizePool: (_, _params: EffectParams<AutoscalerEffect, 'resizePool'>) => {},
    raiseAlert: (_, _params: EffectParams<AutoscalerEffect, 'raiseAlert'>) => {},
    clearAlert: (_, _params: EffectParams<AutoscalerEffect, 'clearAlert'>) => {},

    decide: assign(({ context, event }) => {
      if (event.type !== 'metrics.read') return {};
      const { at, metrics } = event;
      const tick = tickOf(event);
      return {
        metrics,
        decision: decideScaling(metrics, context.policy, context, tick),
        decidedAt: at,
        decidedTick: tick,
      };
    }),
    decideFirst: assign(({ event }) => {
      if (event.type !== 'load.read') return {};
      const { at, metrics } = event;
      const decision = decideFirst(metrics);
      return { metrics, decision, decidedAt: at, decidedTick: tickOf(event) };
    }),
    noteFailure: assign(({ event }) =>
      'at' in event ? { decidedAt: event.at, decidedTick: tickOf(event) } : {},
    ),
    noteScaling: assign(({ context }) => {
      const { decision, metrics, decidedTick } = context;
      const isUp = decision?.action === 'scale' && decision.to > (metrics?.size ?? 0);
      return isUp ? { upAt: decidedTick, isDemanded: false } : { downAt: decidedTick };
    }),
    noteLook: assign({ isDemanded: false }),
    noteDemand: assign({ isDemanded: true }),
    noteSizeSet: assign(({ event }) => {
      if (event.type !== 'size.set') return {};
      return event.to > event.from ? { upAt: tickOf(event) } : { downAt: tickOf(event) };
    }),
  },
  guards: {
    isScale: ({ context }) => context.decision?.action === 'scale',
    isBlocked: ({ context }) => context.decision?.action === 'blocked',
    isDemanded: ({ context }) => context.isDemanded,
    isFirstWanted: ({ event }) => event.type === 'load.read' && decideFirst(event.metrics).action === 'scale',
    isCoolingDown: ({ context }) => isCoolingDown(context.policy, context, context.decidedTick),
  },
  delays: {
    interval: ({ context }) => context.policy.intervalMs,
    /** For the metrics to be read, and for a change to be made. */
    patience: ({ context }) => context.policy.intervalMs,
  },
}).createMachine({
  id: 'autoscaler',
  context: ({ input }) => ({
    id: input.id,
    policy: input.policy,
    ...neverScaled,
    metrics: undefined,
    decision: undefined,
    decidedAt: 0,
    decidedTick: 0,
    isDemanded: false,
  }),
  initial: 'watching',
  on: {
    'size.set': { actions: 'noteSizeSet' },
    'autoscaler.close': '.closed',
  },
  states: {
    watching: {
      description: 'Waits for the next measurement, which is due after the interval.',
      after: { interval: 'reading' },
      on: {
        'demand.rose': 'reading',
        'size.set': { target: 'coolingDown', actions: 'noteSizeSet' },
      },
    },
    coolingDown: {
      description:
        'The size has changed: it goes on measuring, and acts as the cooldown of each direction allows.',
      after: { interval: 'reading' },
      on: { 'demand.rose': 'reading' },
    },
    reading: {
      description: 'The metrics are being read.',
      entry: ['noteLook', 'readMetrics'],
      after: { patience: { target: 'unguided', actions: raiseFailed } },
      on: {
        'metrics.read': { target: 'deciding', actions: [clearAlert('scaling_signal_failed'), 'decide'] },
        'metrics.failed': { target: 'unguided', actions: ['noteFailure', raiseFailed] },
        'demand.rose': { actions: 'noteDemand' },
      },
    },
    unguided: {
      description: 'The metrics could not be read: only a pool of no member grows, by its own load.',
      entry: 'readLoad',
      on: {
        'load.read': [
          {
            guard: 'isFirstWanted',
            target: 'scaling',
            actions: ['decideFirst', clearAlert('scaling_blocked'), 'noteScaling', resizePool],
          },
          { target: 'resting' },
        ],
      },
    },
    deciding: {
      always: [
        {
          guard: 'isScale',
          target: 'scaling',
          actions: [clearAlert('scaling_blocked'), 'noteScaling', resizePool],
        },
        { guard: 'isBlocked', target: 'resting', actions: raiseBlocked },
        { target: 'resting', actions: clearAlert('scaling_blocked') },
      ],
    },
    scaling: {
      description: 'Another size was asked for, and the pool does not have it yet.',
      after: { patience: 'resting' },
      on: { 'pool.settled': 'resting', 'demand.rose': 'reading' },
    },
    resting: {
      always: [
        { guard: 'isDemanded', target: 'reading' },
        { guard: 'isCoolingDown', target: 'coolingDown' },
        { target: 'watching' },
      ],
    },
    closed: { type: 'final', entry: [clearAlert('scaling_blocked'), clearAlert('scaling_signal_failed')] },
  },
});

/**
 * A pool of agents of one type: how many there are to be, and what is done when there are more or fewer.
 *
 * Holds counts, and neither a member nor a task: the runtime knows which member is idle and which task waits. Each
 * member's own restart policy brings it back from a crash; only when that has given up (or never
 * restarts) does the pool put another in its place.
 *
 * I1  No more than `max` members at once, those on their way out included, unless more were found at the start.
 * I2  A member that runs leaves by draining: what it has begun is finished. Only a close has a deadline.
 * I3  Starts that fail, and members lost for good, are answered by the restart rule of agents: backoff, then
 *     `degraded` with one alert and one try after each longest delay. After a failure one member is tried at a time.
 * I4  A start that a caller's `ensureSize` asked for and that fails is that caller's error: the size goes back, by as
 *     much.
 *
 * Restart intensity of members is OTP's.
 */
import { assign, setup } from 'xstate';
import type { EffectParams } from './effect.ts';
import {
  announceRefused,
  announceScaled,
  drainMembers,
  type PoolEffect,
  raiseAlert,
  returnMembers,
  startMembers,
  startOne,
  wantedAfterRefusal,
  wantedOf,
} from './pool-effects.ts';
import type { PoolContext, PoolEvent, PoolInput } from './pool-life.ts';
import { decideDeparture, decideReturn, decideStarts, noMembers, sizeOf, totalOf } from './pool-size.ts';
import { exceedsIntensity, nextRestart, noRestarts, sinceLastFailure, tickOf } from './restart-policy.ts';

const countLeaving = { 'member.leaving': { actions: 'noteLeaving' as const } };
/** Counts members that come and go; nothing else follows. */
const countMembers = {
  'member.started': { actions: 'noteStarted' as const },
  'member.recovered': { actions: 'noteRecovered' as const },
  'member.fell': { actions: 'noteFell' as const },
  'member.start_failed': { actions: 'noteStartFailed' as const },
  'member.lost': { actions: 'noteLost' as const },
  'member.gone': { actions: 'noteGone' as const },
};

export const poolMachine = setup({
  types: {} as { context: PoolContext; input: PoolInput; events: PoolEvent },
  actions: {
    // Effects: what the runtime does when it is asked. In the bare chart they do nothing.
    startMembers: (_, _params: EffectParams<PoolEffect, 'startMembers'>) => {},
    drainMembers: (_, _params: EffectParams<PoolEffect, 'drainMembers'>) => {},
    returnMembers: (_, _params: EffectParams<PoolEffect, 'returnMembers'>) => {},
    finishQueue: () => {},
    abandonQueue: () => {},
    stopMembers: () => {},
    killMembers: () => {},
    announceOpened: () => {},
    announceClosed: () => {},
    announceScaled: (_, _params: EffectParams<PoolEffect, 'announceScaled'>) => {},
    announceRefused: (_, _params: EffectParams<PoolEffect, 'announceRefused'>) => {},
    announceSettled: () => {},
    raiseAlert: (_, _params: EffectParams<PoolEffect, 'raiseAlert'>) => {},
    clearAlerts: () => {},

    // Counts.
    noteStarts: assign(({ context }) => ({
      starting: context.starting + decideStarts(context, context),
    })),
    noteOneStart: assign({ starting: ({ context }) => context.starting + 1 }),
    noteDeparture: assign(({ context }) => {
      const { down, starting, live } = decideDeparture(context, context.wanted);
      // Those that do not run have nothing to finish: they leave at once, and are not taken back.
      return {
        down: context.down - down,
        starting: context.starting - starting,
        live: context.live - live,
        draining: context.draining + live,
        leaving: context.leaving + down + starting,
      };
    }),
    noteReturn: assign(({ context }) => {
      const count = decideReturn(context, context.wanted);
      return { draining: context.draining - count, live: context.live + count };
    }),
    noteStarted: assign(({ context }) => ({
      starting: context.starting - 1,
      live: context.live + 1,
      isProving: false,
    })),
    noteRecovered: assign(({ context }) => ({ down: context.down - 1, live: context.live + 1 })),
    noteFell: assign(({ context }) => ({ live: context.live - 1, down: context.down + 1 })),
    noteStartFailed: assign(({ context }) => ({
      starting: context.starting - 1,
      leaving: context.leaving + 1,
    })),
    noteLost: assign(({ context, event }) => {
      if (event.type !== 'member.lost') return {};
      return { [event.from]: context[event.from] - 1, leaving: context.leaving + 1 };
    }),
    noteLeaving: assign(({ context }) => ({
      draining: context.draining - 1,
      leaving: context.leaving + 1,
    })),
    noteGone: assign({ leaving: ({ context }) => context.leaving - 1 }),
    noteAllLeaving: assign(({ context }) => ({ ...noMembers, leaving: totalOf(context) })),

    // Sizes.
    noteResize: assign(({ context, event }) => {
      const wanted = wantedOf({ context, event });
      return {
        wanted,
        grownFrom: Math.min(context.grownFrom, wanted),
        isAsked: event.type === 'pool.resize',
      };
    }),
    noteRefusal: assign({ wanted: wantedAfterRefusal }),
    noteSettled: assign(({ context }) => ({
      grownFrom: context.wanted,
      isAsked: false,
      isProving: false,
    })),

    // Failures.
    scheduleRetry: assign(({ context, event }) => {
      if (event.type !== 'member.start_failed' && event.type !== 'member.lost') return {};
      const { restart } = context;
      const { at, chance } = event;
      const tick = tickOf(event);
      const before = sinceLastFailure(restart, context.history, tick);
      const { delayMs, history } = nextRestart(restart, before, tick, chance);
      // The machine had no room, which is no failure of the members: it backs off, and is not counted.
      const isExhausted = event.type === 'member.start_failed' && event.isExhausted;
      return {
        retryDelayMs: delayMs,
        retryAt: at + delayMs,
        isProving: true,
        history: isExhausted ? { ...before, attempt: before.attempt + 1 } : history,
      };
    }),
    scheduleProbes: assign(({ context, event }) => ({
      retryDelayMs: context.restart.maxDelayMs,
      retryAt: ('at' in event ? event.at : 0) + context.restart.maxDelayMs,
      isProving: true,
    })),
    scheduleNextProbe: assign({
      retryAt: ({ context }) => (context.retryAt ?? 0) + context.retryDelayMs,
    }),
    noteRetry: assign({ retryAt: undefined }),
    forgetFailures: assign({ history: noRestarts, isProving: false, retryAt: undefined }),

    // The end.
    noteClose: assign(({ context, event }) => ({
      wanted: 0,
      retryAt: undefined,
      finishMs: 'finishMs' in event ? event.finishMs : 0,
      closeMs: 'closeMs' in event ? event.closeMs : context.closeMs,
    })),
  },
  guards: {
    isFound: ({ context }) => context.isFound,
    wantsNone: ({ context }) => context.wanted === 0,
    isLastStart: ({ context }) =>
      context.starting === 1 &&
      decideStarts({ ...context, starting: 0, live: context.live + 1 }, context) === 0,
    isOver: ({ context }) => sizeOf(context) > context.wanted,
    canReturn: ({ context }) => decideReturn(context, context.wanted) > 0,
    canStart: ({ context }) => decideStarts(context, context) > 0,
    isGrowing: ({ context }) => context.starting > 0 || sizeOf(context) < context.wanted,
    isShrinking: ({ context }) => context.draining + context.leaving > 0,
    isGrowthRefused: ({ context, event }) =>
      context.wanted > context.grownFrom &&
      (context.isAsked || (event.type === 'member.start_failed' && event.isExhausted)),
    isExhausted: ({ event }) => event.type === 'member.start_failed' && event.isExhausted,
    isNoFailure: ({ event }) => event.type === 'member.lost' && !event.isFailure,
    isTooOften: ({ context, event }) =>
      'at' in event && exceedsIntensity(context.restart, context.history, tickOf(event)),
    canProbe: ({ context }) => decideStarts(context, { ...context, isProving: true }) > 0,
    isDeserted: ({ context }) => sizeOf(context) === 0,
    isEmpty: ({ context }) => totalOf(context) === 0,
  },
  delays: {
    retryDelay: ({ context }) => context.retryDelayMs,
    finishDeadline: ({ context }) => context.finishMs,
    closeDeadline: ({ context }) => context.closeMs,
    killGrace: 1_000,
  },
}).createMachine({
  id: 'pool',
  context: ({ input }) => ({
    id: input.id,
    min: input.min,
    max: input.max,
    restart: input.restart,
    maxConcurrentStarts: input.maxConcurrentStarts,
    isFound: input.found !== undefined,
    wanted: input.wanted,
    ...(input.found ?? noMembers),
    grownFrom: input.wanted,
    isAsked: false,
    isProving: false,
    history: noRestarts,
    retryDelayMs: 0,
    retryAt: undefined,
    finishMs: 0,
    closeMs: input.closeMs,
  }),
  initial: 'deciding',
  states: {
    deciding: {
      always: [
        { guard: 'isFound', target: 'serving' },
        { guard: 'wantsNone', target: 'serving', actions: 'announceOpened' },
        { target: 'opening', actions: [startMembers, 'noteStarts'] },
      ],
    },

    opening: {
      description:
        'Its first members start. The pool exists once all of them run; if one fails, the pool ends.',
      on: {
        ...countMembers,
        'member.started': [
          { guard: 'isLastStart', target: 'serving', actions: ['noteStarted', 'announceOpened'] },
          { actions: ['noteStarted', startMembers, 'noteStarts'] },
        ],
        'member.start_failed': { target: 'closing.leaving', actions: ['noteStartFailed', 'noteClose'] },
        'pool.halt': { target: 'halting', actions: 'noteClose' },
      },
    },

    serving: {
      initial: 'balancing',
      on: {
        'member.started': { target: '.balancing', actions: 'noteStarted' },
        'member.recovered': { target: '.balancing', actions: 'noteRecovered' },
        'member.fell': { target: '.balancing', actions: 'noteFell' },
        'member.leaving': { target: '.balancing', actions: 'noteLeaving' },
        'member.gone': { target: '.balancing', actions: 'noteGone' },
        'member.start_failed': [
          {
            guard: 'isGrowthRefused',
            target: '.balancing',
            actions: ['noteStartFailed', announceRefused, 'noteRefusal'],
          },
          {
            guard: 'isExhausted',
            target: '.backingOff',
            actions: ['noteStartFailed', 'scheduleRetry', raiseAlert('pool_starved')],
          },
          {
            guard: 'isTooOften',
            target: '.degraded',
            actions: ['noteStartFailed', 'scheduleProbes', raiseAlert('pool_degraded')],
          },
          { target: '.backingOff', actions: ['noteStartFailed', 'scheduleRetry'] },
        ],
        'member.lost': [
          { guard: 'isNoFailure', target: '.balancing', actions: 'noteLost' },
          {
            guard: 'isTooOften',
            target: '.degraded',
            actions: ['noteLost', 'scheduleProbes', raiseAlert('pool_degraded')],
          },
          { target: '.backingOff', actions: ['noteLost', 'scheduleRetry'] },
        ],
        'pool.resize': { target: '.balancing', actions: [announceScaled, 'noteResize'] },
        'pool.scale': { target: '.balancing', actions: [announceScaled, 'noteResize'] },
        'pool.close': { target: 'closing', actions: 'noteClose' },
        'pool.halt': { target: 'halting', actions: 'noteClose' },
      },
      states: {
        balancing: {
          description: 'Compares the number of members with the size that is wanted.',
          always: [
            { guard: 'isOver', target: 'shrinking', actions: [drainMembers, 'noteDeparture'] },
            {
              guard: 'canReturn',
              target: 'balancing',
              reenter: true,
              actions: [returnMembers, 'noteReturn'],
            },
            { guard: 'canStart', target: 'growing', actions: [startMembers, 'noteStarts'] },
            { guard: 'isGrowing', target: 'growing' },
            { guard: 'isShrinking', target: 'shrinking' },
            { target: 'steady' },
          ],
        },
        steady: {
          description: 'It has as many members as are wanted, and none is starting or leaving.',
          entry: ['noteSettled', 'announceSettled', 'clearAlerts'],
        },
        growing: { description: 'Members are starting.' },
        shrinking: { description: 'Members are leaving: they finish what they have begun.' },
        backingOff: {
          description: 'A start has failed, or a member was lost for good: the next start waits.',
          exit: 'noteRetry',
          after: { retryDelay: 'balancing' },
          on: { ...countMembers, ...countLeaving, 'pool.scale': {} },
        },
        degraded: {
          description:
            'It failed more often than its restart intensity allows: it tries one start from time to time.',
          after: {
            retryDelay: [
              {
                guard: 'canProbe',
                target: 'degraded',
                reenter: true,
                actions: ['scheduleNextProbe', startOne, 'noteOneStart'],
              },
              { target: 'degraded', reenter: true, actions: 'scheduleNextProbe' },
            ],
          },
          on: {
            ...countMembers,
            ...countLeaving,
            'member.started': { target: 'balancing', actions: ['noteStarted', 'noteRetry'] },
            'pool.resize': { target: 'balancing', actions: [announceScaled, 'noteResize', 'forgetFailures'] },
            'pool.scale': {},
          },
        },
      },
    },

    closing: {
      description: 'No new task and no new member; one deadline covers all of it.',
      initial: 'finishing',
      after: { closeDeadline: '.killing' },
      on: {
        ...countMembers,
        ...countLeaving,
        'pool.halt': { target: 'halting', actions: 'noteClose' },
      },
      states: {
        finishing: {
          description: 'Waiting tasks are still done.',
          entry: 'finishQueue',
          always: { guard: 'isDeserted', target: 'leaving' },
          after: { finishDeadline: 'leaving' },
          on: { 'queue.finished': 'leaving' },
        },
        leaving: {
          description: 'Members drain, save and end.',
          entry: ['abandonQueue', 'stopMembers', 'noteAllLeaving'],
          always: { guard: 'isEmpty', target: '#pool.closed' },
        },
        killing: {
          description: 'Members that have not ended are killed; the pool waits a short time for their end.',
          entry: ['abandonQueue', 'killMembers', 'noteAllLeaving'],
          always: { guard: 'isEmpty', target: '#pool.closed' },
          after: { killGrace: '#pool.closed' },
        },
      },
    },

    halting: {
      description: 'The system closes: waiting tasks are still done, and the system stops the members.',
      entry: 'finishQueue',
      always: { guard: 'isDeserted', target: 'closed' },
      after: { finishDeadline: 'closed' },
      on: { ...countMembers, ...countLeaving, 'queue.finished': 'closed' },
    },

    closed: { type: 'final', entry: ['abandonQueue', 'clearAlerts', 'announceClosed'] },
  },
});

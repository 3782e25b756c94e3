/**
 * One agent's life, and the body it supervises.
 *
 * The chart says what may happen. It knows no clock, thread, store or log: time and chance reach it inside
 * events (`at`, `chance`), deadlines are named delays over its input, and everything it wants done is a named
 * effect with plain params (agent-effects.ts). The body (whatever hosts the agent's code) is a child actor, invoked
 * for as long as the agent is `alive`: its end, by value or by error, is an event, and the chart decides what follows.
 *
 * Restart intensity is that of OTP's `supervisor`.
 */
import { assign, setup } from 'xstate';
import {
  type AgentEffect,
  announce,
  announceFailedStart,
  clearAlerts,
  commandBody,
  commandMailbox,
  drainMailbox,
  handlePermit,
  raiseAlert,
  watchHealth,
} from './agent-effects.ts';
import {
  type AgentContext,
  type AgentEvent,
  type AgentInput,
  type AgentLife,
  type OrderedEnd,
  reasonOf,
  type RestingPlace,
  type StartedFrom,
  timeOf,
} from './agent-life.ts';
import { missingBody } from './body.ts';
import type { EffectParams } from './effect.ts';
import { endStatusOf, type ExitReason } from './exit-reason.ts';
import {
  afterUptime,
  asOf,
  exceedsIntensity,
  longestLastDelayMs,
  nextRestart,
  noRestarts,
  tickOf,
} from './restart-policy.ts';
import { ABORT_SHARE, FINISH_SHARE } from './stop-share.ts';

const beginStart = (startedFrom: StartedFrom) => ({ type: 'beginStart' as const, params: { startedFrom } });
const orderEnd = (reason: ExitReason, forGood: boolean) => ({
  type: 'orderEnd' as const,
  params: { reason, forGood },
});

/** A start by an operator from one resting place. */
const startFrom = (startedFrom: StartedFrom) => ({
  target: '#agent.alive',
  actions: [beginStart(startedFrom), clearAlerts],
});
const forget = { target: '#agent.forgotten', actions: clearAlerts };
/** An agent without a body is paused at once, and its next life begins paused. */
const pauseAt = (at: AgentLife['at']) => ({
  'agent.pause': { actions: ['notePause' as const, announce('agent.paused', at)] },
  'agent.resume': { actions: ['noteResume' as const, announce('agent.resumed', at)] },
});
const startOrForget = (startedFrom: RestingPlace) => ({
  'agent.start': startFrom(startedFrom),
  'agent.restart': startFrom(startedFrom),
  'agent.forget': forget,
  ...pauseAt(startedFrom),
});
const cancelRestart = {
  target: '#agent.stopped',
  actions: ['recordCancelledRestart' as const, announce('agent.stopped', 'stopped')],
};
const becomeReady = ['noteReady' as const, announce('agent.started', 'serving')];
const recover = ['noteAnswer' as const, announce('agent.recovered', 'serving')];
/** Running tasks may end and nothing new begins; the mailbox reports once nothing runs. */
const pause = ['notePause' as const, announce('agent.pausing', 'serving'), commandMailbox('rest')];
const resume = ['noteResume' as const, announce('agent.resumed', 'serving')];
const park = ['notePark' as const, announce('agent.parked', 'serving')];
const parkAndRest = [...park, commandMailbox('rest')];
const unpark = ['noteUnpark' as const, announce('agent.unparked', 'serving')];
/** Tasks may begin again: the mailbox reports whether there is work. */
const workOn = (actions: readonly (typeof resume | typeof unpark)[number][]) => [
  {
    guard: 'isCoordinated' as const,
    target: '#agent.alive.serving.running.coordinated',
    actions: [...actions, commandMailbox('resume')],
  },
  {
    target: '#agent.alive.serving.running.fallback',
    actions: [...actions, commandMailbox('resume')],
  },
];
/** While it is paused. */
const resumeWork = {
  'agent.resume': [
    { guard: 'isParked' as const, target: '#agent.alive.serving.running.parked', actions: resume },
    ...workOn(resume),
  ],
};
/** While it is paused it may be parked too, and goes on only when both are over. */
const parkBeside = {
  'quota.parked': { actions: park },
  'quota.released': { actions: unpark },
};
const busyNow = ({ event }: { event: AgentEvent }) => ({ busy: 'busy' in event && event.busy });
const isFrom = (startedFrom: StartedFrom) => ({ type: 'isFrom' as const, params: { startedFrom } });

/**
 * The chart of one agent's life; `body` has to be provided.
 *
 * Delays are what the policy says, in ms: beyond 2^31 - 1, `Infinity` included, they need a clock that holds them,
 * as `systemClock` and `simulatedClock` do. An unlimited `maxRuntimeMs`, the default, needs none.
 */
export const agentMachine = setup({
  types: {} as { context: AgentContext; input: AgentInput; events: AgentEvent },
  actors: {
    body: missingBody,
  },
  actions: {
    // Effects: what the runtime does when it is asked. In the bare chart they do nothing.
    announce: (_, _params: EffectParams<AgentEffect, 'announce'>) => {},
    commandBody: (_, _params: EffectParams<AgentEffect, 'commandBody'>) => {},
    commandMailbox: (_, _params: EffectParams<AgentEffect, 'commandMailbox'>) => {},
    watchHealth: (_, _params: EffectParams<AgentEffect, 'watchHealth'>) => {},
    handlePermit: (_, _params: EffectParams<AgentEffect, 'handlePermit'>) => {},
    raiseAlert: (_, _params: EffectParams<AgentEffect, 'raiseAlert'>) => {},
    clearAlerts: () => {},

    // Assignments.
    beginStart: assign(({ context }, { startedFrom }: { startedFrom: StartedFrom }) => ({
      incarnation: context.incarnation + 1,
      startedFrom,
      ordered: undefined,
      restarts: startedFrom === 'restart' ? context.restarts + 1 : context.restarts,
      restartAt: startedFrom === 'waiting' ? context.restartAt : undefined,
    })),
    /** Deadlines that are running keep their time. */
    changePolicy: assign(({ event }) => (event.type === 'policy.changed' ? { policy: event.policy } : {})),
    noteReady: assign(({ context, event }) => ({
      maxRuntimeMs: context.policy.maxRuntimeMs,
      startedAt: 'at' in event ? event.at : undefined,
      startedTick: 'at' in event ? tickOf(event) : undefined,
      restartAt: undefined,
      misses: 0,
      history: context.startedFrom === 'restart' ? context.history : noRestarts,
    })),
    notePause: assign({
      paused: ({ event }) =>
        event.type === 'agent.pause'
          ? { at: event.at, ...(event.by === undefined ? {} : { by: event.by }) }
          : undefined,
    }),
    noteResume: assign({ paused: undefined }),
    notePark: assign({
      parked: ({ event }) => (event.type === 'quota.parked' ? event.parked : undefined),
    }),
    noteUnpark: assign({ parked: undefined }),
    noteCoordinationLost: assign({ isCoordinated: false }),
    noteCoordinationRestored: assign({ isCoordinated: true }),
    noteMiss: assign({ misses: ({ context }) => context.misses + 1 }),
    noteAnswer: assign({ misses: 0 }),
    orderEnd: assign({
      ordered: ({ event }, params: OrderedEnd): OrderedEnd =>
        'by' in event && event.by !== undefined ? { ...params, by: event.by } : params,
    }),
    setStopTimeout: assign({
      stopTimeoutMs: ({ context, event }) =>
        event.type === 'agent.stop' && event.timeoutMs !== undefined
          ? event.timeoutMs
          : context.policy.shutdownMs,
    }),
    orderTimedOutEnd: assign({
      ordered: ({ context }): OrderedEnd => ({
        ...context.ordered,
        reason:
          context.ordered === undefined || context.ordered.reason === 'shutdown'
            ? { shutdown: 'timed_out' }
            : context.ordered.reason,
        forGood: true,
      }),
    }),
    orderNoRestart: assign({
      ordered: ({ context }): OrderedEnd => ({ reason: 'killed', ...context.ordered, forGood: true }),
    }),
    recordExit: assign(({ context, event }) => {
      if (event.type !== 'xstate.done.actor.body') return {};
      const { at, chance } = event.output;
      const tick = tickOf(event.output);
      return {
        reason: reasonOf(context, event.output),
        endedAt: at,
        endedTick: tick,
        restartAt: undefined,
        chance,
        misses: 0,
        history: afterUptime(context.policy.restart, context.history, tick - (context.startedTick ?? tick)),
      };
    }),
    recordFailedStart: assign(({ context, event }) => {
      if (event.type !== 'xstate.done.actor.body') return {};
      const { at, chance } = event.output;
      const endedTick = tickOf(event.output);
      return { reason: reasonOf(context, event.output), endedAt: at, endedTick, chance };
    }),
    recordBug: assign({
      endedAt: undefined,
      restartAt: undefined,
      reason: ({ event }): ExitReason => {
        const bug: unknown = 'error' in event ? event.error : undefined;
        return { error: { name: 'Error', message: `the body actor failed: ${String(bug)}` } };
      },
    }),
    recordCancelledRestart: assign({ reason: 'shutdown' as const, restartAt: undefined }),
    scheduleRestart: assign(({ context }) => {
      const { policy, endedAt = 0, endedTick = 0, chance = 0 } = context;
      const { delayMs, history } = nextRestart(policy.restart, context.history, endedTick, chance);
      return { restartDelayMs: delayMs, restartAt: endedAt + delayMs, history };
    }),
    /** What is left of its delay, in ms. The wall clock may have been set since: never more than the longest delay. */
    resumeRestart: assign(({ context, event }) => {
      const at = timeOf(event);
      const leftMs = Math.max(0, (context.restartAt ?? 0) - at);
      const restartDelayMs = Math.min(leftMs, longestLastDelayMs(context.policy.restart, context.history));
      return restartDelayMs === leftMs
        ? { restartDelayMs }
        : { restartDelayMs, restartAt: at + restartDelayMs };
    }),
    resumeLife: assign(({ event }) => {
      if (event.type !== 'life.resumed') return {};
      const { at, history, ...rest } = event.life;
      const endedTick = tickOf(event);
      const life = { ...rest, history: asOf(history, endedTick), endedTick };
      // A start that a caller asked for and that fails goes back to the state it left.
      const isResting = at !== 'starting' && at !== 'serving' && at !== 'stopping';
      return isResting ? { ...life, startedFrom: at } : life;
    }),
    recordHostLost: assign(({ event }) => ({
      reason: 'host_lost' as const,
      endedAt: timeOf(event),
      startedFrom: 'waiting' as const,
      restartDelayMs: 0,
      restartAt: timeOf(event),
    })),
    recordLostWhileStopping: assign(({ event }) => ({
      reason: { shutdown: 'host_lost' },
      endedAt: timeOf(event),
    })),
  },
  guards: {
    isStartByCaller: ({ context }) => context.startedFrom !== 'restart',
    isCoordinated: ({ context }) => context.isCoordinated,
    isPaused: ({ context }) => context.paused !== undefined,
    isBusyPaused: ({ context }, params: { busy: boolean }) => params.busy && context.paused !== undefined,
    isParked: ({ context }) => context.parked !== undefined,
    isBusy: (_, params: { busy: boolean }) => params.busy,
    isBusyInFallback: ({ context }, params: { busy: boolean }) => params.busy && !context.isCoordinated,
    isLastMiss: ({ context }) => context.misses + 1 >= context.policy.failuresBeforeKill,
    /** XState's own clock hands `Infinity` to Node's timers, which fire at once. */
    isRuntimeLimited: ({ context }) => (context.maxRuntimeMs ?? Infinity) !== Infinity,
    isNoGrace: ({ context, event }) =>
      event.type === 'agent.stop' && (event.timeoutMs ?? context.policy.shutdownMs) === 0,
    isCompleted: ({ context }) => context.reason !== undefined && endStatusOf(context.reason) === 'completed',
    isStopped: ({ context }) => context.reason !== undefined && endStatusOf(context.reason) === 'stopped',
    wasStopping: ({ event }) => event.type === 'life.resumed' && event.life.at === 'stopping',
    wasAlive: ({ event }) =>
      event.type === 'life.resumed' &&
      (event.life.at === 'serving' || (event.life.at === 'starting' && event.life.startedFrom === 'restart')),
    isFrom: ({ context }, params: { startedFrom: StartedFrom }) => context.startedFrom === params.startedFrom,
    isNeverRestarted: ({ context }) =>
      context.ordered?.forGood === true || context.policy.restart.policy === 'never',
    isManual: ({ context }) => context.policy.restart.policy === 'manual',
    isTooOften: ({ context }) =>
      exceedsIntensity(context.policy.restart, context.history, context.endedTick ?? 0),
  },
  delays: {
    startTimeout: ({ context }) => context.policy.startTimeoutMs,
    maxRuntime: ({ context }) => context.maxRuntimeMs ?? Infinity,
    restartDelay: ({ context }) => context.restartDelayMs,
    /** The whole of a stop. */
    shutdownDeadline: ({ context }) => context.stopTimeoutMs,
    /** Work may finish for this share of a stop; the rest is for aborting, saving and terminating. */
    drainDeadline: ({ context }) => context.stopTimeoutMs * FINISH_SHARE,
    /** Aborted work may settle for this share of a stop. */
    abortDeadline: ({ context }) => context.stopTimeoutMs * ABORT_SHARE,
  },
}).createMachine({
  id: 'agent',
  context: ({ input }) => ({
    id: input.id,
    // What each task asks for, side by side: in a large fleet none of it is in a cache.
    incarnation: 0,
    paused: undefined,
    parked: undefined,
    policy: input.policy,
    startedFrom: 'registered',
    startedAt: undefined,
    endedAt: undefined,
    startedTick: undefined,
    endedTick: undefined,
    reason: undefined,
    chance: undefined,
    ordered: undefined,
    stopTimeoutMs: input.policy.shutdownMs,
    misses: 0,
    maxRuntimeMs: undefined,
    isCoordinated: true,
    restarts: 0,
    history: noRestarts,
    restartDelayMs: 0,
    restartAt: undefined,
  }),
  initial: 'registered',
  on: {
    'policy.changed': { actions: 'changePolicy' },
    'coordination.lost': { actions: 'noteCoordinationLost' },
    'coordination.restored': { actions: 'noteCoordinationRestored' },
  },
  states: {
    registered: {
      description: 'Known, never started.',
      on: {
        'agent.start': startFrom('registered'),
        'agent.forget': forget,
        ...pauseAt('registered'),
        'life.resumed': { target: 'resuming', actions: 'resumeLife' },
      },
    },

    alive: {
      description: 'A body exists, and is supervised.',
      initial: 'starting',
      invoke: {
        id: 'body',
        src: 'body',
        input: ({ context }) => ({ agentId: context.id, incarnation: context.incarnation }),
        onError: {
          target: '#agent.crashed.leftDown',
          actions: ['recordBug', commandBody('kill'), announce('agent.crashed', 'leftDown')],
        },
      },
      exit: commandMailbox('abandon'),
      on: {
        'xstate.done.actor.body': { target: '#agent.ended', actions: 'recordExit' },
      },
      states: {
        starting: {
          description: 'The body loads and runs its init.',
          initial: 'initializing',
          entry: announce('agent.starting', 'starting'),
          exit: handlePermit('release'),
          on: {
            'xstate.done.actor.body': [
              { guard: 'isStartByCaller', target: '#agent.rolledBack', actions: announceFailedStart },
              { target: '#agent.crashed', actions: [announceFailedStart, 'recordFailedStart'] },
            ],
          },
          states: {
            initializing: {
              after: {
                startTimeout: { target: 'cancelling', actions: orderEnd('start_timed_out', false) },
              },
              on: {
                ...pauseAt('starting'),
                'body.ready': [
                  {
                    guard: 'isPaused',
                    target: '#agent.alive.serving.running.paused',
                    actions: becomeReady,
                  },
                  {
                    guard: 'isParked',
                    target: '#agent.alive.serving.running.parked',
                    actions: becomeReady,
                  },
                  { guard: 'isCoordinated', target: '#agent.alive.serving', actions: becomeReady },
                  { target: '#agent.alive.serving.running.fallback', actions: becomeReady },
                ],
                'agent.kill': { target: 'cancelling', actions: orderEnd('killed', false) },
                'agent.stop': [
                  {
                    guard: 'isNoGrace',
                    target: '#agent.alive.killing',
                    actions: orderEnd({ shutdown: 'killed' }, true),
                  },
                  {
                    target: '#agent.alive.stopping.terminating',
                    actions: [orderEnd('shutdown', true), 'setStopTimeout'],
                  },
                ],
              },
            },
            cancelling: {
              description: 'The start has failed; its body is being killed.',
              entry: [commandMailbox('abort'), commandBody('kill')],
              on: {
                'agent.stop': { target: '#agent.alive.killing', actions: orderEnd('shutdown', true) },
                'agent.kill': {},
              },
            },
          },
        },

        serving: {
          description: 'Takes tasks, and answers health checks.',
          initial: 'running',
          entry: watchHealth('watch'),
          exit: watchHealth('unwatch'),
          after: {
            maxRuntime: {
              guard: 'isRuntimeLimited',
              target: 'stopping',
              actions: [orderEnd({ shutdown: 'max_runtime' }, true), 'setStopTimeout'],
            },
          },
          on: {
            'agent.stop': [
              { guard: 'isNoGrace', target: 'killing', actions: orderEnd({ shutdown: 'killed' }, true) },
              { target: 'stopping', actions: [orderEnd('shutdown', true), 'setStopTimeout'] },
            ],
            'agent.kill': { target: 'killing', actions: orderEnd('killed', false) },
            'body.finished': {
              target: 'stopping',
              actions: [orderEnd('normal', true), 'setStopTimeout'],
            },
          },
          states: {
            running: {
              initial: 'coordinated',
              on: {
                'agent.pause': { target: '.pausing', actions: pause },
                'quota.parked': { target: '.parked', actions: parkAndRest },
                'health.missed': [
                  {
                    guard: 'isLastMiss',
                    target: '#agent.alive.killing',
                    actions: [
                      'noteMiss',
                      announce('agent.unresponsive', 'serving'),
                      orderEnd('unresponsive', false),
                    ],
                  },
                  {
                    target: 'unresponsive',
                    actions: ['noteMiss', announce('agent.unresponsive', 'serving')],
                  },
                ],
              },
              states: {
                coordinated: {
                  initial: 'idle',
                  states: {
                    idle: {
                      on: {
                        'mailbox.busy': 'busy',
                        'coordination.lost': {
                          target: '#agent.alive.serving.running.fallback.idle',
                          actions: 'noteCoordinationLost',
                        },
                      },
                    },
                    busy: {
                      on: {
                        'mailbox.idle': 'idle',
                        'coordination.lost': {
                          target: '#agent.alive.serving.running.fallback.busy',
                          actions: 'noteCoordinationLost',
                        },
                      },
                    },
                  },
                },
                fallback: {
                  description:
                    'Coordination is away: the agent works on with the last known values, and takes no part in rounds.',
                  initial: 'idle',
                  states: {
                    idle: {
                      on: {
                        'mailbox.busy': 'busy',
                        'coordination.restored': {
                          target: '#agent.alive.serving.running.coordinated.idle',
                          actions: 'noteCoordinationRestored',
                        },
                      },
                    },
                    busy: {
                      on: {
                        'mailbox.idle': 'idle',
                        'coordination.restored': {
                          target: '#agent.alive.serving.running.coordinated.busy',
                          actions: 'noteCoordinationRestored',
                        },
                      },
                    },
                  },
                },
                pausing: {
                  description: 'Being paused: running tasks may end, no new one begins.',
                  on: {
                    'mailbox.rested': { target: 'paused', actions: announce('agent.paused', 'serving') },
                    ...resumeWork,
                    ...parkBeside,
                  },
                },
                paused: {
                  description: 'No task runs, and none begins until the agent is resumed. Its queue is kept.',
                  on: { ...resumeWork, ...parkBeside },
                },
                parked: {
                  description:
                    'A limit that it works under is reached: no task begins until the limit is reset. Running tasks go on.',
                  on: { 'quota.released': workOn(unpark), 'quota.parked': { actions: park } },
                },
              },
            },
            unresponsive: {
              description: 'Missed a health check; once it answers, it is running again.',
              on: {
                'agent.pause': { actions: pause },
                'agent.resume': [
                  { guard: 'isParked', actions: resume },
                  { actions: [...resume, commandMailbox('resume')] },
                ],
                'mailbox.rested': { guard: 'isPaused', actions: announce('agent.paused', 'serving') },
                'quota.parked': [{ guard: 'isPaused', actions: park }, { actions: parkAndRest }],
                'quota.released': [
                  { guard: 'isPaused', actions: unpark },
                  { actions: [...unpark, commandMailbox('resume')] },
                ],
                'health.passed': [
                  {
                    guard: { type: 'isBusyPaused', params: busyNow },
                    target: 'running.pausing',
                    actions: recover,
                  },
                  { guard: 'isPaused', target: 'running.paused', actions: recover },
                  { guard: 'isParked', target: 'running.parked', actions: recover },
                  {
                    guard: { type: 'isBusyInFallback', params: busyNow },
                    target: 'running.fallback.busy',
                    actions: recover,
                  },
                  {
                    guard: { type: 'isBusy', params: busyNow },
                    target: 'running.coordinated.busy',
                    actions: recover,
                  },
                  { guard: 'isCoordinated', target: 'running.coordinated.idle', actions: recover },
                  { target: 'running.fallback.idle', actions: recover },
                ],
                'health.missed': [
                  {
                    guard: 'isLastMiss',
                    target: '#agent.alive.killing',
                    actions: ['noteMiss', orderEnd('unresponsive', false)],
                  },
                  { actions: 'noteMiss' },
                ],
              },
            },
          },
        },

        stopping: {
          description:
            'Ends in order: drain, abort what is left, save, terminate. One deadline covers all of it.',
          initial: 'draining',
          entry: announce('agent.stopping', 'stopping'),
          after: {
            shutdownDeadline: { target: 'killing', actions: 'orderTimedOutEnd' },
          },
          on: {
            'agent.kill': { target: 'killing', actions: orderEnd('killed', true) },
            'agent.stop': {
              guard: 'isNoGrace',
              target: 'killing',
              actions: orderEnd({ shutdown: 'killed' }, true),
            },
          },
          states: {
            draining: {
              description:
                'New tasks are refused. Accepted ones may finish; if the agent has completed, only those that run.',
              entry: drainMailbox,
              after: { drainDeadline: 'aborting' },
              on: {
                'mailbox.idle': 'saving',
                'body.finished': { actions: [orderEnd('normal', true), commandMailbox('finish')] },
              },
            },
            aborting: {
              description:
                'What is left is abandoned: its abort signal fires. If it does not end, nothing is saved.',
              entry: commandMailbox('abort'),
              after: { abortDeadline: 'terminating' },
              on: { 'mailbox.idle': 'saving' },
            },
            saving: {
              entry: commandBody('save'),
              on: {
                'body.saved': 'terminating',
                'body.save_failed': { target: 'terminating', actions: raiseAlert('state_not_saved') },
              },
            },
            terminating: {
              entry: commandBody('terminate'),
            },
          },
        },

        killing: {
          description:
            'The body was killed, and the agent waits for its end alone. Its work is abandoned at once.',
          entry: [commandMailbox('abort'), commandBody('kill')],
          on: { 'agent.kill': {}, 'agent.stop': { actions: 'orderNoRestart' } },
        },
      },
    },

    resuming: {
      description: 'An earlier program died: the life goes on from where it stood.',
      always: [
        {
          guard: 'wasStopping',
          target: 'stopped',
          actions: ['recordLostWhileStopping', announce('agent.stopped', 'stopped')],
        },
        {
          guard: 'wasAlive',
          target: 'crashed.waiting',
          actions: ['recordHostLost', announce('agent.crashed', 'waiting')],
        },
        { target: 'rolledBack' },
      ],
    },

    rolledBack: {
      description:
        'Back where the agent was: a requested start failed, or a later program takes up its life.',
      always: [
        { guard: isFrom('registered'), target: 'registered' },
        { guard: isFrom('stopped'), target: 'stopped' },
        { guard: isFrom('completed'), target: 'completed' },
        { guard: isFrom('waiting'), target: 'crashed.waiting', actions: 'resumeRestart' },
        { guard: isFrom('awaitingOperator'), target: 'crashed.awaitingOperator' },
        { guard: isFrom('gaveUp'), target: 'crashed.gaveUp' },
        { target: 'crashed.leftDown' },
      ],
    },

    ended: {
      description: 'The body is gone; its exit reason decides.',
      always: [
        { guard: 'isCompleted', target: 'completed', actions: announce('agent.completed', 'completed') },
        { guard: 'isStopped', target: 'stopped', actions: announce('agent.stopped', 'stopped') },
        { target: 'crashed' },
      ],
    },

    completed: { description: 'Its body finished its work.', on: startOrForget('completed') },

    stopped: { description: 'It was asked to end.', on: startOrForget('stopped') },

    crashed: {
      initial: 'deciding',
      states: {
        deciding: {
          always: [
            {
              guard: 'isNeverRestarted',
              target: 'leftDown',
              actions: announce('agent.crashed', 'leftDown'),
            },
            {
              guard: 'isManual',
              target: 'awaitingOperator',
              actions: announce('agent.crashed', 'awaitingOperator'),
            },
            {
              guard: 'isTooOften',
              target: 'gaveUp',
              actions: [announce('agent.crashed', 'gaveUp'), announce('agent.gave_up', 'gaveUp')],
            },
            { target: 'waiting', actions: ['scheduleRestart', announce('agent.crashed', 'waiting')] },
          ],
        },
        waiting: {
          description: 'A restart is due after its delay.',
          entry: announce('agent.restart_scheduled', 'waiting'),
          after: { restartDelay: 'queued' },
          on: { ...startOrForget('waiting'), 'agent.stop': cancelRestart },
        },
        queued: {
          description:
            'The restart is due, and waits for a permit: the fleet limits how many agents start at once.',
          entry: handlePermit('request'),
          exit: handlePermit('withdraw'),
          on: {
            ...startOrForget('waiting'),
            'agent.stop': cancelRestart,
            'permit.granted': { target: '#agent.alive', actions: beginStart('restart') },
          },
        },
        awaitingOperator: {
          description: 'Its policy is manual: an operator has to start it.',
          entry: raiseAlert('restart_required'),
          on: startOrForget('awaitingOperator'),
        },
        gaveUp: {
          description: 'Crashed more often than its restart intensity allows.',
          entry: raiseAlert('gave_up'),
          on: startOrForget('gaveUp'),
        },
        leftDown: {
          description: 'Crashed, and not restarted: because of its policy, or because it was asked to stop.',
          on: startOrForget('leftDown'),
        },
      },
    },

    forgotten: { type: 'final', entry: announce('agent.forgotten', 'registered') },
  },
});

/**
 * What the chart of an agent wants done, as data, and how its params are made.
 *
 * An effect names only the chart's own things: the code that runs the chart knows which agent it is for.
 */
import { type AgentContext, type AgentEvent, type AgentLife, askedBy, reasonOf } from './agent-life.ts';
import type { EffectsOf } from './effect.ts';
import type { ErrorInfo, ExitReason } from './exit-reason.ts';

/** The events that the chart announces; the runtime adds sequence, time and detail. */
export type LifeEventType =
  | 'agent.starting'
  | 'agent.started'
  | 'agent.start_failed'
  | 'agent.unresponsive'
  | 'agent.recovered'
  | 'agent.pausing'
  | 'agent.paused'
  | 'agent.resumed'
  | 'agent.parked'
  | 'agent.unparked'
  | 'agent.stopping'
  | 'agent.stopped'
  | 'agent.completed'
  | 'agent.crashed'
  | 'agent.restart_scheduled'
  | 'agent.gave_up'
  | 'agent.forgotten';

export type BodyCommand = 'terminate' | 'kill' | 'save';
/** `rest`: begin nothing new, and report once nothing runs. `resume`: go on, and report whether there is work. */
export type MailboxCommand = 'drain' | 'finish' | 'abort' | 'abandon' | 'rest' | 'resume';
export type PermitCommand = 'request' | 'release' | 'withdraw';
export type HealthCommand = 'watch' | 'unwatch';
export type AlertKind = 'restart_required' | 'gave_up' | 'state_not_saved';

/** All effects of this chart. */
export type AgentEffect = EffectsOf<{
  announce: {
    readonly event: LifeEventType;
    readonly life: AgentLife;
    readonly misses: number;
    readonly reason: ExitReason | undefined;
    /** Who asked for it. */
    readonly by: string | undefined;
  };
  commandBody: { readonly command: BodyCommand };
  commandMailbox: { readonly command: MailboxCommand };
  watchHealth: { readonly command: HealthCommand };
  handlePermit: { readonly command: PermitCommand };
  raiseAlert: { readonly alert: AlertKind; readonly error: ErrorInfo | undefined };
  clearAlerts: undefined;
}>;

interface Here {
  readonly context: AgentContext;
}

interface Now extends Here {
  readonly event: AgentEvent;
}

/** The one that was asked for last: a crash and the restart that follows it are told of one and the same life. */
let newest: AgentLife | undefined;
let newestContext: AgentContext | undefined;

function lifeAt(at: AgentLife['at'], context: AgentContext): AgentLife {
  if (newest !== undefined && newestContext === context && newest.at === at) return newest;
  newestContext = context;
  return (newest = newLifeAt(at, context));
}

function newLifeAt(at: AgentLife['at'], context: AgentContext): AgentLife {
  const life: AgentLife = {
    at,
    incarnation: context.incarnation,
    startedFrom: context.startedFrom,
    restarts: context.restarts,
    history: context.history,
    reason: context.reason,
    startedAt: context.startedAt,
    endedAt: context.endedAt,
    restartAt: context.restartAt,
  };
  const { paused, parked } = context;
  if (paused === undefined && parked === undefined) return life;
  return { ...life, ...(paused ? { paused } : {}), ...(parked ? { parked } : {}) };
}

/** Announces that the life has reached a state. */
export const announce = (event: LifeEventType, at: AgentLife['at']) => ({
  type: 'announce' as const,
  params: ({ context, event: cause }: Here & { readonly event: { readonly type: string } }) => ({
    event,
    life: lifeAt(at, context),
    misses: context.misses,
    reason: context.reason,
    // A command names who gave it; what follows from the end of a body names nobody.
    by:
      event === 'agent.restart_scheduled' || event === 'agent.gave_up'
        ? undefined
        : event === 'agent.paused'
          ? context.paused?.by
          : askedBy(context, cause as AgentEvent),
  }),
});

export const announceFailedStart = {
  type: 'announce' as const,
  params: ({ context, event }: Now) => ({
    event: 'agent.start_failed' as const,
    life: lifeAt(context.startedFrom === 'restart' ? 'starting' : context.startedFrom, context),
    misses: context.misses,
    reason: event.type === 'xstate.done.actor.body' ? reasonOf(context, event.output) : context.reason,
    by: askedBy(context, event),
  }),
};

export const commandBody = (command: BodyCommand) => ({ type: 'commandBody' as const, params: { command } });

export const commandMailbox = (command: MailboxCommand) => ({
  type: 'commandMailbox' as const,
  params: { command },
});

/**
 * A stop lets every accepted task finish. An agent that ends itself lets only the running tasks finish. An agent that
 * is paused or parked begins no further task in either case.
 */
export const drainMailbox = {
  type: 'commandMailbox' as const,
  params: ({ context: { ordered, paused, parked } }: Here) => ({
    command:
      ordered?.reason === 'normal' || paused !== undefined || parked !== undefined
        ? ('finish' as const)
        : ('drain' as const),
  }),
};

export const watchHealth = (command: HealthCommand) => ({
  type: 'watchHealth' as const,
  params: { command },
});

export const handlePermit = (command: PermitCommand) => ({
  type: 'handlePermit' as const,
  params: { command },
});

export const raiseAlert = (alert: AlertKind) => ({
  type: 'raiseAlert' as const,
  params: ({ event }: Now) => ({
    alert,
    error: event.type === 'body.save_failed' ? event.error : undefined,
  }),
});

export const clearAlerts = 'clearAlerts' as const;

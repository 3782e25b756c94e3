/**
 * An agent's life as data: where it stands, what its chart knows of it, and what may happen to it.
 */
import type { BodyExit } from './body.ts';
import type { ErrorInfo, ExitReason } from './exit-reason.ts';
import type { Parked } from './quota.ts';
import type { RestartHistory, RestartPolicy } from './restart-policy.ts';

/** A pause: it lasts until a command resumes the agent, across restarts, stops and the end of the program. */
export interface Paused {
  /** Epoch ms. */
  readonly at: number;
  /** Who asked for it. */
  readonly by?: string;
}

/** The part of a spec that decides an agent's life; shared by all agents of one spec. */
export interface LifePolicy {
  readonly restart: RestartPolicy;
  readonly startTimeoutMs: number;
  readonly shutdownMs: number;
  readonly maxRuntimeMs: number;
  readonly failuresBeforeKill: number;
}

export interface AgentInput {
  readonly id: string;
  readonly policy: LifePolicy;
}

/** An end that was ordered: the exit reason it will have, and whether the agent is to end for good. */
export interface OrderedEnd {
  readonly reason: ExitReason;
  readonly forGood: boolean;
  /** Who asked for it, where they said so. */
  readonly by?: string;
}

/** Where an agent rests while it has no body. */
export type RestingPlace =
  | 'registered'
  | 'stopped'
  | 'completed'
  | 'waiting'
  | 'awaitingOperator'
  | 'gaveUp'
  | 'leftDown';

/** The state that a start left; a start that fails goes back there. `restart`: the chart itself asked for it. */
export type StartedFrom = RestingPlace | 'restart';

/** Where a life stands, as data: enough to go on with it in another program. */
export interface AgentLife {
  readonly at: RestingPlace | 'starting' | 'serving' | 'stopping';
  readonly incarnation: number;
  readonly startedFrom: StartedFrom;
  readonly restarts: number;
  readonly history: RestartHistory;
  readonly reason: ExitReason | undefined;
  readonly startedAt: number | undefined;
  readonly endedAt: number | undefined;
  readonly restartAt: number | undefined;
  readonly paused?: Paused | undefined;
  readonly parked?: Parked | undefined;
}

export interface AgentContext {
  readonly id: string;
  readonly policy: LifePolicy;
  /** 1, 2, 3 … one per start, failed ones included: it is never used twice. */
  readonly incarnation: number;
  readonly startedFrom: StartedFrom;
  readonly startedAt: number | undefined;
  readonly endedAt: number | undefined;
  /** When that was, on the clock that durations are counted by. */
  readonly startedTick: number | undefined;
  readonly endedTick: number | undefined;
  /** Why the last body ended. */
  readonly reason: ExitReason | undefined;
  /** The random number in [0, 1) that came with that end. */
  readonly chance: number | undefined;
  /** The end that was ordered for the living body. It is known before the body is signalled. */
  readonly ordered: OrderedEnd | undefined;
  /** Grace of the stop under way, in ms. */
  readonly stopTimeoutMs: number;
  /** Health checks missed in a row. */
  readonly misses: number;
  /**
   * How long the living body may run, ms; `undefined` before the first. A policy that changes meanwhile applies to the
   * next body.
   */
  readonly maxRuntimeMs: number | undefined;
  /** Whether coordination is there; without it the agent works on in fallback mode. */
  readonly isCoordinated: boolean;
  readonly paused: Paused | undefined;
  /** Set while a limit that it works under is reached: what it waits for. */
  readonly parked: Parked | undefined;
  /** Automatic restarts so far. */
  readonly restarts: number;
  readonly history: RestartHistory;
  readonly restartDelayMs: number;
  /** Epoch ms at which the waiting restart is due. */
  readonly restartAt: number | undefined;
}

/** What an operator, or the system for them, may ask. `by` says who asks. */
export type AgentCommandEvent =
  | { type: 'agent.start'; at: number; by?: string }
  | { type: 'agent.restart'; at: number; by?: string }
  | { type: 'agent.stop'; at: number; timeoutMs?: number; by?: string }
  | { type: 'agent.kill'; at: number; by?: string }
  | { type: 'agent.forget'; at: number; by?: string }
  | { type: 'agent.pause'; at: number; by?: string }
  | { type: 'agent.resume'; at: number; by?: string };

/**
 * Everything that may happen to an agent. `at` is a stamp, epoch ms: what people are shown. `tick` is ms on a clock that
 * is never set, which durations are counted by; without it, `at` is such a clock's.
 */
export type AgentEvent =
  | AgentCommandEvent
  | { type: 'life.resumed'; at: number; tick?: number; life: AgentLife }
  /** Its spec has changed. What is under way keeps its time: the next start, restart, stop or check goes by this. */
  | { type: 'policy.changed'; policy: LifePolicy }
  | { type: 'coordination.lost' }
  | { type: 'coordination.restored' }
  | { type: 'permit.granted'; at: number }
  | { type: 'body.ready'; at: number; tick?: number }
  | { type: 'body.finished'; at: number }
  | { type: 'body.saved'; at: number }
  | { type: 'body.save_failed'; at: number; error: ErrorInfo }
  | { type: 'mailbox.busy' }
  | { type: 'mailbox.idle' }
  | { type: 'mailbox.rested' }
  | { type: 'quota.parked'; at: number; parked: Parked }
  | { type: 'quota.released'; at: number }
  | { type: 'health.missed'; at: number }
  | { type: 'health.passed'; at: number; busy: boolean }
  | { type: 'xstate.done.actor.body'; output: BodyExit };

/** The reason that an exit counts with: when the body obeyed an order, the reason of the order. Pure. */
export function reasonOf(context: AgentContext, exit: BodyExit): ExitReason {
  const obeyed = exit.reason === 'shutdown' || exit.reason === 'killed';
  return obeyed && context.ordered !== undefined ? context.ordered.reason : exit.reason;
}

/** Who asked for it: who gave the command, or who ordered the end. Pure. */
export function askedBy(context: AgentContext, event: AgentEvent): string | undefined {
  if (event.type !== 'xstate.done.actor.body') return 'by' in event ? event.by : undefined;
  const { ordered } = context;
  return ordered !== undefined && reasonOf(context, event.output) === ordered.reason ? ordered.by : undefined;
}

/** When an event happened: epoch ms. Pure. */
export function timeOf(event: AgentEvent): number {
  if (event.type === 'xstate.done.actor.body') return event.output.at;
  return 'at' in event ? event.at : 0;
}

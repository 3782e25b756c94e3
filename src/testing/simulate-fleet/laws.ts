/** The laws that every fleet keeps under every fault. */
import type { Deed } from './deeds.ts';

/** The laws that `simulateFleet` holds every fleet to. */
export const fleetLaws = [
  /** Sequences grow by one, and time never runs backwards. */
  'events are one stream',
  /** An agent's events follow on each other as its life allows; each start has an incarnation of its own. */
  'a life goes as its chart says',
  /** An agent has one body while it lives, and none after. */
  'one body at the most',
  /** A caller's answer is in the store by the time the caller gets it. */
  'what was acknowledged is kept',
  /** A body begins with the state of the last task whose end was stored, or a later one. */
  'what is restored is the newest',
  /** Every accepted task has one end; it begins only while its agent is serving. */
  'a task ends once',
  /** A task begins after older tasks of its agent that are at least as urgent, and not before its time. */
  'what waits has its turn',
  /** No task begins while its agent is paused or parked. */
  'a held agent begins nothing',
  /** A parked agent goes on in its turn after the reset. */
  'a wait has an end',
  /** A question is asked once, and has one answer unless its task refuses that. */
  'a question is answered once',
  /** After each grant, the spent and reserved amounts of a budget are within its limits. */
  'grants stay within the budget',
  /** A child does not outlive a parent that has ended for good, unless its spec says so. */
  'children end with their parents',
  /** A task that would wait for itself, through others, is refused. */
  'no wait closes a circle',
  /** No event, no line of the log and no saved state holds a secret of an agent. */
  'a secret is never told',
  /** An agent whose secrets its program was not given has no body. */
  'an agent without its secrets waits',
  /** Times of a schedule come in order, each once. */
  'a time comes once',
  /** No more restarts within the window than the policy allows. */
  'restarts are few',
  /** No more restarts at once than there are permits. */
  'restarts take turns',
  /** A restart that is due has begun, unless all permits are out. */
  'a due restart comes',
  /** An open round is closed once: in time, or when coordination goes. */
  'every round ends',
  /** A vote counts only from a voter of the round, in the incarnation that was asked, and once. */
  'a vote counts once',
  /** Each version of a variable is one more than the last. */
  'versions only grow',
  /** While coordination is there, a running agent was told the newest value of each variable it listens to. */
  'a value reaches its listeners',
  /** Terms grow, and the leader is serving. */
  'one leader a term',
  /** A pool is never larger than it may be. */
  'a pool keeps its bounds',
  /** Every promise settles, in the time that was agreed. */
  'every call is answered',
  /** A call is refused with an `AgentSystemError`, and with nothing else. */
  'only the system refuses',
  /** No chart fails, and no listener of the runtime itself. */
  'nothing breaks inside',
  /** The record of an agent agrees with its events. */
  'records say what happened',
  /** After the end there is no body, and no timer is armed. */
  'nothing is left',
] as const;
export type FleetLaw = (typeof fleetLaws)[number];

export class FleetLawBroken extends Error {
  override readonly name = 'FleetLawBroken';
  /** A law, or `invariant NAME`. */
  readonly law: FleetLaw | `invariant ${string}`;
  /** How it was broken. */
  readonly problem: string;
  /** The deeds up to the one that broke it. */
  deeds: readonly Deed[] = [];

  constructor(law: FleetLaw | `invariant ${string}`, problem: string, cause?: unknown) {
    super(`${law}: ${problem}`, cause === undefined ? undefined : { cause });
    this.law = law;
    this.problem = problem;
  }
}

export function broken(law: FleetLawBroken['law'], problem: string, cause?: unknown): never {
  throw new FleetLawBroken(law, problem, cause);
}

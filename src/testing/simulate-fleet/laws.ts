/** What every fleet is held to, whatever happens to it. */
import type { Deed } from './deeds.ts';

export const fleetLaws = [
  /** Sequences grow by one, and time never runs backwards. */
  'events are one stream',
  /** An agent's events follow on each other as its life allows; each start has an incarnation of its own. */
  'a life goes as its chart says',
  /** An agent has one body while it lives, and none after. */
  'one body at the most',
  /** What a caller was told is what the store has, at that moment. */
  'what was acknowledged is kept',
  /** A body begins with the state of the last task whose end was kept, or a later one. */
  'what is restored is the newest',
  /** Every accepted task has one end; it begins in a life that serves. */
  'a task ends once',
  /** Of an agent nothing begins before what is older and at least as urgent; and nothing before its time. */
  'what waits has its turn',
  /** Nothing begins of an agent that is paused, or parked. */
  'who is held begins nothing',
  /** Who is parked goes on in its turn after the reset. */
  'a wait has an end',
  /** A question is asked once, and has one answer unless its task refuses that. */
  'a question is answered once',
  /** What is spent and reserved of a budget, once something is granted, is within its limits. */
  'no more is granted than there is',
  /** A child does not outlive a parent that has ended for good, unless its spec says so. */
  'children end with their parents',
  /** A task that would wait for itself, through others, is refused. */
  'no wait closes a circle',
  /** No event, no line of the log and no saved state holds a secret of an agent. */
  'a secret is told to nobody',
  /** An agent whose secrets its program was not given has no body. */
  'who lacks a secret waits',
  /** Times of a schedule come in order, each once. */
  'a time comes once',
  /** No more restarts within the window than the policy allows. */
  'restarts are few',
  /** No more restarts at once than there are permits. */
  'restarts take turns',
  /** A restart that is due has begun, unless all permits are out. */
  'a due restart comes',
  /** A round that was opened is closed once, in its time, and when coordination goes. */
  'every round ends',
  /** A vote that counts is of a voter of the round, in the incarnation that was asked, and its only one. */
  'a vote counts once',
  /** Versions grow by one. */
  'versions only grow',
  /** While coordination is there, who runs was told the newest value of what it listens to. */
  'a value reaches who listens',
  /** Terms grow, and who leads serves. */
  'one leader a term',
  /** A pool is never larger than it may be. */
  'a pool keeps its bounds',
  /** Every promise settles, in the time that was agreed. */
  'whoever asks is answered',
  /** With an `AgentSystemError`. */
  'only the system refuses',
  /** No chart and no listener of the runtime's own breaks. */
  'nothing breaks inside',
  /** The record of an agent says what its events said. */
  'records say what happened',
  /** After the end no body is there and no timer armed. */
  'nothing is left',
] as const;
export type FleetLaw = (typeof fleetLaws)[number];

export class FleetLawBroken extends Error {
  override readonly name = 'FleetLawBroken';
  /** A law, or `invariant NAME`. */
  readonly law: FleetLaw | `invariant ${string}`;
  /** In what way. */
  readonly problem: string;
  /** The deeds up to the one that broke it. */
  deeds: readonly Deed[] = [];

  constructor(law: FleetLaw | `invariant ${string}`, problem: string, cause?: unknown) {
    super(`${law}: ${problem}`, cause === undefined ? undefined : { cause });
    this.law = law;
    this.problem = problem;
  }
}

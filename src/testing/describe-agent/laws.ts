/** What every agent is held to, and how a broken law is told. Pure. */
import { type Move, moveInWords } from './moves.ts';

/** The laws that `describeAgent` and `checkAgent` hold every agent to. */
export const agentLaws = [
  /** With its `initArgs` it starts, and again after every end. */
  'it starts',
  /** A task with an input that fits its schema does not fail. */
  'a valid input is done',
  /** A task that runs comes to an end by itself. */
  'a task ends',
  /** Every task has one end in the event stream. */
  'a task ends once',
  /** What was answered is what the store has. */
  'what is answered is kept',
  /** A task that is cancelled, or whose time is up, lets go of its agent. */
  'a cancelled task lets go',
  /** Nothing but what a test does to it ends it; tasks that say so apart. */
  'it does not break',
  /** Its end takes no more time than it is given, and nothing throws in it. */
  'it ends in order',
  /** A health check is answered. */
  'its health is told',
  /** Asked in a round it votes, or abstains. */
  'a vote is a vote',
  /** A value that a variable may have is borne. */
  'a variable is borne',
  /** A start from a saved state leaves that state as it is. */
  'what is restored is what was saved',
  /** What it answers does not depend on ends and starts between two tasks. */
  'a restart changes nothing',
  /** Two agents of its type, asked the same, answer the same: they share no state, and go by no chance of their own. */
  'the same tasks have the same answers',
  /** At every moment it stands where the pages of its life say. */
  'its life is as the pages say',
  /** It has one body while it lives, and none after. */
  'one body at the most',
  /** After the end nothing waits any more. */
  'nothing is left',
  /** Of a chart: every task that it has taken it answers on some path. */
  'its tasks are answered',
  /** Of a chart: its transitions and guard outcomes are taken, as many as the option `coverage` wants. */
  'its chart is covered',
] as const;
export type AgentLaw = (typeof agentLaws)[number];

/** What was done, and what came of it. */
export interface Done {
  readonly move: Move;
  /** In a few words, where there is something to say. */
  readonly result?: string;
}

/** The name of a law, or of an invariant: `invariant neverNegative`. */
export type LawName = AgentLaw | `invariant ${string}`;

export class LawBroken extends Error {
  override readonly name = 'LawBroken';
  readonly law: LawName;
  /** In what way. */
  readonly problem: string;
  readonly done: readonly Done[];

  constructor(law: LawName, problem: string, done: readonly Done[], cause?: unknown) {
    super(`${law}: ${problem}`, cause === undefined ? undefined : { cause });
    this.law = law;
    this.problem = problem;
    this.done = done;
  }

  get moves(): readonly Move[] {
    return this.done.map(({ move }) => move);
  }
}

/** A path as a reader follows it, one move a line. */
export function pathInWords(done: readonly Done[]): string {
  return done
    .map(({ move, result }) => `  ${moveInWords(move)}${result === undefined ? '' : `: ${result}`}`)
    .join('\n');
}

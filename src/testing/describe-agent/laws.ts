/** The laws of every agent, and the error of a broken one. Pure. */
import { type Move, moveInWords } from './moves.ts';

/** The laws that `describeAgent` and `checkAgent` hold every agent to. */
export const agentLaws = [
  /** It starts with its `initArgs`, also after every end. */
  'it starts',
  /** A task with an input that fits its schema does not fail. */
  'a valid input is done',
  /** A running task ends by itself. */
  'a task ends',
  /** Every task has one end in the event stream. */
  'a task ends once',
  /** The output that a caller got is the one in the store. */
  'what is answered is kept',
  /** A task that is cancelled or timed out frees its agent. */
  'a cancelled task lets go',
  /** Only a test ends it, or a task that says so. */
  'it does not break',
  /** It ends within the time it is given, and nothing throws meanwhile. */
  'it ends in order',
  /** A health check is answered. */
  'its health is told',
  /** In a round it votes or abstains. */
  'a vote is a vote',
  /** It takes every value that a variable may have. */
  'a variable is borne',
  /** A start from a saved state does not change that state. */
  'what is restored is what was saved',
  /** Its outputs do not depend on ends and starts between two tasks. */
  'a restart changes nothing',
  /** Two agents of its type give the same outputs to the same inputs: they share no state, and use no randomness. */
  'the same tasks have the same answers',
  /** Its status is always the one that the documented life cycle says. */
  'its life is as the pages say',
  /** It has one body while it is alive, and none after. */
  'one body at the most',
  /** After the end nothing is left waiting. */
  'nothing is left',
  /** A chart agent: every task that it takes is answered on some path. */
  'its tasks are answered',
  /** A chart agent: the share of its transitions and guard outcomes that `coverage` demands is covered. */
  'its chart is covered',
] as const;
export type AgentLaw = (typeof agentLaws)[number];

/** A move, and its result. */
export interface Done {
  readonly move: Move;
  /** The result in a few words, if there is one. */
  readonly result?: string;
  /** Where its chart settled, if that is another state than before. */
  readonly state?: string;
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

/** A path as text, one move a line. */
export function pathInWords(done: readonly Done[]): string {
  return done
    .map(
      ({ move, result, state }) =>
        `  ${moveInWords(move)}${result === undefined ? '' : `: ${result}`}${state === undefined ? '' : ` → ${state}`}`,
    )
    .join('\n');
}

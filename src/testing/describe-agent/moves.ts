/**
 * What a test can do to one agent, as plain data: a path is a list of moves, and can be kept, shrunk and pasted. Pure.
 */
import { inWords } from '../../runtime/values/errors.ts';

export type Move =
  | { readonly move: 'start' }
  /** Executes a task, and lets everything settle. */
  | { readonly move: 'task'; readonly task: string; readonly input?: unknown }
  /** Executes a task and holds it: before its agent gets it, or after, with the answer held back. */
  | {
      readonly move: 'begin';
      readonly task: string;
      readonly input?: unknown;
      readonly held: 'before' | 'after';
    }
  /** Releases what is held. */
  | { readonly move: 'release' }
  /** The caller of a held task cancels it, or its time is up. */
  | { readonly move: 'cancel' }
  | { readonly move: 'expire' }
  /** The body is gone, as if it were out of memory: what is held is lost. */
  | { readonly move: 'crash' }
  | { readonly move: 'kill' }
  | { readonly move: 'stop' }
  /** Lets the next deadline of the agent's life pass: of a restart, of a stop. */
  | { readonly move: 'wait' }
  /** The program dies, and another goes on from its store. */
  | { readonly move: 'lose' }
  /** The program closes in order, and another goes on from its store. */
  | { readonly move: 'reboot' }
  | { readonly move: 'forget' }
  | { readonly move: 'health' }
  | { readonly move: 'variable'; readonly name: string; readonly value: unknown }
  | { readonly move: 'propose'; readonly name: string; readonly value: unknown }
  /** Advances time to what the agent itself waits for. */
  | { readonly move: 'pass' }
  /** The next work of that name which a chart invokes fails, or never ends. */
  | { readonly move: 'arrange'; readonly work: string; readonly as: 'failing' | 'hanging' };

export type MoveKind = Move['move'];
/** The moves of a life: `begin` is two of them. */
export type LifeMove = Exclude<MoveKind, 'begin' | 'pass' | 'arrange'> | 'begin before' | 'begin after';

export function lifeMoveOf(move: Move): LifeMove | undefined {
  if (move.move === 'begin') return `begin ${move.held}`;
  return move.move === 'pass' || move.move === 'arrange' ? undefined : move.move;
}

/** A move in one line. */
export function moveInWords(move: Move): string {
  switch (move.move) {
    case 'task':
      return `${move.task}(${inputInWords(move.input)})`;
    case 'begin':
      return `begin ${move.task}(${inputInWords(move.input)}), held ${move.held} it runs`;
    case 'variable':
      return `set ${move.name} to ${inWords(move.value)}`;
    case 'propose':
      return `propose ${inWords(move.value)} for ${move.name}`;
    case 'arrange':
      return `${move.work} is ${move.as} when it is invoked next`;
    case 'lose':
      return 'lose the program';
    case 'reboot':
      return 'close the program, and start another';
    default:
      return move.move;
  }
}

function inputInWords(input: unknown): string {
  return input === undefined ? '' : inWords(input);
}

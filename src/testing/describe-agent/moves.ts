/**
 * What can be done to one agent from outside, as plain data: a path is a list of moves, and can be kept, shrunk and
 * pasted. Pure.
 */
import { inWords } from '../../runtime/values/errors.ts';

export type Move =
  | { readonly move: 'start' }
  /** A task, and all that it brings about by itself. */
  | { readonly move: 'task'; readonly task: string; readonly input?: unknown }
  /** A task that is held: before its agent is given it, or after, with its answer kept back. */
  | {
      readonly move: 'begin';
      readonly task: string;
      readonly input?: unknown;
      readonly held: 'before' | 'after';
    }
  /** What is held goes on. */
  | { readonly move: 'release' }
  /** The caller of a held task gives it up, or its time is up. */
  | { readonly move: 'cancel' }
  | { readonly move: 'expire' }
  /** The body is gone, as if it were out of memory: what is held is lost. */
  | { readonly move: 'crash' }
  | { readonly move: 'kill' }
  | { readonly move: 'stop' }
  /** The deadline of the agent's life that is next: a restart's, a stop's. */
  | { readonly move: 'wait' }
  /** The program dies, and another goes on from its store. */
  | { readonly move: 'lose' }
  /** The program closes in order, and another goes on from its store. */
  | { readonly move: 'reboot' }
  | { readonly move: 'forget' }
  | { readonly move: 'health' }
  | { readonly move: 'variable'; readonly name: string; readonly value: unknown }
  | { readonly move: 'propose'; readonly name: string; readonly value: unknown }
  /** Time goes on to what the agent itself waits for. */
  | { readonly move: 'pass' }
  /** Work of that name, invoked next by a chart, fails, or never ends. */
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

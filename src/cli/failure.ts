/** Why a command ends with another exit code than 0. */
import { AgentSystemError } from '../index.ts';
import { errorInfoOf } from '../runtime/values/errors.ts';
import { plainText } from './console.ts';

export const EXIT = {
  /** The request was refused, or failed. */
  failed: 1,
  /** The command line is invalid. */
  usage: 2,
  interrupted: 130,
} as const;

export interface FailureOptions {
  readonly exitCode?: number;
  readonly hint?: string;
  readonly isRefusal?: boolean;
}

export class CommandFailure extends Error {
  readonly exitCode: number;
  /** What to do about it. */
  readonly hint: string | undefined;
  /** Whether the server answered with a refusal: a retry will not help. */
  readonly isRefusal: boolean;

  constructor(message: string, { exitCode = EXIT.failed, hint, isRefusal = false }: FailureOptions = {}) {
    super(message);
    this.isRefusal = isRefusal;
    this.exitCode = exitCode;
    this.hint = hint;
  }
}

export function usageFailure(message: string, hint?: string): CommandFailure {
  return new CommandFailure(message, { exitCode: EXIT.usage, ...(hint === undefined ? {} : { hint }) });
}

const HELD_HINT =
  'A program that runs answers by its dashboard: give --url with the address, in place of a store, or set MABEAM_URL.';

/** An error as lines for people: with a stack only for unexpected ones. */
export function linesOfFailure(thrown: unknown): readonly string[] {
  if (thrown instanceof CommandFailure) {
    return [`mabeam: ${plainText(thrown.message)}`, ...(thrown.hint === undefined ? [] : [thrown.hint])];
  }
  if (thrown instanceof AgentSystemError) {
    const line = `mabeam: ${plainText(thrown.message)} (${thrown.code})`;
    return thrown.code === 'STORE_FAILED' && thrown.details?.isHeld === true ? [line, HELD_HINT] : [line];
  }
  const { message, stack } = errorInfoOf(thrown);
  return [`mabeam: ${stack ?? message}`];
}

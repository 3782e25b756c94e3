/** Why a command ends with another exit code than 0. */
import { AgentSystemError } from '../index.ts';
import { errorInfoOf } from '../runtime/values/errors.ts';

export const EXIT = {
  /** What was asked for was refused, or did not go well. */
  failed: 1,
  /** It was not asked for rightly. */
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
  /** Whether somebody answered, with a no: to ask again will not help. */
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

/** What was thrown as lines for people: the stack only of what nobody foresaw. */
export function linesOfFailure(thrown: unknown): readonly string[] {
  if (thrown instanceof CommandFailure) {
    return [`mabeam: ${thrown.message}`, ...(thrown.hint === undefined ? [] : [thrown.hint])];
  }
  if (thrown instanceof AgentSystemError) return [`mabeam: ${thrown.message} (${thrown.code})`];
  const { message, stack } = errorInfoOf(thrown);
  return [`mabeam: ${stack ?? message}`];
}

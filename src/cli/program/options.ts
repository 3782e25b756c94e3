/** What the commands have in common: options, kinds of values, and the examples of their help. */
import { type Command, InvalidArgumentError } from 'commander';
import type { Call } from '../call.ts';
import { durationFrom } from '../figures.ts';

/** Runs a command; it may return an exit code. */
export type Carry = (work: (call: Call) => Promise<number | void>) => Promise<void>;

const URL_HELP = 'address of the dashboard, with its token (default: MABEAM_URL, MABEAM_TOKEN)';

export function withJson(command: Command): Command {
  return command.option('--json', 'print JSON');
}

export function withUrl(command: Command): Command {
  return withJson(command.option('--url <url>', URL_HELP));
}

export function withTarget(command: Command): Command {
  return withUrl(command).option('--store <file>', 'or the file of a store that no program has open');
}

export function withControl(command: Command): Command {
  return withUrl(command).option('--by <who>', 'who acts, as the system notes it (default: the user)');
}

export function examples(...lines: readonly (readonly [command: string, what: string])[]): string {
  const width = Math.max(...lines.map(([command]) => command.length));
  return [
    '\nExamples:',
    ...lines.map(([command, what]) => `  $ ${command.padEnd(width)}  ${what}`.trimEnd()),
  ].join('\n');
}

export function someOf(known: readonly string[]): (list: string) => string {
  return (list) => {
    if (list.split(',').every((one) => known.includes(one))) return list;
    throw new InvalidArgumentError(`Expected some of ${known.join(', ')}, joined by commas.`);
  };
}

export function whole(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new InvalidArgumentError('Expected a whole number, 0 or more.');
}

export function time(text: string): number {
  const ms = durationFrom(text);
  if (ms !== undefined) return ms;
  throw new InvalidArgumentError('Expected a time, as 500ms, 10s or 2m.');
}

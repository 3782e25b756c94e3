/** What of a program's environment one of its processes gets. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { ParsedAgentSpec } from '../../../machines/index.ts';

export type Environment = Readonly<Record<string, string | undefined>>;
type Wanted = ParsedAgentSpec['resources']['env'];

/** The variables that a spec's `resources.env` lets through; left out, it is `all`. Pure. */
export function environmentFor(wanted: Wanted, own: Environment): Environment {
  if (wanted === undefined || wanted === 'all') return own;
  if (wanted === 'none') return {};
  const named = wanted.filter((name) => Object.hasOwn(own, name));
  return Object.fromEntries(named.map((name) => [name, own[name]]));
}

/** Where a command is, for children that are given no path to look for it in; itself where it is not found. */
export function commandPath(command: string, { PATH = '' }: Environment = process.env): string {
  if (command.includes('/')) return command;
  const found = PATH.split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, command))
    .find(isExecutable);
  return found ?? command;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

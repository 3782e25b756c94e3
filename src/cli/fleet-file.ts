/** A fleet from a module: the default export of the file that a command was given. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isFleet } from '../fleet/define-fleet.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { defaultExportOf } from '../runtime/values/default-export.ts';
import { errorInfoOf, inWords } from '../runtime/values/errors.ts';
import { CommandFailure, usageFailure } from './failure.ts';

const NAMES = ['fleet.ts', 'fleet.js', 'fleet.mts', 'fleet.mjs'];
const EXAMPLE = "It should say: import { defineFleet } from 'mabeam'; export default defineFleet({ … });";

/** The file that was named, or the fleet file of this folder. @throws CommandFailure */
export function fleetFileOf(named: string | undefined): string {
  if (named !== undefined) return named;
  const found = NAMES.find((name) => existsSync(name));
  if (found !== undefined) return found;
  throw usageFailure(
    `there is no ${NAMES[0]} here, and no file was named`,
    'Name one: mabeam run path/to/fleet.ts',
  );
}

/** @throws CommandFailure */
export async function fleetFrom(file: string): Promise<Fleet> {
  const path = resolve(file);
  if (!existsSync(path)) throw usageFailure(`there is no file at ${path}`);
  let fleet: unknown;
  try {
    fleet = defaultExportOf((await import(pathToFileURL(path).href)) as object);
  } catch (thrown) {
    const { message, stack } = errorInfoOf(thrown);
    const [what, ...where] = (stack ?? message).split('\n');
    const lines = where.filter((line) => !line.includes('node:internal/'));
    throw new CommandFailure(`${file} did not load: ${what}`, { hint: lines.join('\n') });
  }
  if (isFleet(fleet)) return fleet;
  throw usageFailure(
    `${file}: expected its default export to come from defineFleet, got ${inWords(fleet)}`,
    EXAMPLE,
  );
}

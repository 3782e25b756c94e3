/**
 * What a program loads that a test has started, so that the planted sources find their switches there, too: which is on
 * it reads from its environment, and which it came to it writes to a file.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The number of the switch that is on. */
export const ON_VARIABLE = 'MABEAM_MUTANTS_ON';
/** A file to which the numbers are written, a line each. */
export const CAME_VARIABLE = 'MABEAM_MUTANTS_CAME';

/** For a program that does not get the environment of the one that starts it. */
export function switchEnv({ env } = process): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [ON_VARIABLE, CAME_VARIABLE].flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])),
  );
}

const PROBE = `import { appendFileSync } from 'node:fs';
const { ${ON_VARIABLE}: on, ${CAME_VARIABLE}: came } = process.env;
const seen = new Set();
globalThis.__isOn ??= (number) => {
  if (came !== undefined && !seen.has(number)) {
    seen.add(number);
    try { appendFileSync(came, number + '\\n'); } catch {}
  }
  return String(number) === on;
};
`;

/**
 * Writes it beside the sources, where sandboxed programs may load it.
 *
 * @returns what the planted sources begin with
 */
export function writeProbe(folder: string): Disposable & { readonly head: string } {
  const path = join(folder, 'switch-probe.mjs');
  writeFileSync(path, PROBE);
  return {
    head: `import ${JSON.stringify(path)};`,
    [Symbol.dispose]: () => rmSync(path, { force: true }),
  };
}

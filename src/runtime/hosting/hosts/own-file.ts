/**
 * Where files of this package are that run in a child: beside this one, or where a bundler has put them.
 *
 * A name is that of the file, and of the package's entry for bundlers: `mabeam/process-entry`.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/**
 * Beside `from`; in a bundle also beside the program's main file, or in the package, where that is installed.
 *
 * @param from `import.meta.url` of who asks
 * @throws Error for a file that is nowhere: what a child would say of it reads like a fault of the agent's module
 */
export function ownFile(name: string, from: string, main: string | undefined = process.argv[1]): URL {
  const bases = [from, ...(main === undefined ? [] : [pathToFileURL(main).href])];
  for (const base of bases) {
    const file = new URL(name + extname(new URL(base).pathname), base);
    if (file.protocol !== 'file:' || existsSync(file)) return file;
  }
  for (const base of bases) {
    const path = installed(name, base);
    if (path !== undefined) return pathToFileURL(path);
  }
  const beside = dirname(fileURLToPath(from));
  throw new Error(
    `mabeam's own file ${name} is not in ${beside}: a bundler has left it out; give it mabeam/${name} as a further entry of that name, or leave mabeam external`,
  );
}

/** The folder with all code of this package that a child loads, given its entry. */
export function ownFolder(entry: URL): string {
  const folder = dirname(fileURLToPath(entry));
  // In the sources and in what is built the code begins three folders above; a bundle is flat.
  const isInPlace = /[\\/]runtime[\\/]hosting[\\/]hosts$/.test(folder);
  return isInPlace ? resolve(folder, '../../..') : folder;
}

function installed(name: string, base: string): string | undefined {
  try {
    // Called so that webpack does not look for the file itself.
    return createRequire.call(undefined, base).resolve(`mabeam/${name}`);
  } catch {
    return undefined;
  }
}

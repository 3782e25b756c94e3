/** The folder of the program that runs: that of its package, and the one that it works in. */
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Whether a module's file is in neither. */
export function isElsewhere(module: URL): boolean {
  if (module.protocol !== 'file:') return false;
  const file = real(fileURLToPath(module));
  return ![process.cwd(), packageFolder()].some((folder) => isWithin(real(folder), file));
}

function packageFolder(): string {
  const main = process.argv[1];
  if (main === undefined) return process.cwd();
  const own = dirname(real(resolve(main)));
  for (let folder = own; folder !== dirname(folder); folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder;
  }
  return own;
}

/** Behind links: a release is often reached by one. */
function real(path: string): string {
  return existsSync(path) ? realpathSync(path) : path;
}

function isWithin(folder: string, file: string): boolean {
  const way = relative(folder, file);
  return way !== '..' && !way.startsWith(`..${sep}`) && resolve(folder, way) === file;
}

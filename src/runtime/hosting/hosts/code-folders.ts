/**
 * The folders that code is loaded from: what a sandbox has to let its child read for its modules to load.
 *
 * Node loads a module from where it really is. So a link counts with the place it leads to, and packages are
 * looked for above that place as well: installers link packages to each other, and folders of a workspace.
 */
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** `folders`, `node_modules` above them, and all that links in these lead to; none that is within another. */
export function codeFolders(folders: readonly string[]): string[] {
  const climbed = new Set<string>();
  // It grows while it is gone through.
  const found = new Set(folders);
  for (const place of found) {
    found.add(realPathOf(place) ?? place);
    for (const folder of [place, ...foldersAbove(place)]) {
      if (climbed.has(folder)) break;
      climbed.add(folder);
      const packages = join(folder, 'node_modules');
      if (!existsSync(packages)) continue;
      for (const linked of [packages, ...targetsAmong(packages)]) found.add(linked);
    }
  }
  return [...found].filter((folder) => !foldersAbove(folder).some((above) => found.has(above)));
}

/** Nearest first. */
function foldersAbove(path: string): string[] {
  const above = dirname(path);
  return above === path ? [] : [above, ...foldersAbove(above)];
}

/** Where the links among the packages of one `node_modules` lead; those that lead nowhere are left out. */
function targetsAmong(packages: string): string[] {
  return entriesOf(packages).flatMap((entry) => {
    const path = join(packages, entry.name);
    const scoped = entry.name.startsWith('@') ? targetsAmong(path) : [];
    const target = entry.isSymbolicLink() ? realPathOf(path) : undefined;
    return target === undefined ? scoped : [target, ...scoped];
  });
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

/** `undefined` where nothing is, or where this program may not look. */
export function realPathOf(path: string): string | undefined {
  try {
    return realpathSync.native(path);
  } catch {
    return undefined;
  }
}

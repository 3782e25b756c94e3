/**
 * The folders of a child process: it works where its program does, and finds what the program's flags name.
 *
 * Node looks for preloads (`--import`, `--require`), by path or by name, from the folder that a process is made in.
 * A program that has gone elsewhere since has children that are made where it was, and then follow it.
 */
import { existsSync } from 'node:fs';

interface ChildFolders {
  /** `undefined`: where the program is now. */
  readonly madeIn?: string | undefined;
  /** Where it has to go to, where that is another. */
  readonly worksIn?: string | undefined;
}

/** Where the program was when this file was loaded: as early as this package can know. */
const startedIn = currentFolder();

/** @param started the folder that the program's flags are to be read in */
export function foldersOfChild(started = startedIn): ChildFolders {
  const current = currentFolder();
  const isElsewhere = started !== undefined && current !== undefined && started !== current;
  return isElsewhere && existsSync(started) ? { madeIn: started, worksIn: current } : {};
}

/** A sandbox that may not read the folder lets nobody into it, and then its agent stays outside. */
export function goTo(folder: string): void {
  try {
    process.chdir(folder);
  } catch {
    // It is where its program was started.
  }
}

/** `undefined` where the folder is gone. */
function currentFolder(): string | undefined {
  try {
    return process.cwd();
  } catch {
    return undefined;
  }
}

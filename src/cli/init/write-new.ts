/**
 * Files into a folder, which is made where it is missing.
 *
 * I1  Nothing that was there is written over.
 * I2  All files are written, or none is left, nor a folder that was made for them.
 */
import { mkdir, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errorInfoOf } from '../../runtime/values/errors.ts';
import { CommandFailure } from '../failure.ts';

/**
 * The first file stands for all: of two that write the same project at once, one fails at it.
 *
 * @throws CommandFailure when a file cannot be written; then nothing that was made here is left
 */
export async function writeNew(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  const written: string[] = [];
  let first: string | undefined;
  try {
    first = await mkdir(folder, { recursive: true });
    for (const [name, text] of Object.entries(files)) {
      const path = join(folder, name);
      await writeFile(path, text, { flag: 'wx' });
      written.push(path);
    }
  } catch (thrown) {
    for (const path of written) await rm(path, { force: true });
    if (first !== undefined) await removeEmpty(folder, first);
    throw new CommandFailure(`nothing was made in ${folder}: ${errorInfoOf(thrown).message}`);
  }
}

/** Folders from `folder` up to `top`, unless somebody else has put something into them. */
async function removeEmpty(folder: string, top: string): Promise<void> {
  for (let path = folder; path.startsWith(top); path = dirname(path)) {
    await rmdir(path).catch(() => undefined);
  }
}

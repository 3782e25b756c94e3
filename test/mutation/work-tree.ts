/**
 * A copy of the repository in `.tmp/mutants/tree`, where faults are planted: the sources themselves are never touched.
 *
 * It has what git knows and what is new in the working tree, with the same `node_modules`.
 */
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
export const FOLDER = join(ROOT, '.tmp/mutants');
export const TREE = join(FOLDER, 'tree');

/** One run at a time: two would plant in one copy. @throws Error while another one is under way */
export function holdTree(): Disposable {
  mkdirSync(FOLDER, { recursive: true });
  const lock = join(FOLDER, 'pid');
  const holder = existsSync(lock) ? Number(readFileSync(lock, 'utf8')) : 0;
  if (holder !== 0 && isAlive(holder))
    throw new Error(`mutants are being tried by process ${holder} already`);
  writeFileSync(lock, String(process.pid));
  return { [Symbol.dispose]: () => rmSync(lock, { force: true }) };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Makes the copy equal to the working tree: what differs is written, what is gone is removed. */
export function refreshTree(): void {
  mkdirSync(TREE, { recursive: true });
  const files = new Set(
    execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
      cwd: ROOT,
      encoding: 'utf8',
    })
      .split('\n')
      .filter((file) => file !== '' && existsSync(join(ROOT, file))),
  );
  for (const file of files) {
    const [from, to] = [join(ROOT, file), join(TREE, file)];
    if (existsSync(to) && readFileSync(from).equals(readFileSync(to))) continue;
    mkdirSync(dirname(to), { recursive: true });
    cpSync(from, to);
  }
  for (const entry of readdirSync(TREE, { recursive: true, withFileTypes: true })) {
    const file = relative(TREE, join(entry.parentPath, entry.name));
    if (entry.isFile() && !file.startsWith('node_modules') && !files.has(file)) rmSync(join(TREE, file));
  }
  if (!existsSync(join(TREE, 'node_modules'))) {
    symlinkSync(join(ROOT, 'node_modules'), join(TREE, 'node_modules'));
  }
}

export function readSource(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}

/** Puts another text in the place of a file of the copy, and takes it away again. */
export function plantIn(file: string, text: string): Disposable {
  const path = join(TREE, file);
  writeFileSync(path, text);
  return { [Symbol.dispose]: () => writeFileSync(path, readSource(file)) };
}

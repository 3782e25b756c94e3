/** `mabeam init`: a project that works, in a folder that was empty. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { basename, join, relative, resolve } from 'node:path';
import { errorInfoOf } from '../../runtime/values/errors.ts';
import { type Call, type JsonOption, outJson } from '../call.ts';
import { plainText } from '../console.ts';
import { CommandFailure, usageFailure } from '../failure.ts';
import { packageNameFor, starterFiles } from '../init/starter.ts';
import { writeNew } from '../init/write-new.ts';
import { ownPackage } from '../own-package.ts';

export interface InitOptions extends JsonOption {
  readonly install?: boolean;
}

/** Files that may be in a folder that counts as empty. */
const UNSEEN = new Set(['.git', '.DS_Store']);
const NAMED_AT_MOST = 5;

export async function init({ console, signal }: Call, named = '.', options: InitOptions = {}): Promise<void> {
  const folder = resolve(named);
  await refuseUnlessEmpty(folder);
  const files = starterFiles(packageNameFor(basename(folder)), ownPackage());
  await writeNew(folder, files);
  const where = plainText(relative('', folder) || '.');
  if (!options.json) Object.keys(files).forEach((file) => console.out(join(where, file)));
  const next = [
    ...(where === '.' ? [] : [`cd ${/^[\w./-]+$/.test(where) ? where : JSON.stringify(where)}`]),
    ...(options.install ? [] : ['npm install']),
    'npm test',
    'npm start',
  ];
  if (options.install) await install(folder, console.stderr, signal);
  if (options.json) {
    return outJson(console, { folder, files: Object.keys(files), installed: options.install === true, next });
  }
  console.note(`\nNext:\n${next.map((line) => `  $ ${line}`).join('\n')}`);
}

/** @throws CommandFailure that names what is there */
async function refuseUnlessEmpty(folder: string): Promise<void> {
  const inside = await readdir(folder).catch(({ code, message }: NodeJS.ErrnoException) => {
    if (code === 'ENOENT') return [];
    if (code === 'ENOTDIR') throw usageFailure(`${folder} is a file: expected a folder`);
    throw new CommandFailure(`${folder} cannot be read: ${message}`);
  });
  const there = inside.filter((name) => !UNSEEN.has(name)).toSorted();
  if (there.length === 0) return;
  const names = there.slice(0, NAMED_AT_MOST).map(plainText).join(', ');
  const more = there.length > NAMED_AT_MOST ? ` and ${there.length - NAMED_AT_MOST} more` : '';
  throw usageFailure(
    `${folder} is not empty, there is: ${names}${more}`,
    'Name another folder: mabeam init my-fleet',
  );
}

/** Its output is for people, not data. @throws CommandFailure */
async function install(folder: string, stderr: NodeJS.WriteStream, signal: AbortSignal): Promise<void> {
  const child = spawn('npm', ['install'], {
    cwd: folder,
    signal,
    shell: process.platform === 'win32',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const output of [child.stdout, child.stderr]) output.pipe(stderr, { end: false });
  const [how] = (await once(child, 'close').catch((thrown: unknown) => {
    signal.throwIfAborted();
    throw new CommandFailure(`npm did not run: ${errorInfoOf(thrown).message}`, { hint: AGAIN });
  })) as [number | null];
  if (how !== 0) throw new CommandFailure('npm install failed; the files are there', { hint: AGAIN });
}

const AGAIN = 'Run npm install in that folder again.';

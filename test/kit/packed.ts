/**
 * The package as `npm pack` makes it from a fresh copy of the sources, installed in a user's folder: with its
 * dependencies, and with those optional ones that a test asks for.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Folders that a clone lacks, or that the build does not need. */
const LEFT_OUT = new Set(['node_modules', 'dist', '.git', '.tmp', 'coverage', 'test', 'bench', 'examples']);

export interface Packed extends AsyncDisposable {
  /** Paths in the tarball. */
  readonly files: readonly string[];
  /** A user's folder, an ES module package with mabeam in its node_modules. */
  readonly home: string;
  /** Links a package of the repository's into the user's node_modules, under this name or another. */
  link(name: string, as?: string): Promise<void>;
}

/** @param shared a folder for the tarball, so that the test files of one run build the package once */
export async function packPackage(shared?: string): Promise<Packed> {
  const base = await mkdtemp(join(tmpdir(), 'mabeam-packed-'));
  const tarball = join(shared ?? base, 'mabeam.tgz');
  if (!existsSync(tarball)) await rename(await pack(base), tarball);
  const { stdout } = await run('tar', ['-tzf', tarball]);
  const files = stdout
    .trimEnd()
    .split('\n')
    .map((path) => path.replace(/^package\//, ''));

  const home = join(base, 'home');
  const own = join(home, 'node_modules/mabeam');
  await mkdir(own, { recursive: true });
  await run('tar', ['-xzf', tarball, '-C', own, '--strip-components', '1']);
  await writeFile(join(home, 'package.json'), '{ "name": "home", "type": "module", "private": true }\n');
  const link = async (name: string, as = name) => {
    const path = join(home, 'node_modules', as);
    await mkdir(dirname(path), { recursive: true });
    await symlink(join(ROOT, 'node_modules', name), path);
  };
  const { dependencies } = JSON.parse(await readFile(join(own, 'package.json'), 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  for (const name of Object.keys(dependencies)) await link(name);
  return { files, home, link, [Symbol.asyncDispose]: () => rm(base, { recursive: true, force: true }) };
}

/** Builds a copy of the sources in this folder, and gives the path of its tarball. */
async function pack(base: string): Promise<string> {
  const clone = join(base, 'clone');
  await mkdir(clone);
  for (const name of await readdir(ROOT)) {
    if (!LEFT_OUT.has(name)) await cp(join(ROOT, name), join(clone, name), { recursive: true });
  }
  await symlink(join(ROOT, 'node_modules'), join(clone, 'node_modules'));
  await run('npm', ['run', 'build'], { cwd: clone });
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', base], { cwd: clone });
  const [name = ''] = (await readdir(base)).filter((entry) => entry.endsWith('.tgz'));
  return join(base, name);
}

/** Puts the tour of what a runtime has to be able to do into the user's folder, as `tour.mjs`. */
export async function withTour({ home }: Packed): Promise<void> {
  for (const name of ['tour.mjs', 'worker.mjs']) await cp(join(ROOT, 'test/package', name), join(home, name));
}

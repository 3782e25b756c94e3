/** The tarball: what is in it, and that somebody can work who has only that. */
import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join, posix, sep } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { cleanEnv } from '../kit/command-line.ts';
import { type Packed, packPackage, withTour } from '../kit/packed.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../', import.meta.url));

let packed: Packed;

beforeAll(async () => {
  packed = await packPackage(inject('tarballFolder'));
  // What a new project is checked with.
  await packed.link('@types/node');
  await packed.link('typescript');
});
afterAll(() => packed[Symbol.asyncDispose]());

describe('the tarball', () => {
  it('has what the package says it has, and the files that are named in it', async () => {
    const own = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
      readonly bin: Readonly<Record<string, string>>;
      readonly exports: Readonly<Record<string, string>>;
    };
    const named = [...Object.values(own.bin), ...Object.values(own.exports)].map((path) =>
      posix.normalize(path),
    );
    expect(named.filter((path) => !packed.files.includes(path))).toEqual([]);
    const entries = named.filter((path) => path.startsWith('dist/'));
    expect(entries.filter((path) => !packed.files.includes(path.replace(/\.js$/, '.d.ts')))).toEqual([]);
    expect(packed.files).toEqual(
      expect.arrayContaining(['LICENSE', 'README.md', 'CHANGELOG.md', 'dist/cli.js']),
    );
  });

  it('has every picture of a life cycle, and every page', async () => {
    const pictures = (await readdir(join(ROOT, 'visualizations'))).filter((name) =>
      /\.(svg|mmd)$/.test(name),
    );
    const pages = (await readdir(join(ROOT, 'docs'), { recursive: true })).filter((name) =>
      name.endsWith('.md'),
    );
    const wanted = [
      ...pictures.map((name) => `visualizations/${name}`),
      ...pages.map((name) => `docs/${name.split(sep).join('/')}`),
    ];
    expect(pictures.length).toBeGreaterThan(0);
    expect(wanted.filter((path) => !packed.files.includes(path))).toEqual([]);
  });

  it('has what its pages link to', async () => {
    const pages = packed.files.filter((path) => path.endsWith('.md'));
    const broken: string[] = [];
    for (const page of pages) {
      const text = await readFile(join(packed.home, 'node_modules/mabeam', page), 'utf8');
      for (const [, target = ''] of text.matchAll(/\]\((?!https?:)([^)#\s]+)(?:#[^)]*)?\)/g)) {
        const path = posix.join(posix.dirname(page), target);
        const isThere = packed.files.some(
          (file) => file === path || (path.endsWith('/') && file.startsWith(path)),
        );
        if (!isThere) broken.push(`${page}: ${target}`);
      }
    }
    expect(broken).toEqual([]);
  });

  it('has no sources, tests or tools', () => {
    const allowed =
      /^(?:bin|dist|docs|visualizations)\/|^(?:README|CHANGELOG|CONTRIBUTING)\.md$|^LICENSE$|^package\.json$/;
    expect(packed.files.filter((path) => !allowed.test(path))).toEqual([]);
    expect(packed.files.filter((path) => /(?<!\.d)\.tsx?$/.test(path))).toEqual([]);
  });
});

describe('somebody who has only the package', () => {
  it('has the command, with its help, version and charts', async () => {
    expect((await mabeam(['--help'])).stdout).toContain('  init ');
    expect((await mabeam(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+/);
    const names = (await mabeam(['charts'])).stdout.trimEnd().split('\n');
    expect(names).toContain('agent');
    expect((await mabeam(['charts', 'agent', '--svg'])).stdout).toMatch(/^<svg/);
  });

  it('takes the tour of all hosts', async () => {
    await withTour(packed);
    const toured = run(process.execPath, ['tour.mjs'], { cwd: packed.home, env: cleanEnv({}) });
    const { stdout } = await toured.catch((error: { readonly stdout: string }) => error);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.length).toBe(14);
    expect(lines.filter((line) => !line.startsWith('ok'))).toEqual([]);
  });

  it('begins a project that passes its check and its test, and runs until it is told to end', async () => {
    await mabeam(['init', 'x']);
    const project = join(packed.home, 'x');
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    await run(process.execPath, [tsc, '--singleThreaded'], { cwd: project });
    const tested = await run(process.execPath, ['--test'], { cwd: project, env: cleanEnv({}) });
    expect(tested.stdout).toMatch(/^(?:#|ℹ) pass 1$/m);

    const first = await served(project);
    expect(first.exitCode).toBe(0);
    expect(first.stderr).toMatch(/hello world, number 1\b/);
    expect(first.stderr).toMatch(/1 agent ended in order\.\n$/);
    const second = await served(project);
    expect(second.exitCode).toBe(0);
    expect(second.stderr).toMatch(/hello world, number [2-9]/);
    expect(second.stderr).not.toMatch(/hello world, number 1\b/);
    const stored = await mabeam(['agents', '--store', 'x/fleet.db', '--ids']);
    expect(stored.stdout).toBe('ada\n');
  });
});

function mabeam(args: readonly string[]) {
  return run(process.execPath, ['node_modules/mabeam/bin/mabeam.js', ...args], {
    cwd: packed.home,
    env: cleanEnv({}),
  });
}

/** Runs the fleet of a project until its agent has greeted somebody, and ends it. */
async function served(cwd: string): Promise<{ readonly exitCode: number | null; readonly stderr: string }> {
  const child: ChildProcessByStdio<null, null, Readable> = spawn(
    process.execPath,
    [join(packed.home, 'node_modules/mabeam/bin/mabeam.js'), 'run'],
    { cwd, env: cleanEnv({}), stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    // Once: a second signal would kill it.
    if (!child.killed && /hello world/.test(stderr)) child.kill('SIGTERM');
  });
  const [exitCode] = (await once(child, 'close')) as [number | null];
  return { exitCode, stderr };
}

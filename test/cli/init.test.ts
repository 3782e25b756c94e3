import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageNameFor } from '../../src/cli/init/starter.ts';
import { writeNew } from '../../src/cli/init/write-new.ts';
import { ownPackage } from '../../src/cli/own-package.ts';
import { mabeam, mabeamHere, ownFolder } from '../kit/command-line.ts';

const FILES = ['package.json', 'tsconfig.json', '.gitignore', 'greeter.ts', 'fleet.ts', 'greeter.test.ts'];

describe('a new project', () => {
  it('is made with its folder; what comes next is said on stderr', async () => {
    const cwd = await ownFolder();
    const { exitCode, stdout, stderr } = await mabeam(['init', 'of/its own'], { cwd });
    expect({ exitCode, stdout: stdout.trimEnd().split('\n') }).toEqual({
      exitCode: 0,
      stdout: FILES.map((file) => `of/its own/${file}`),
    });
    expect(stderr).toBe('\nNext:\n  $ cd "of/its own"\n  $ npm install\n  $ npm test\n  $ npm start\n');
    expect((await readdir(join(cwd, 'of/its own'))).toSorted()).toEqual(FILES.toSorted());
  });

  it('is made in this folder when none is named, also in a repository that is new', async () => {
    const cwd = await ownFolder();
    await mkdir(join(cwd, '.git'));
    const { exitCode, stdout, stderr } = await mabeam(['init'], { cwd });
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: `${FILES.join('\n')}\n` });
    expect(stderr).not.toContain('$ cd');
  });

  it('needs this version of the package, and what the package itself is made with', async () => {
    const folder = `${await ownFolder()}/My Fleet!`;
    const { exitCode, stdout, stderr } = await mabeamHere(['init', folder, '--json']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({
      folder,
      files: FILES,
      installed: false,
      next: [expect.stringMatching(/^cd "/), 'npm install', 'npm test', 'npm start'],
    });
    const { version, dependencies, devDependencies } = ownPackage();
    expect(JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))).toMatchObject({
      name: 'my-fleet',
      type: 'module',
      private: true,
      scripts: { start: 'mabeam run', test: 'node --test' },
      dependencies: { mabeam: `^${version}`, zod: dependencies['zod'] },
      devDependencies: {
        '@types/node': `^${devDependencies['@types/node']}`,
        typescript: `^${devDependencies['typescript']}`,
      },
    });
  });

  it.each([
    ['my-fleet', 'my-fleet'],
    ['My Fleet', 'my-fleet'],
    ['_.hidden', 'hidden'],
    ['Ünïcode', 'n-code'],
    ['日本', 'fleet'],
    ['', 'fleet'],
    ['---', 'fleet'],
    ['mabeam', 'mabeam-fleet'],
    ['node_modules', 'node-modules-fleet'],
    ['x'.repeat(300), 'x'.repeat(200)],
  ])('in a folder called %j is called %j', (folder, name) => {
    expect(packageNameFor(folder)).toBe(name);
  });
});

describe('what was there is left alone', () => {
  it('a folder that is not empty is refused, by name of what is there', async () => {
    const folder = await ownFolder();
    for (const name of ['notes.txt', 'fleet.ts']) await writeFile(join(folder, name), 'mine');
    const { exitCode, stdout, stderr } = await mabeamHere(['init', folder]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain(`${folder} is not empty, there is: fleet.ts, notes.txt\n`);
    expect((await readdir(folder)).toSorted()).toEqual(['fleet.ts', 'notes.txt']);
    expect(await readFile(join(folder, 'fleet.ts'), 'utf8')).toBe('mine');
  });

  it('of many things that are there the first are named, and steer no terminal', async () => {
    const folder = await ownFolder();
    for (const name of ['a\u001B[2J', 'b', 'c', 'd', 'e', 'f', 'g']) await mkdir(join(folder, name));
    const { exitCode, stderr } = await mabeamHere(['init', folder]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('there is: a·[2J, b, c, d, e and 2 more\n');
  });

  it('a file is refused, and so is a folder below one', async () => {
    const file = join(await ownFolder(), 'notes.txt');
    await writeFile(file, 'mine');
    for (const target of [file, join(file, 'below')]) {
      const { exitCode, stderr } = await mabeamHere(['init', target]);
      expect(exitCode).toBe(2);
      expect(stderr).toContain(`${target} is a file: expected a folder`);
    }
    expect(await readFile(file, 'utf8')).toBe('mine');
  });

  it('of two that begin the same one at once, one does, and its files are whole', async () => {
    const folder = join(await ownFolder(), 'both');
    const codes = await Promise.all([1, 2].map(async () => (await mabeamHere(['init', folder])).exitCode));
    expect(codes.filter((code) => code === 0)).toHaveLength(1);
    expect((await readdir(folder)).toSorted()).toEqual(FILES.toSorted());
  });
});

describe('where one file cannot be written', () => {
  const files = { 'a.ts': 'a', 'no/such/b.ts': 'b' };

  it('none is left, nor a folder that was made for them', async () => {
    const parent = await ownFolder();
    await expect(writeNew(join(parent, 'of/its/own'), files)).rejects.toThrow(
      /^nothing was made in .*ENOENT/,
    );
    expect(await readdir(parent)).toEqual([]);
  });

  it('what was there before stays', async () => {
    const folder = await ownFolder();
    await writeFile(join(folder, 'b.ts'), 'mine');
    await expect(writeNew(folder, { 'a.ts': 'a', 'b.ts': 'b' })).rejects.toThrow(/EEXIST/);
    expect(await readdir(folder)).toEqual(['b.ts']);
    expect(await readFile(join(folder, 'b.ts'), 'utf8')).toBe('mine');
  });
});

describe('--install', () => {
  it.skipIf(process.platform === 'win32')('runs npm there, whose output is no data', async () => {
    const bin = await withNpm('echo "in $PWD: $*"');
    const cwd = await ownFolder();
    const { exitCode, stdout, stderr } = await mabeam(['init', 'x', '--install', '--json'], {
      cwd,
      env: { PATH: bin },
    });
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ installed: true, next: ['cd x', 'npm test', 'npm start'] });
    expect(stderr).toMatch(/^in .*\/x: install\n$/);
  });

  it.skipIf(process.platform === 'win32')(
    'that fails, or finds no npm, ends with 1 and leaves the files',
    async () => {
      const cwd = await ownFolder();
      const [failing, none] = [await withNpm('echo no network >&2; exit 7'), await ownFolder()];
      const failed = await mabeam(['init', 'x', '--install'], { cwd, env: { PATH: failing } });
      expect(failed).toMatchObject({
        exitCode: 1,
        stderr: expect.stringMatching(/^no network\nmabeam: npm install failed; the files are there\n/),
      });
      const missing = await mabeam(['init', 'y', '--install'], { cwd, env: { PATH: none } });
      expect(missing).toMatchObject({
        exitCode: 1,
        stderr: expect.stringContaining('mabeam: npm did not run'),
      });
      for (const name of ['x', 'y']) expect(await readdir(join(cwd, name))).toHaveLength(FILES.length);
    },
  );
});

/** A folder with an `npm` that does this. */
async function withNpm(script: string): Promise<string> {
  const folder = await ownFolder();
  await writeFile(join(folder, 'npm'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return folder;
}

/** A child has the flags of its program but for those of the run itself, and they mean there what they mean here. */
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import {
  hasHeapFlag,
  inheritedFlags,
  inheritedOptions,
  ownPermissions,
  withoutHeapFlags,
} from '../../src/runtime/hosting/hosts/node-flags.ts';
import { foldersOfChild } from '../../src/runtime/hosting/hosts/working-folder.ts';
import { temporaryDirectory } from '../journal/stores/temporary-directory.ts';
import { startProgram } from './programs.ts';

describe('a flag of the run itself is not inherited, and its value goes with it', () => {
  const own = [
    ['--inspect'],
    ['--inspect-port', '9231'],
    ['--inspect_port', '9231'],
    ['--inspect=0'],
    ['--debug-port', '9231'],
    ['--test'],
    ['--test-reporter', 'spec'],
    ['--experimental-test-coverage'],
    ['--watch-path', './src'],
    ['-e', 'code'],
    ['-pe', 'code'],
    ['--input-type', 'module'],
    ['--permission'],
    ['--allow-fs-read', '/tmp'],
    ['--allow-worker'],
    ['--env-file', '.env'],
    ['--env-file-if-exists=.env'],
    ['--run', 'start'],
    ['--max-old-space-size=300'],
    ['--max_semi_space_size=1'],
    ['--max-old-space-size-percentage', '50'],
  ];
  test.for(own)('%j', (flags) => {
    expect(inheritedFlags(['--import', './hook.mjs', ...flags, '--conditions=a'])).toEqual([
      '--import',
      './hook.mjs',
      '--conditions=a',
    ]);
    expect(inheritedOptions(`--no-warnings ${flags.join(' ')} --title "a b"`, true)).toBe(
      '--no-warnings --title "a b"',
    );
  });
  test.for([
    ['--import', './hook.mjs', '--import', 'tsx'],
    ['-r', './hook.cjs', '-C', 'development'],
    ['--title', '', '--disable-warning', 'ExperimentalWarning'],
    ['--allow-natives-syntax', '--print-bytecode', '--stack-trace-limit=5'],
  ])('while these are: %j', (flags) => {
    expect(inheritedFlags(flags)).toEqual(flags);
  });
  test('options of the environment are split as Node does it', () => {
    const options =
      '--title="a \\" --inspect" --import  "./my hook.mjs" "--inspect-port" "9231" --no-warnings';
    expect(inheritedOptions(options, false)).toBe(
      '--title="a \\" --inspect" --import "./my hook.mjs" --no-warnings',
    );
    expect(withoutHeapFlags('--inspect=0 --max-old-space-size=99')).toBe('--inspect=0');
    expect(inheritedOptions('', false)).toBe('');
  });
  test('permissions of the program are those of its children, unless they have a sandbox', () => {
    const flags = ['--no-warnings', '--permission', '--allow-fs-read', '/my data', '--allow-fs-read=/b'];
    expect(ownPermissions([...flags, '--allow-worker', '--import', 'x', '--allow-natives-syntax'])).toEqual([
      '--permission',
      '--allow-fs-read=/my data',
      '--allow-fs-read=/b',
      '--allow-worker',
    ]);
    const options = '--permission --allow-fs-read "/my data" --no-warnings';
    expect(inheritedOptions(options, false)).toBe(options);
    expect(inheritedOptions(options, true)).toBe('--no-warnings');
  });
  test('a limit of the heap is seen wherever it stands', () => {
    expect(hasHeapFlag(['--max_old_space_size=9'])).toBe(true);
    expect(hasHeapFlag([], '--no-warnings --max-heap-size=9')).toBe(true);
    expect(hasHeapFlag(['--title', 'max-heap-size'], '--no-warnings')).toBe(false);
  });
});

test('a program that has not moved, or was started where nothing is any more, has children where it is', () => {
  expect(foldersOfChild(process.cwd())).toEqual({});
  expect(foldersOfChild('/no/such/folder')).toEqual({});
  expect(foldersOfChild('/')).toEqual({ madeIn: '/', worksIn: process.cwd() });
});

const mark = (name: string): string => `globalThis[Symbol.for('${name}')] = true;`;

/** A folder to start in, with preloads by path and by name, and one to go to. */
function places() {
  const folder = realpathSync(temporaryDirectory());
  const start = join(folder, 'start');
  const elsewhere = join(folder, 'elsewhere');
  mkdirSync(join(start, 'node_modules/named'), { recursive: true });
  mkdirSync(elsewhere);
  writeFileSync(join(start, 'by-path.mjs'), mark('by path'));
  writeFileSync(join(start, 'node_modules/named/index.js'), mark('by name'));
  return { start, elsewhere };
}

describe('a program', () => {
  const program = new URL('../fixtures/programs/moving.ts', import.meta.url);
  async function told(flags: string[], cwd: string, args: string[], env = {}): Promise<unknown> {
    const running = startProgram(program, args, flags, { cwd, env });
    const line = await running.line();
    await running.ended();
    return JSON.parse(line);
  }
  test('that changes its folder has children that find its preloads, and work where it does', async () => {
    const { start, elsewhere } = places();
    const flags = ['--import', './by-path.mjs', '--require', 'named'];
    expect(await told(flags, start, [elsewhere])).toEqual({
      folder: elsewhere,
      marks: ['by path', 'by name'],
    });
  });
  test('the same with preloads of the environment', async () => {
    const { start, elsewhere } = places();
    const env = { NODE_OPTIONS: '--import ./by-path.mjs' };
    expect(await told([], start, [elsewhere], env)).toEqual({ folder: elsewhere, marks: ['by path'] });
  });
  test('with flags whose values stand apart has agents in processes', async () => {
    const here = fileURLToPath(new URL('.', import.meta.url));
    const flags = ['--inspect-port', '0', '--test-reporter', 'spec', '--title', 'mine'];
    expect(await told(flags, here, [here])).toEqual({ folder: here.replace(/\/$/, ''), marks: [] });
    const permissions = ['--permission', '--allow-fs-read', '*', '--allow-child-process'];
    expect(await told(permissions, here, [here])).toMatchObject({ marks: [] });
  });
});

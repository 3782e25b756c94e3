/**
 * A program of somebody else, compiled against the tarball: all code of the pages and every entry of the package, as
 * strictly as TypeScript can, with its declarations checked as well (`skipLibCheck: false`).
 */
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { blocksIn } from '../house/code-blocks.ts';
import { type Packed, packPackage } from '../kit/packed.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** What the pages use beside mabeam, and what its optional peers and Node are typed by. */
const USED = [
  '@modelcontextprotocol/sdk',
  '@restatedev/restate-sdk',
  '@restatedev/restate-sdk-clients',
  '@types/node',
  '@types/ws',
  '@xstate/graph',
  'ai',
  'fast-check',
  'p-retry',
  'prom-client',
  'ws',
];
const STRICT = {
  target: 'es2024',
  lib: ['es2024', 'esnext.disposable'],
  strict: true,
  skipLibCheck: false,
  allowImportingTsExtensions: true,
  noEmit: true,
  types: ['node'],
};
/** What the slower compilers are given of the pages: JavaScript ones take five times as long. */
const SHORT = ['entries.ts', 'README.md', 'docs-guide.md', 'docs-agents.md', 'docs-chart-agents.md'];
/** Declarations of others that do not pass; docs/runtimes.md names them. */
const NOT_EXACT =
  /node_modules\/(?:xstate\/dist\/declarations\/src\/setup|@restatedev\/restate-sdk-core\/dist\/serde_api)\.d\.ts/;
const WANTS_DOM = /node_modules\/(?:@modelcontextprotocol\/sdk|@ai-sdk\/[\w-]+|ai)\//;

let packed: Packed;
beforeAll(async () => {
  packed = await packPackage(inject('tarballFolder'));
  for (const name of USED) await packed.link(name);
  await writeConsumer(packed.home);
}, 180_000);
afterAll(() => packed[Symbol.asyncDispose]());

it.each([
  ['typescript-5.9', 'nodenext'],
  ['typescript-5.9', 'bundler'],
  ['typescript-6.0', 'nodenext'],
  ['typescript-6.0', 'bundler'],
  ['typescript', 'nodenext'],
  ['typescript', 'bundler'],
] as const)(
  'compiles with %s and %s, exact optional properties and all declarations checked',
  { timeout: 180_000 },
  async (compiler, resolution) => {
    const errors = await compile(compiler, resolution, { exactOptionalPropertyTypes: true });
    expect(errors.filter((line) => !NOT_EXACT.test(line) && !WANTS_DOM.test(line))).toEqual([]);
  },
);

it('compiles without an error anywhere where optional properties are not exact', {
  timeout: 180_000,
}, async () => {
  const errors = await compile('typescript', 'nodenext', {});
  expect(errors.filter((line) => !WANTS_DOM.test(line))).toEqual([]);
});

/** Writes the code of each page into a folder, and a file that loads every entry. */
async function writeConsumer(home: string): Promise<void> {
  const guides = (await readdir(join(ROOT, 'docs'))).filter((name) => name.endsWith('.md'));
  for (const page of ['README.md', ...guides.map((name) => `docs/${name}`)]) {
    const folder = join(home, 'pages', page.replaceAll('/', '-'));
    await mkdir(folder, { recursive: true });
    for (const { file, code } of await blocksIn(page)) await writeFile(join(folder, file), code);
  }
  const { exports } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
    readonly exports: Readonly<Record<string, string>>;
  };
  const entries = Object.keys(exports).filter((entry) => !entry.endsWith('.json'));
  const lines = entries.map((entry, index) => `export * as entry${index} from 'mabeam${entry.slice(1)}';`);
  await writeFile(join(home, 'pages/entries.ts'), `${lines.join('\n')}\n`);
}

/** The errors, a line each; a line that goes on with one is left out. */
async function compile(compiler: string, resolution: string, options: object): Promise<readonly string[]> {
  const module = resolution === 'bundler' ? 'esnext' : resolution;
  const compilerOptions = { ...STRICT, ...options, module, moduleResolution: resolution };
  const project = join(packed.home, `tsconfig.${compiler}-${resolution}.json`);
  const include = compiler === 'typescript' ? ['pages'] : SHORT.map((name) => `pages/${name}`);
  await writeFile(project, JSON.stringify({ compilerOptions, include }));
  const tsc = join(ROOT, 'node_modules', compiler, 'bin/tsc');
  const stdout = await new Promise<string>((resolve) => {
    execFile(
      process.execPath,
      [tsc, '--pretty', 'false', '-p', project],
      { cwd: packed.home, maxBuffer: 16 * 1024 ** 2 },
      (_error, printed) => resolve(printed),
    );
  });
  return stdout.split('\n').filter((line) => line !== '' && !line.startsWith(' '));
}

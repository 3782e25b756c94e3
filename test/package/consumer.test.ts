/**
 * A program of somebody else, compiled against the tarball: all code of the pages and every entry of the package, as
 * strictly as TypeScript can, with its declarations checked as well (`skipLibCheck: false`).
 */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { blocksIn } from '../house/code-blocks.ts';
import { type Packed, packPackage } from '../kit/packed.ts';

const run = promisify(execFile);
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
const EXACT = { exactOptionalPropertyTypes: true };
const RESOLUTIONS = ['nodenext', 'bundler'] as const;
type Resolution = (typeof RESOLUTIONS)[number];
const OUTPUT = { maxBuffer: 16 * 1024 ** 2 };
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
});
afterAll(() => packed[Symbol.asyncDispose]());

it.each(['typescript-5.9', 'typescript-6.0'])(
  'compiles with %s, nodenext and bundler, exact optional properties and all declarations checked',
  { timeout: 360_000 },
  async (compiler) => {
    const include = SHORT.map((name) => `pages/${name}`);
    const projects = await Promise.all(RESOLUTIONS.map((resolution) => project(resolution, EXACT, include)));
    const program = join(ROOT, 'test/package/compile.ts');
    const { stdout } = await run(
      process.execPath,
      [program, compiler, WANTS_DOM.source, ...projects],
      OUTPUT,
    );
    expect(errorsIn(stdout).filter((line) => !NOT_EXACT.test(line))).toEqual([]);
  },
);

it.each(RESOLUTIONS)(
  'compiles with typescript and %s, exact optional properties and all declarations checked',
  async (resolution) => {
    const errors = await compile(resolution, EXACT);
    expect(errors.filter((line) => !NOT_EXACT.test(line) && !WANTS_DOM.test(line))).toEqual([]);
  },
);

it('compiles without an error anywhere where optional properties are not exact', async () => {
  const errors = await compile('nodenext', {});
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

/** Writes the configuration of a compilation. @returns its path */
async function project(resolution: Resolution, options: object, include: readonly string[]): Promise<string> {
  const module = resolution === 'bundler' ? 'esnext' : resolution;
  const compilerOptions = { ...STRICT, ...options, module, moduleResolution: resolution };
  const path = join(packed.home, `tsconfig.${randomUUID()}.json`);
  await writeFile(path, JSON.stringify({ compilerOptions, include }));
  return path;
}

/** What the native compiler says of all pages. */
async function compile(resolution: Resolution, options: object): Promise<readonly string[]> {
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const path = await project(resolution, options, ['pages']);
  // On several threads it checks what they share once for each: twice the processor time, of which CI has no more.
  const args = [tsc, '--pretty', 'false', '--singleThreaded', '-p', path];
  const compiled = run(process.execPath, args, { cwd: packed.home, ...OUTPUT });
  const { stdout } = await compiled.catch((error: { readonly stdout: string }) => error);
  return errorsIn(stdout);
}

/** A line each; a line that goes on with one is left out. */
function errorsIn(printed: string): readonly string[] {
  return printed.split('\n').filter((line) => line !== '' && !line.startsWith(' '));
}

/**
 * The code in the project's pages, made to run: each block marked `ts` is a program, one marked `ts name.ts` a
 * module beside it. `mabeam` and its subpaths are this repository's sources.
 *
 * What a page says a program prints, in comments behind closing brackets or in a block marked `text` right after the
 * program, is what it has to print, line by line.
 */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

export interface CodeBlock {
  /** Path of the page from the root of the repository, and the line of the block. */
  readonly where: string;
  /** Name of its file; `main-<line>.ts` for a program. */
  readonly file: string;
  readonly isProgram: boolean;
  readonly code: string;
  /** What it is said to print, line by line. */
  readonly prints: readonly string[];
}

export interface Ran {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Between what two programs print. */
const END = '--- the end of a program ---';
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SUBPATHS: Readonly<Record<string, string>> = {
  '': 'index.ts',
  '/agent': 'agent.ts',
  '/ai': 'ai.ts',
  '/alerts': 'alerts.ts',
  '/endpoints': 'endpoints.ts',
  '/chart-agent': 'chart-agent.ts',
  '/dashboard': 'dashboard.ts',
  '/engine': 'engine.ts',
  '/inspector': 'inspector.ts',
  '/machines': 'machines.ts',
  '/mcp': 'mcp.ts',
  '/prometheus': 'prometheus.ts',
  '/restate': 'restate.ts',
  '/sqlite': 'sqlite.ts',
  '/testing': 'testing/index.ts',
  '/webhook': 'webhook.ts',
};

export async function blocksIn(page: string): Promise<readonly CodeBlock[]> {
  const text = await readFile(`${ROOT}${page}`, 'utf8');
  const blocks = [...text.matchAll(/^```ts(?: ([\w-]+\.ts))?\n(.*?)^```$(?:\n\n```text\n(.*?)^```$)?/gms)];
  return blocks.map(({ 1: name, 2: code = '', 3: output, index }) => {
    const line = text.slice(0, index).split('\n').length;
    return {
      where: `${page}:${line}`,
      file: name ?? `main-${line}.ts`,
      isProgram: name === undefined,
      code,
      prints:
        output === undefined
          ? [...code.matchAll(/\)[;,]? \/\/ (.+)$/gm)].map(([, said = '']) => said)
          : linesOf(output),
    };
  });
}

/** A folder of the repository's own, so that packages are found, with the blocks of each page in one of its own. */
export async function writePages(
  pages: readonly { readonly page: string; readonly blocks: readonly CodeBlock[] }[],
): Promise<AsyncDisposable & { readonly path: string; folderOf(page: string): string }> {
  await mkdir(`${ROOT}.tmp`, { recursive: true });
  const path = await mkdtemp(`${ROOT}.tmp/pages-`);
  const folderOf = (page: string) => `${path}/${page.replaceAll('/', '-')}`;
  for (const { page, blocks } of pages) {
    await mkdir(folderOf(page));
    for (const { file, code } of blocks) await writeFile(`${folderOf(page)}/${file}`, withSources(code));
  }
  return { path, folderOf, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Runs programs one after the other in one Node, each as it is. What each printed is a line of its own, and its own. */
export async function runPrograms(
  folder: string,
  files: readonly string[],
): Promise<Ran & { readonly printed: readonly (readonly string[])[] }> {
  const program = files
    .map(
      (file) => `await import(${JSON.stringify(`${folder}/${file}`)}); console.log(${JSON.stringify(END)});`,
    )
    .join('\n');
  const ran = await run(['--input-type=module', '--eval', program], folder);
  const printed = ran.stdout.split(`${END}\n`).map(linesOf);
  return { ...ran, printed: printed.slice(0, files.length) };
}

export function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

/** Checks the types of everything in `folder` as strictly as the sources are. */
export async function checkTypes(folder: string): Promise<Ran> {
  const config = { extends: '../../tsconfig.json', include: ['*/*.ts'] };
  await writeFile(`${folder}/tsconfig.json`, JSON.stringify(config));
  const tsc = `${ROOT}node_modules/typescript/bin/tsc`;
  return run([tsc, '--singleThreaded', '--noEmit', '-p', folder], folder);
}

function withSources(code: string): string {
  return code.replaceAll(/(from|import) 'mabeam(\/[\w-]+)?'/g, (whole, keyword: string, subpath = '') => {
    const source = SUBPATHS[String(subpath)];
    if (source === undefined) throw new Error(`no subpath is called ${whole}`);
    return `${keyword} '../../../src/${source}'`;
  });
}

async function run(args: readonly string[], cwd: string): Promise<Ran> {
  // A program that hangs does not outlive its test.
  const ends = { timeout: 110_000, killSignal: 'SIGKILL' } as const;
  const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], ...ends });
  const [stdout, stderr, exitCode] = await Promise.all([
    textOf(child.stdout),
    textOf(child.stderr),
    new Promise<number | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', resolve);
    }),
  ]);
  return { exitCode, stdout, stderr };
}

async function textOf(stream: AsyncIterable<unknown>): Promise<string> {
  let text = '';
  for await (const part of stream) text += String(part);
  return text;
}

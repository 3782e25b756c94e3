/** Flags of Node: what a child inherits of its program's, what it must not, and where its entry is. */
import type { ParsedAgentSpec } from '../../machines/index.ts';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { codeFolders, realPathOf } from './code-folders.ts';

export type Sandbox = NonNullable<ParsedAgentSpec['resources']['sandbox']>;

const HEAP_FLAG =
  /--(?:max|initial|min)[-_](?:old[-_]space|heap|semi[-_]space)[-_]size(?:[-_]percentage)?(?:=\S*)?/g;
/** Flags of a run, not of its children: they would debug, test, watch, evaluate or restrict these as well. */
const OWN_FLAG =
  /^(?:--inspect|--debug|--test|--watch|--eval|--print|--check|--interactive|--input-type|--permission|--allow-|--run|-e$|-p$|-pe$|-c$|-i$)/;
const OWN_FLAG_WITH_VALUE = /^(?:--eval|--print|-e|-p|-pe|--input-type|--watch-path|--run)$/;

/** Whether a limit of the whole program's heap is among the flags. */
export function hasHeapFlag(flags: readonly string[]): boolean {
  return flags.some((flag) => flag.search(HEAP_FLAG) !== -1);
}

/** The flags of this program that its children should have as well. Pure. */
export function inheritedFlags(flags: readonly string[]): string[] {
  const kept: string[] = [];
  for (let index = 0; index < flags.length; index += 1) {
    const flag = flags[index]!;
    if (OWN_FLAG_WITH_VALUE.test(flag)) index += 1;
    else if (!OWN_FLAG.test(flag) && withoutHeapFlags(flag) === flag) kept.push(flag);
  }
  return kept;
}

/** `NODE_OPTIONS` without limits of the heap. Pure. */
export function withoutHeapFlags(options: string): string {
  return options.replaceAll(HEAP_FLAG, '').trim();
}

/** The flags that keep a child's memory below `maxMemoryBytes`, with room for what is not heap. Pure. */
export function heapFlags(maxMemoryBytes: number | undefined): string[] {
  if (maxMemoryBytes === undefined) return [];
  const limitMb = maxMemoryBytes / 1_048_576;
  return [
    `--max-old-space-size=${Math.max(1, Math.floor(limitMb * 0.75))}`,
    // The young generation takes up to three times this; by default alone more than a small limit.
    `--max-semi-space-size=${Math.min(16, Math.max(1, Math.floor(limitMb / 32)))}`,
  ];
}

/** Whether this Node can refuse its code the network. */
export function canRefuseNetwork(flags: ReadonlySet<string> = process.allowedNodeEnvironmentFlags): boolean {
  return flags.has('--allow-net');
}

/** The flags of Node's permission model for one sandbox. */
export function permissionFlags(sandbox: Sandbox | undefined, module: URL): string[] {
  if (sandbox === undefined) return [];
  const { fs, childProcess, worker, addons, wasi, net } = sandbox;
  const readable = new Set([...foldersOf(module), ...[...fs.read, ...fs.write].map((path) => resolve(path))]);
  return [
    '--permission',
    ...[...readable].map((path) => `--allow-fs-read=${path}`),
    ...fs.write.map((path) => `--allow-fs-write=${resolve(path)}`),
    ...(childProcess ? ['--allow-child-process'] : []),
    ...(worker ? ['--allow-worker'] : []),
    ...(addons ? ['--allow-addons'] : []),
    ...(wasi ? ['--allow-wasi'] : []),
    ...(net !== false && canRefuseNetwork() ? ['--allow-net'] : []),
  ];
}

/** Where code is loaded from: the agent's own folder, this package, and what both import of packages. */
function foldersOf(module: URL): string[] {
  // The runtime's own folder is two above this file's, in the sources and in what is built.
  const runtime = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
  if (module.protocol !== 'file:') return codeFolders([runtime]);
  const own = fileURLToPath(module);
  return codeFolders([runtime, dirname(own), dirname(realPathOf(own) ?? own)]);
}

/** The file of an entry, given as its source: that where this is a source as well, else what was built of it. */
export function entryUrl(source: URL): URL {
  return import.meta.url.endsWith('.ts') ? source : new URL(source.href.replace(/\.ts$/, '.js'));
}

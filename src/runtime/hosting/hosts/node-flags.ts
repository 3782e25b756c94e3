/** Flags of Node: what a child inherits of its program's, and what it must not. */
import type { ParsedAgentSpec } from '../../../machines/index.ts';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { codeFolders, realPathOf } from './code-folders.ts';
import { ownFile, ownFolder } from './own-file.ts';

export type Sandbox = NonNullable<ParsedAgentSpec['resources']['sandbox']>;

const HEAP_FLAG = /^--(?:max|initial|min)-(?:old-space|heap|semi-space)-size(?:-percentage)?$/;

/**
 * Flags of a run, not of its children: they would debug, test, watch or evaluate these as well, or have them run
 * something else. What a file of variables says the environment tells already.
 */
const RUN_FLAG =
  /^(?:--(?:no-)?(?:inspect|test|experimental-test|watch|build|snapshot-blob|env-file|experimental-sea)(?:-.+)?|--(?:no-)?(?:debug|debug-brk|debug-port|eval|print|check|interactive|input-type|run|entry-url|experimental-entry-url)|-[epci]|-pe)$/;

/** Flags of Node's permission model; V8 has some that begin alike. */
const PERMISSION_FLAG =
  /^--(?:(?:no-)?(?:experimental-)?permission(?:-.+)?|allow-(?!natives-syntax$|unsafe-|overwriting-).+)$/;

/** Whether a limit of the whole program's heap is among these flags, or in these `NODE_OPTIONS`. */
export function hasHeapFlag(flags: readonly string[], options = ''): boolean {
  return [...flags, ...tokensOf(options)].some((flag) => HEAP_FLAG.test(nameOf(flag)));
}

/** The flags of this program that its children should have as well, but for what it is permitted. Pure. */
export function inheritedFlags(flags: readonly string[]): string[] {
  return chosen(flags, (name) => !isOfThisRun(name) && !PERMISSION_FLAG.test(name));
}

/**
 * What of this program's `NODE_OPTIONS` its children should have as well; a sandbox takes the place of what it is
 * permitted. Pure.
 */
export function inheritedOptions(options: string, isSandboxed: boolean): string {
  const isKept = (name: string): boolean =>
    !isOfThisRun(name) && !(isSandboxed && PERMISSION_FLAG.test(name));
  return chosen(tokensOf(options), isKept).join(' ');
}

/**
 * The permissions of this program, as flags for children without a sandbox of their own. Pure.
 *
 * Node hands them on by itself where they are not among the flags of a child, but loses values that stand apart.
 */
export function ownPermissions(flags: readonly string[]): string[] {
  const joined: string[] = [];
  for (const flag of chosen(flags, (name) => PERMISSION_FLAG.test(name))) {
    if (flag.startsWith('-')) joined.push(flag);
    else joined.push(`${joined.pop()}=${flag}`);
  }
  return joined;
}

/** `NODE_OPTIONS` without limits of the heap. Pure. */
export function withoutHeapFlags(options: string): string {
  return chosen(tokensOf(options), (name) => !HEAP_FLAG.test(name)).join(' ');
}

function isOfThisRun(name: string): boolean {
  return RUN_FLAG.test(name) || HEAP_FLAG.test(name);
}

/** A flag comes with its value. Node takes for a value whatever does not begin with a dash. */
function chosen(flags: readonly string[], isChosen: (name: string) => boolean): string[] {
  let isKept = true;
  return flags.filter((flag) => {
    if (unquoted(flag).startsWith('-')) isKept = isChosen(nameOf(flag));
    return isKept;
  });
}

/** Node takes underscores for dashes. */
function nameOf(flag: string): string {
  return unquoted(flag).replace(/=.*$/s, '').replaceAll('_', '-');
}

/** `NODE_OPTIONS` as Node splits them, each as it is written. */
function tokensOf(options: string): string[] {
  return options.match(/(?:"(?:\\.|[^"\\])*"?|[^" ])+/gs) ?? [];
}

function unquoted(flag: string): string {
  return flag.replaceAll('"', '');
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
  const runtime = ownFolder(ownFile('process-entry', import.meta.url));
  if (module.protocol !== 'file:') return codeFolders([runtime]);
  const own = fileURLToPath(module);
  return codeFolders([runtime, dirname(own), dirname(realPathOf(own) ?? own)]);
}

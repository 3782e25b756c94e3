/** Runs `mabeam` from sources as a child process: its output, also while it runs, and its exit code. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { Streams } from '../../src/cli/console.ts';
import { main } from '../../src/cli/main.ts';
import { switchEnv } from '../mutation/switch-probe.ts';

export const CLI = fileURLToPath(new URL('../../src/cli.ts', import.meta.url));

export interface Ended {
  /** Exit code, or the signal that ended the process. */
  readonly exitCode: number | NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

export interface Running {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Resolves once either stream has printed this. */
  said(pattern: RegExp): Promise<RegExpExecArray>;
  readonly ended: Promise<Ended>;
}

/** An environment without the settings of whoever runs the tests. */
export function cleanEnv(env: CommandOptions['env']): Record<string, string> {
  const { PATH = '', HOME = '', TMPDIR = tmpdir(), NODE_COMPILE_CACHE = '' } = process.env;
  return { PATH, HOME, TMPDIR, TZ: 'UTC', NODE_COMPILE_CACHE, ...switchEnv(), ...env };
}

/** Starts `mabeam` with these arguments. Ended with the test, if it has not by itself. */
export function begin(args: readonly string[], { env, cwd }: CommandOptions = {}): Running {
  const child = spawn(process.execPath, [CLI, ...args], {
    env: cleanEnv(env),
    ...(cwd === undefined ? {} : { cwd }),
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const texts = { stdout: '', stderr: '' };
  const listeners = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
      for (const listener of listeners) listener();
    });
  }
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ exitCode: code ?? signal, ...texts }));
  });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return {
    child,
    stdout: () => texts.stdout,
    stderr: () => texts.stderr,
    ended,
    said: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = pattern.exec(texts.stdout) ?? pattern.exec(texts.stderr);
          if (found === null) return;
          listeners.delete(look);
          resolve(found);
        };
        listeners.add(look);
        ended.then(() => {
          look();
          reject(new Error(`it ended without saying ${String(pattern)}:\n${texts.stdout}\n${texts.stderr}`));
        }, reject);
        look();
      }),
  };
}

/** Runs `mabeam` to its end. */
export async function mabeam(args: readonly string[], options?: CommandOptions): Promise<Ended> {
  const { child, ended } = begin(args, options);
  child.stdin.end();
  return ended;
}

/**
 * Runs `mabeam` within this process: faster, but it cannot ask for confirmation.
 *
 * @param columns of the terminal that it prints to, if it is one
 */
export async function mabeamHere(
  args: readonly string[],
  env: CommandOptions['env'] = {},
  columns?: number,
): Promise<Ended> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const texts = { stdout: '', stderr: '' };
  stdout.setEncoding('utf8').on('data', (text: string) => (texts.stdout += text));
  stderr.setEncoding('utf8').on('data', (text: string) => (texts.stderr += text));
  if (columns !== undefined) Object.assign(stdout, { isTTY: true, columns });
  const streams = { stdin, stdout, stderr, env } as unknown as Streams;
  const exitCode = await main(args, streams);
  return { exitCode, ...texts };
}

/** A folder of its own for one test. */
export async function ownFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'mabeam-cli-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

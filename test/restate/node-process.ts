/** Nodes in processes of their own, that a test kills and freezes; ended with it. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { AgentNodeOptions } from '../../src/restate.ts';
import type { Engine } from './engine.ts';

/** How long a node may take to leave in order. */
const LEAVE_MS = 10_000;

/** What changes a node's program before it begins. */
const PRELOADS = {
  'other chart': new URL('other-chart.ts', import.meta.url).href,
  'settable clock': new URL('settable-clock.ts', import.meta.url).href,
} as const;

export interface NodeProcess {
  readonly name: string;
  readonly pid: number;
  kill(signal: NodeJS.Signals): void;
  /** Sets the clock of one that has a settable one, by so much ahead of the right time. */
  setClock(offMs: number): Promise<void>;
  readonly exited: Promise<void>;
}

export async function nodeProcess(
  { ingressUrl, adminUrl }: Pick<Engine, 'ingressUrl' | 'adminUrl'>,
  name: string,
  options: Partial<AgentNodeOptions> = {},
  version: 1 | 2 = 1,
  preload?: keyof typeof PRELOADS,
): Promise<NodeProcess> {
  const program = fileURLToPath(new URL('node-program.ts', import.meta.url));
  const given = { name, listen: 'http://127.0.0.1:0', restate: { ingressUrl, adminUrl }, ...options };
  const child: ChildProcess = fork(program, [JSON.stringify(given), String(version)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: preload === undefined ? [] : ['--import', PRELOADS[preload]],
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  onTestFinished(async () => {
    // One that leaves in order is not taken for alive by the next test.
    child.kill('SIGCONT');
    child.kill('SIGTERM');
    const patience = setTimeout(() => child.kill('SIGKILL'), LEAVE_MS);
    await exited;
    clearTimeout(patience);
  });
  await new Promise<void>((resolve, reject) => {
    child.once('message', () => resolve());
    child.once('exit', (code) => reject(new Error(`node ${name} ended with ${code} before it had joined`)));
  });
  const setClock = async (clockOffMs: number): Promise<void> => {
    const heard = once(child, 'message');
    child.send({ clockOffMs });
    await heard;
  };
  return { name, pid: child.pid!, kill: (signal) => void child.kill(signal), setClock, exited };
}

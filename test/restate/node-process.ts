/** Nodes in processes of their own, that a test kills and freezes; ended with it. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { AgentNodeOptions } from '../../src/restate.ts';
import type { Engine } from './engine.ts';

/** How long a node may take to leave in order. */
const LEAVE_MS = 10_000;

/** Gives a node's program another agent chart. */
const OTHER_CHART = new URL('other-chart.ts', import.meta.url).href;

export interface NodeProcess {
  readonly name: string;
  readonly pid: number;
  kill(signal: NodeJS.Signals): void;
  readonly exited: Promise<void>;
}

export async function nodeProcess(
  { ingressUrl, adminUrl }: Pick<Engine, 'ingressUrl' | 'adminUrl'>,
  name: string,
  options: Partial<AgentNodeOptions> = {},
  version: 1 | 2 = 1,
  chart: 'same' | 'other' = 'same',
): Promise<NodeProcess> {
  const program = fileURLToPath(new URL('node-program.ts', import.meta.url));
  const given = { name, listen: 'http://127.0.0.1:0', restate: { ingressUrl, adminUrl }, ...options };
  const child: ChildProcess = fork(program, [JSON.stringify(given), String(version)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: chart === 'same' ? [] : ['--import', OTHER_CHART],
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
  return { name, pid: child.pid!, kill: (signal) => void child.kill(signal), exited };
}

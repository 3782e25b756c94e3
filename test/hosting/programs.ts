/** Programs of their own, for what would take the test runner along. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface RunningProgram {
  readonly process: ChildProcess;
  readonly pid: number;
  /** Its lines so far. */
  readonly lines: string[];
  /** The next line that is not read yet. */
  line(): Promise<string>;
  ended(): Promise<{ code: number | null; signal: NodeJS.Signals | null; stderr: string }>;
}

export function startProgram(
  program: URL,
  args: string[] = [],
  flags: string[] = [],
  {
    cwd,
    env = {},
    leadsGroup = false,
  }: {
    readonly cwd?: string;
    readonly env?: Readonly<Record<string, string>>;
    /** In a process group of its own, as a terminal or a service manager would have it. */
    readonly leadsGroup?: boolean;
  } = {},
): RunningProgram {
  const file = fileURLToPath(program);
  const child = spawn(process.execPath, [...flags, file, ...args], {
    cwd,
    detached: leadsGroup,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const lines: string[] = [];
  const reader = createInterface(child.stdout);
  reader.on('line', (line) => lines.push(line));
  const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  return {
    process: child,
    pid: child.pid!,
    lines,
    async line() {
      if (lines.length === 0) await Promise.race([once(reader, 'line'), closed]);
      const line = lines.shift();
      if (line === undefined) throw new Error(`${program.href} ended without another line: ${stderr}`);
      return line;
    },
    async ended() {
      const [code, signal] = await closed;
      return { code, signal, stderr };
    },
  };
}

export function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean).map(Number);
}

/**
 * An MCP server in a process of its own, spoken to over its standard input and output.
 *
 * Owns the process and all that it starts. What the protocol says is the SDK's.
 *
 * I1  The process leads a group of its own, and the group ends with the connection: the server is asked to go, then told,
 *     then killed.
 * I2  The group does not outlive this program, a kill with -9 included: not all servers end when their input does, and
 *     what a launcher has started may not even hear of it.
 * I3  A server whose message does not end is killed: nothing else that it has to say can be heard.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { getDefaultEnvironment } from '@modelcontextprotocol/sdk/client/stdio.js';
import { deserializeMessage, serializeMessage } from '@modelcontextprotocol/sdk/shared/stdio.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { GroupGuard } from '../runtime/hosting/hosts/group-guard.ts';
import { unrefTimers, within } from '../runtime/time/deadline.ts';
import { MAX_ENDLESS, MessageLines, messageTooLong } from './message-lines.ts';
import { OpenRequests } from './open-requests.ts';

interface ServerCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string | undefined;
}

/** How long a server may take to go once its input has ended, and again once it was told to; as the SDK has it. */
const GRACE_MS = 2_000;

/** For systems whose processes have groups. */
export class ServerProcess implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  readonly #command: ServerCommand;
  /** Told each line that the server writes to its standard error. */
  readonly #printed: (line: string) => void;
  readonly #guard = new GroupGuard();
  readonly #open = new OpenRequests();
  readonly #lines = new MessageLines((line) => this.#heard(line), {
    tooLong: (refusal) => {
      this.onerror?.(messageTooLong());
      if (refusal !== undefined) this.#deliver(refusal);
    },
    soleRequest: () => this.#open.sole,
    endless: () => {
      this.onerror?.(new Error(`a message of the server does not end: it is longer than ${MAX_ENDLESS}`));
      if (this.#process?.pid !== undefined) signal(this.#process.pid, 'SIGKILL');
    },
  });
  #process: ChildProcess | undefined;

  constructor(command: ServerCommand, printed: (line: string) => void) {
    this.#command = command;
    this.#printed = printed;
  }

  start(): Promise<void> {
    const { command, args, env, cwd } = this.#command;
    // Where it could not be made there may be no stream: `error` says why.
    const child: ChildProcess = spawn(command, args, {
      cwd,
      env: { ...getDefaultEnvironment(), ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    this.#process = child;
    if (child.pid !== undefined) this.#guard.watch(child.pid);
    child.stdout?.on('data', (chunk: Buffer) => this.#lines.append(chunk));
    child.stderr?.on('data', (chunk: Buffer) => {
      for (const line of chunk.toString('utf8').split('\n')) if (line.trim() !== '') this.#printed(line);
    });
    for (const stream of [child.stdin, child.stdout, child.stderr])
      stream?.on('error', (error) => this.onerror?.(error));
    child.on('exit', () => {
      // What it has started, and left, ends with it.
      if (child.pid !== undefined) signal(child.pid, 'SIGKILL');
    });
    child.on('close', () => this.#gone());
    return new Promise((resolve, reject) => {
      child.on('spawn', resolve);
      child.on('error', (error) => {
        reject(error);
        this.onerror?.(error);
      });
    });
  }

  send(message: JSONRPCMessage): Promise<void> {
    const stdin = this.#process?.stdin;
    if (!stdin) return Promise.reject(new Error('the server has ended'));
    this.#open.sent(message);
    return new Promise((resolve) => {
      if (stdin.write(serializeMessage(message))) resolve();
      else stdin.once('drain', resolve);
    });
  }

  async close(): Promise<void> {
    const child = this.#process;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => void child.once('exit', () => resolve()));
    child.stdin?.end();
    if (await isWithin(ended, GRACE_MS)) return;
    signal(child.pid, 'SIGTERM');
    if (await isWithin(ended, GRACE_MS)) return;
    signal(child.pid, 'SIGKILL');
    await ended;
  }

  /** A line that is no message is reported, and those that follow it are heard. */
  #heard(line: string): void {
    try {
      this.#deliver(deserializeMessage(line));
    } catch (thrown) {
      this.onerror?.(thrown as Error);
    }
  }

  #deliver(message: JSONRPCMessage): void {
    this.#open.heard(message);
    this.onmessage?.(message);
  }

  #gone(): void {
    this.#process = undefined;
    this.#guard.close();
    this.onclose?.();
  }
}

/** To all of a group. One that is gone is no fault. */
function signal(group: number, name: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(-group, name);
  } catch {
    // It has ended.
  }
}

function isWithin(ended: Promise<void>, ms: number): Promise<boolean> {
  const isIn = ended.then(() => true);
  return within(unrefTimers, ms, isIn, () => false);
}

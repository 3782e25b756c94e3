/**
 * An MCP server in a process of its own, spoken to over its standard input and output.
 *
 * Owns the process and all that it starts. What the protocol says is the SDK's.
 *
 * I1  The process leads a session of its own, which ends with the connection, before that is told: on Linux all of the
 *     session, else its group. The server is asked to go, then told, then killed.
 * I2  The group does not outlive this program, a kill with -9 included: not all servers end when their input does, and
 *     what a launcher has started may not even hear of it.
 * I3  A server whose message does not end is killed: nothing else that it has to say can be heard.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Stream } from 'node:stream';
import { getDefaultEnvironment } from '@modelcontextprotocol/sdk/client/stdio.js';
import { deserializeMessage, serializeMessage } from '@modelcontextprotocol/sdk/shared/stdio.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { endedSessions } from '../runtime/hosting/hosts/ended-sessions.ts';
import { GroupGuard, killGroup } from '../runtime/hosting/hosts/group-guard.ts';
import { descriptorLack } from '../runtime/hosting/hosts/spare-descriptors.ts';
import { PrintedLines } from '../runtime/hosting/hosts/printed-lines.ts';
import { systemClock } from '../runtime/time/clock.ts';
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
/** How long its output is read after its end, where somebody else holds that open. */
const OUTPUT_MS = 250;

const clock = systemClock();
const sessions = endedSessions(clock);

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
  readonly #ended = Promise.withResolvers<void>();
  #process: ChildProcess | undefined;

  constructor(command: ServerCommand, printed: (line: string) => void) {
    this.#command = command;
    this.#printed = printed;
  }

  start(): Promise<void> {
    const lack = descriptorLack();
    if (lack !== undefined) return Promise.reject(lack);
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
    tellLines(child.stderr, this.#printed);
    for (const stream of [child.stdin, child.stdout, child.stderr])
      stream?.on('error', (error) => this.onerror?.(error));
    // What it has started, and left, ends with it.
    let sessionGone: Promise<void> | undefined;
    child.on('exit', () => {
      killGroup(child.pid!);
      sessionGone = sessions?.end(child.pid!);
      const timer = unrefTimers.setTimeout(() => {
        child.stdout?.destroy();
        child.stderr?.destroy();
      }, OUTPUT_MS);
      child.on('close', () => unrefTimers.clearTimeout(timer));
    });
    child.on('close', () => void Promise.resolve(sessionGone).then(() => this.#gone()));
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
    if (child?.pid === undefined) return;
    const ended = this.#ended.promise;
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
    const pid = this.#process?.pid;
    this.#process = undefined;
    if (pid !== undefined) this.#guard.release(pid);
    this.#guard.close();
    this.#ended.resolve();
    this.onclose?.();
  }
}

/** Tells the lines of a stream as those that an agent prints are told. */
export function tellLines(stream: Stream | null, tell: (line: string) => void): void {
  const lines = new PrintedLines({ clock, tell });
  stream?.on('data', (chunk: Buffer) => lines.take(chunk));
  stream?.on('close', () => lines.end());
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

/**
 * One child process for one agent, or for a group of them: made, measured, ended.
 *
 * Its limits are hard: V8's own for the heap, a watched resident size for all that is not heap, SIGKILL for an end.
 *
 * I1  It does not outlive its parent: it leaves when its channel closes, and is killed with its parent even
 *     while it spins. The kernel sees to that where `setpriv` is there to ask it, else a thread of its own does.
 *     Where `setpriv` fails at its own work, the process is made again without it, once.
 * I2  It leads a session of its own: what a terminal or a service manager sends to the group of the program does not
 *     reach it, and whatever it starts ends with it, before its end is told: on Linux all of its session, else its group.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { getHeapStatistics } from 'node:v8';
import type { ExitReason, ParsedAgentSpec } from '../../../machines/index.ts';
import type { SteadyClock } from '../../time/clock.ts';
import { errorInfoOf } from '../../values/errors.ts';
import type { Usage } from '../host.ts';
import type { Child, ChildListener } from './child.ts';
import type { EndedSessions } from './ended-sessions.ts';
import { environmentFor } from './environment.ts';
import type { WithErrors } from './errors-within.ts';
import { CHANNEL_FD, FrameReader, MAX_CONTENT_BYTES, MAX_FRAME_BYTES, writeFrame } from './frames.ts';
import { type GroupGuard, hasGroups, isGroupThere, killGroup } from './group-guard.ts';
import {
  heapFlags,
  inheritedFlags,
  inheritedOptions,
  ownPermissions,
  permissionFlags,
  withoutHeapFlags,
} from './node-flags.ts';
import { ownFile } from './own-file.ts';
import { PrintedLines } from './printed-lines.ts';
import { processExitReason } from './process-exit.ts';
import type { ProcessMeter } from './process-meter.ts';
import { BATCH_ITEMS, type ChildMessage, WINDOW } from './protocol.ts';
import { setSessionPriority } from './session-priority.ts';
import { descriptorLack } from './spare-descriptors.ts';
import { NICENESS } from './thread-child.ts';
import { foldersOfChild } from './working-folder.ts';

/** What the thread in a process that watches it is told. */
export interface WatchData {
  readonly entry: string;
  readonly parentPid: number;
  readonly maxResidentBytes: number | undefined;
  readonly everyMs: number;
}

/** What the process's entry is told. */
export interface ProcessEntryData {
  /** For people who list processes. */
  readonly name: string;
  readonly parentPid: number;
  /** The folder to go to before anything is loaded, where that is another than the one it is made in. */
  readonly worksIn?: string | undefined;
  readonly watch?: WatchData | undefined;
  readonly usageEveryMs?: number | undefined;
}

export interface ProcessChildOptions {
  readonly clock: SteadyClock;
  readonly name: string;
  readonly module: URL;
  readonly resources: Omit<ParsedAgentSpec['resources'], 'maxRuntimeMs'>;
  /** The command that has the kernel kill a process with its parent, where there is one. */
  readonly setpriv: string | undefined;
  /** That command was of no use, and why: the process runs without it. */
  untied(problem: string): void;
  /** Sees to the process and all that it starts once this program is gone. */
  readonly guard: GroupGuard;
  /** Sees to what has left the group of a process that has ended, where the system can tell. */
  readonly sessions: EndedSessions | undefined;
  /** Measures processes from outside, where the system can. */
  readonly meter: ProcessMeter | undefined;
  readonly watchEveryMs: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly execArgv: readonly string[] | undefined;
}

/** How long a process that left its channel, or its output unread, may take to be gone for good. */
const LEAVE_MS = 1_000;
const OUTPUT_MS = 250;
/** How often it is looked whether what it had started, and was killed with it, is gone. */
const GROUP_LOOKS = 125;
const GROUP_LOOK_MS = 2;
const STDERR_TAIL = 16_384;
/** What one message of a child may take of this program's memory. */
const PART_OF_HEAP = Math.floor(getHeapStatistics().heap_size_limit / 4);
const USAGE_EVERY_MS = 1_000;
/**
 * After so many messages its channel rests for a turn of the loop, so that other children and timers have theirs: one
 * that does not keep to its window would be read without end.
 */
const MESSAGES_A_TURN = WINDOW * BATCH_ITEMS;
const ignore = (): void => {};

export class ProcessChild implements Child {
  readonly kind = 'process';
  usage: Usage | undefined;
  readonly #options: ProcessChildOptions;
  readonly #listener: ChildListener;
  #process!: ChildProcess;
  #channel: Socket | undefined;
  /** What was sent before anything was heard, for a process that is made again; `undefined` where none would be. */
  #unheard: WithErrors<ChildMessage>[] | undefined;
  #isKept = true;
  #intent: ExitReason | undefined;
  #stderr = '';
  #printed: PrintedLines[] = [];
  #hasStarted = false;
  #isEnded = false;
  #timer: unknown;

  constructor(options: ProcessChildOptions, listener: ChildListener) {
    this.#options = options;
    this.#listener = listener;
    this.#unheard = options.setpriv === undefined ? undefined : [];
    this.#begin(options.setpriv);
    if (this.#process.pid !== undefined || options.setpriv === undefined) return;
    this.#beginUntied(`${options.setpriv} could not be started`);
  }

  #begin(setpriv: string | undefined): void {
    const { clock, guard } = this.#options;
    const child = start(this.#options, setpriv);
    this.#process = child;
    if (hasGroups && child.pid !== undefined) guard.watch(child.pid);
    child.on('error', (error) => {
      if (this.#process === child) this.#failed(error);
    });
    // If the process could not be made there may be no stream: `error` says why.
    this.#channel = (child.stdio as ChildProcess['stdio'] | undefined)?.[CHANNEL_FD] as Socket | undefined;
    this.#listen();
    child.on('exit', (code, signal) => this.#exited(child, code, signal));
    this.#stderr = '';
    this.#printed = [];
    for (const stream of ['stdout', 'stderr'] as const) {
      const tell = (line: string): void => {
        if (!this.#isEnded) this.#listener.printed(stream, line);
      };
      const lines = new PrintedLines({ clock, tell });
      this.#printed.push(lines);
      child[stream]?.on('data', (chunk: Buffer) => {
        if (stream === 'stderr') this.#stderr = (this.#stderr + chunk.toString('latin1')).slice(-STDERR_TAIL);
        lines.take(chunk);
      });
    }
    if (!startsAsProgram(this.#options.resources)) this.#prioritize();
  }

  /** Once: what was sent to the first is sent again. */
  #beginUntied(problem: string): void {
    const unheard = this.#unheard ?? [];
    this.#unheard = undefined;
    for (const stream of [this.#process.stdout, this.#process.stderr, this.#channel]) stream?.destroy();
    this.#begin(undefined);
    if (this.#process.pid !== undefined) this.#options.untied(problem);
    if (!this.#isKept) this.ref(false);
    for (const message of unheard) this.send(message);
  }

  /** Descriptors may have run out since it was first begun: then it has ended. */
  #beginAgain(problem: string): void {
    try {
      this.#beginUntied(problem);
    } catch (thrown) {
      this.#end({ error: errorInfoOf(thrown) });
    }
  }

  send(message: WithErrors<ChildMessage>): void {
    if (this.#channel !== undefined) writeFrame(this.#channel, message);
    this.#unheard?.push(message);
  }

  kill(reason: ExitReason): void {
    this.#intent ??= reason;
    this.#killAll();
  }

  /** It and all that it has started. */
  #killAll(): void {
    const { pid } = this.#process;
    if (hasGroups && pid !== undefined) killGroup(pid);
    this.#process.kill('SIGKILL');
  }

  ref(isKept: boolean): void {
    this.#isKept = isKept;
    const handles = [this.#process, this.#channel, this.#process.stdout, this.#process.stderr];
    for (const handle of handles as ({ ref?(): void; unref?(): void } | null | undefined)[]) {
      if (isKept) handle?.ref?.();
      else handle?.unref?.();
    }
  }

  watch(): void {
    const { meter, resources } = this.#options;
    const { pid } = this.#process;
    if (meter === undefined || pid === undefined || this.#isEnded) return;
    const usage = meter.measure(pid);
    if (usage === undefined) return;
    this.usage = usage;
    if (usage.memoryBytes > (resources.maxMemoryBytes ?? Infinity)) this.kill('out_of_memory');
  }

  #listen(): void {
    // A message longer than all of its memory is not a value of its own, nor is one that takes more of it.
    const { maxMemoryBytes = Infinity } = this.#options.resources;
    const maxBytes = Math.min(MAX_FRAME_BYTES, maxMemoryBytes);
    const maxContentBytes = Math.min(MAX_CONTENT_BYTES, PART_OF_HEAP, 2 * maxMemoryBytes);
    let heard = 0;
    const message = (came: unknown): void => {
      heard += 1;
      this.#unheard = undefined;
      this.#listener.message(came);
    };
    const fault = (problem: string): void =>
      this.kill({ error: { name: 'ChannelError', message: `its process sent ${problem}` } });
    const reader = new FrameReader({ message, fault }, { maxBytes, maxContentBytes });
    const channel = this.#channel;
    channel?.on('data', (chunk: Buffer) => {
      reader.take(chunk);
      if (heard < MESSAGES_A_TURN) return;
      heard = 0;
      channel.pause();
      setImmediate(() => channel.resume());
    });
    // That it is gone is told by `close`.
    channel?.on('error', ignore);
    channel?.on('close', () => {
      if (this.#channel === channel) this.#disconnected();
    });
  }

  started(): void {
    const isFirst = !this.#hasStarted;
    this.#hasStarted = true;
    if (isFirst && isThere(this.#process) && startsAsProgram(this.#options.resources)) this.#prioritize();
  }

  #prioritize(): void {
    const niceness = NICENESS[this.#options.resources.cpuPriority];
    const child = this.#process;
    const { pid } = child;
    if (niceness === undefined || pid === undefined) return;
    try {
      setSessionPriority(pid, niceness, () => isThere(child));
    } catch (thrown) {
      this.kill({ error: errorInfoOf(thrown) });
    }
  }

  #failed(error: Error): void {
    // Without a process id it was never there, and nothing else will be heard of it.
    if (this.#process.pid !== undefined) return;
    this.#intent ??= { error: errorInfoOf(error) };
    this.#end(this.#intent);
  }

  #disconnected(): void {
    if (this.#isEnded || !isThere(this.#process)) return;
    this.#timer = this.#options.clock.setTimeout(() => this.kill('disconnected'), LEAVE_MS);
  }

  #exited(child: ChildProcess, code: number | null, signal: NodeJS.Signals | null): void {
    const { clock, sessions } = this.#options;
    clock.clearTimeout(this.#timer);
    if (this.#process !== child) return;
    this.#killAll();
    const sessionGone = child.pid === undefined ? undefined : sessions?.end(child.pid);
    const end = () => {
      if (this.#process !== child) return;
      clock.clearTimeout(this.#timer);
      const problem = code === 0 ? undefined : this.#problemOfSetpriv();
      if (problem !== undefined) {
        const { pid } = this.#process;
        if (hasGroups && pid !== undefined) this.#options.guard.release(pid);
        return this.#beginAgain(problem);
      }
      const reason = this.#intent ?? processExitReason({ code, signal, stderr: this.#stderr });
      if (sessionGone === undefined) this.#endWithGroup(reason, GROUP_LOOKS);
      else void sessionGone.then(() => this.#endWithGroup(reason, GROUP_LOOKS));
    };
    if (this.#intent !== undefined) return end();
    // What it wrote last may still be on its way, and tells an overrun of memory from another abort.
    this.#process.once('close', end);
    this.#timer = clock.setTimeout(end, OUTPUT_MS);
  }

  /** What `setpriv` said of its own failure, where that is all that was ever heard. */
  #problemOfSetpriv(): string | undefined {
    if (this.#unheard === undefined || this.#intent !== undefined) return undefined;
    return /^setpriv: .*$/m.exec(this.#stderr)?.[0];
  }

  /** What it had started was killed with it, and may take a moment to be gone: a port, say, is free then. */
  #endWithGroup(reason: ExitReason, looksLeft: number): void {
    const { clock, guard } = this.#options;
    const { pid } = this.#process;
    if (hasGroups && pid !== undefined) {
      if (looksLeft > 0 && isGroupThere(pid)) {
        this.#timer = clock.setTimeout(() => this.#endWithGroup(reason, looksLeft - 1), GROUP_LOOK_MS);
        return;
      }
      guard.release(pid);
    }
    this.#end(reason);
  }

  #end(reason: ExitReason): void {
    if (this.#isEnded) return;
    for (const lines of this.#printed) lines.end();
    this.#isEnded = true;
    for (const stream of [this.#process.stdout, this.#process.stderr, this.#channel]) stream?.destroy();
    this.#listener.ended(reason);
  }
}

/** @throws when too few descriptors are left */
function start(options: ProcessChildOptions, setpriv: string | undefined): ChildProcess {
  const lack = descriptorLack();
  if (lack !== undefined) throw lack;
  const { name, module, resources, meter, watchEveryMs, env } = options;
  const parentPid = process.pid;
  const { madeIn, worksIn } = foldersOfChild();
  // A sandbox may refuse it the thread: the guard of the program sees to it then.
  const mayWatch = resources.sandbox === undefined || resources.sandbox.worker;
  const isWatched = mayWatch && (setpriv === undefined || meter === undefined);
  const told: ProcessEntryData = {
    name,
    parentPid,
    worksIn,
    watch: isWatched
      ? {
          entry: ownFile('orphan-watch', import.meta.url).href,
          parentPid,
          maxResidentBytes: meter === undefined ? resources.maxMemoryBytes : undefined,
          everyMs: watchEveryMs,
        }
      : undefined,
    usageEveryMs: meter === undefined ? USAGE_EVERY_MS : undefined,
  };
  const flags = [
    ...(options.execArgv ?? inheritedFlags(process.execArgv)),
    ...heapFlags(resources.maxMemoryBytes),
    ...(resources.sandbox === undefined
      ? ownPermissions(process.execArgv)
      : permissionFlags(resources.sandbox, module)),
  ];
  const entry = fileURLToPath(ownFile('process-entry', import.meta.url));
  const args = [...flags, entry, JSON.stringify(told)];
  const inherited = environmentFor(resources.env, process.env);
  const nodeOptions = nodeOptionsOf(env['NODE_OPTIONS'], inherited['NODE_OPTIONS'], resources);
  return spawn(
    setpriv ?? process.execPath,
    setpriv === undefined ? args : ['--pdeathsig', 'KILL', process.execPath, ...args],
    {
      env: {
        ...inherited,
        ...env,
        ...(nodeOptions === undefined ? {} : { NODE_OPTIONS: nodeOptions }),
      },
      cwd: madeIn,
      detached: hasGroups,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    },
  );
}

/** What it said last may be read after its end. */
function isThere({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null;
}

/**
 * Whether it is `low` only once it has started, so that no start, and no restart, waits for what others compute. To
 * lower it then, this program has to see its threads; and code that is not trusted is never to be more than `low`.
 */
function startsAsProgram({ cpuPriority, sandbox }: ProcessChildOptions['resources']): boolean {
  return cpuPriority === 'low' && sandbox === undefined && ownPermissions(process.execArgv).length === 0;
}

/** Those of the host, else those that are inherited; `undefined` for none. */
function nodeOptionsOf(
  own: string | undefined,
  inherited: string | undefined,
  { sandbox }: ProcessChildOptions['resources'],
): string | undefined {
  if (own !== undefined) return withoutHeapFlags(own);
  return inherited === undefined ? undefined : inheritedOptions(inherited, sandbox !== undefined);
}

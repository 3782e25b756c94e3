/**
 * One worker thread for one agent: made, measured, ended.
 *
 * Its memory limit is soft. V8 would answer an overrun of its own limit by aborting the whole program in too many
 * cases; so the thread is watched and terminated at the limit, and V8's is kept far above it.
 */
import { constants } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import type { ExitReason, ParsedAgentSpec } from '../../../machines/index.ts';
import type { SteadyClock } from '../../time/clock.ts';
import { errorInfoOf } from '../../values/errors.ts';
import type { Usage } from '../host.ts';
import type { Child, ChildListener } from './child.ts';
import type { WithErrors } from './errors-within.ts';
import { hasHeapFlag } from './node-flags.ts';
import { withoutForeignBytes } from './own-bytes.ts';
import { ownFile } from './own-file.ts';
import { PrintedLines } from './printed-lines.ts';
import { BATCH_ITEMS, type ChildMessage, WINDOW } from './protocol.ts';

/** What the thread's entry is told. */
export interface ThreadEntryData {
  readonly niceness: number | undefined;
}

export interface ThreadChildOptions {
  readonly clock: SteadyClock;
  readonly name: string;
  /** Whether what it prints is told; a thread whose output is read keeps the program alive. */
  readonly isHeard: boolean;
  readonly resources: Pick<ParsedAgentSpec['resources'], 'maxMemoryBytes' | 'cpuPriority'>;
}

const MEBIBYTE = 1_048_576;
/** V8's own limit, in times of the one that is watched. */
const V8_LIMIT_RATIO = 4;
/** Without a limit of its own a thread is ended when V8 is about to run out of room. */
const V8_ROOM_RATIO = 0.8;
/**
 * Node hands all messages of a thread that have come by then to the program in one turn of the loop, and its channel
 * cannot rest: while a flood of them is handed over more come than there were. One that keeps to its window is far from
 * so many.
 */
const MESSAGES_A_TURN = 32 * WINDOW * BATCH_ITEMS;
const FEW_MESSAGES = WINDOW * BATCH_ITEMS;
/** The time that a thread has used is asked for with every such measurement of its memory. */
const CPU_EVERY = 10;

/** `low` is not the lowest there is: with that an agent would not get to its start while one other thing is busy. */
export const NICENESS = {
  low: constants.priority.PRIORITY_BELOW_NORMAL,
  normal: undefined,
  high: constants.priority.PRIORITY_HIGH,
} as const;

export class ThreadChild implements Child {
  readonly kind = 'thread';
  usage: Usage | undefined;
  readonly #worker: Worker;
  readonly #maxMemoryBytes: number | undefined;
  #intent: ExitReason | undefined;
  readonly #printed: PrintedLines[] = [];
  /** Messages in this turn of the loop, and those before that were too few to look when a turn ends. */
  #heard = 0;
  #isOnline = false;
  #isMeasuring = false;
  #measured = 0;
  #cpuMs = 0;

  constructor({ clock, name, resources, isHeard }: ThreadChildOptions, listener: ChildListener) {
    this.#maxMemoryBytes = resources.maxMemoryBytes;
    const worker = new Worker(ownFile('thread-entry', import.meta.url), {
      name: JSON.stringify(name),
      workerData: { niceness: NICENESS[resources.cpuPriority] } satisfies ThreadEntryData,
      stdout: true,
      stderr: true,
      resourceLimits: limitsOf(resources.maxMemoryBytes),
    });
    this.#worker = worker;
    worker.on('online', () => {
      this.#isOnline = true;
    });
    const hear = (message: unknown): void => {
      this.#heard += 1;
      if (this.#heard === FEW_MESSAGES) setImmediate(() => (this.#heard = 0));
      if (this.#heard <= MESSAGES_A_TURN) return listener.message(message);
      worker.off('message', hear);
      const problem = `its thread sent more than ${MESSAGES_A_TURN} messages in one turn of the event loop`;
      this.kill({ error: { name: 'ChannelError', message: problem } });
    };
    worker.on('message', hear);
    worker.on('messageerror', (error) => {
      const message = `its thread sent a message that cannot be read: ${errorInfoOf(error).message}`;
      this.kill({ error: { name: 'ChannelError', message } });
    });
    worker.on('error', (error: unknown) => {
      this.#intent ??= isOutOfMemory(error) ? 'out_of_memory' : { error: errorInfoOf(error) };
    });
    worker.on('exit', (exitCode) => {
      this.#isOnline = false;
      // Its streams end later, when nobody hears it any more.
      for (const lines of this.#printed) lines.end();
      // A thread that ends on purpose announces it; an exit without an announcement is a crash, 0 included.
      listener.ended(this.#intent ?? { exitCode });
    });
    if (isHeard) this.#hear(clock, listener);
  }

  #hear(clock: SteadyClock, listener: ChildListener): void {
    for (const stream of ['stdout', 'stderr'] as const) {
      const lines = new PrintedLines({ clock, tell: (line) => listener.printed(stream, line) });
      this.#worker[stream].on('data', (chunk: Buffer) => lines.take(chunk));
      this.#printed.push(lines);
    }
  }

  send(message: WithErrors<ChildMessage>, transfer: readonly ArrayBuffer[]): void {
    this.#worker.postMessage(transfer.length > 0 ? message : withoutForeignBytes(message), transfer);
  }

  kill(reason: ExitReason): void {
    this.#intent ??= reason;
    // Whether it ends is told by `exit`; some loops are never ended.
    void this.#worker.terminate();
  }

  ref(isKept: boolean): void {
    if (isKept) this.#worker.ref();
    else this.#worker.unref();
  }

  watch(): void {
    if (!this.#isOnline || this.#isMeasuring) return;
    this.#isMeasuring = true;
    this.#measure().then(
      () => {
        this.#isMeasuring = false;
      },
      // It ended meanwhile.
      () => {},
    );
  }

  async #measure(): Promise<void> {
    const heap = await this.#worker.getHeapStatistics();
    const memoryBytes = heap.used_heap_size + heap.external_memory;
    const isPast =
      this.#maxMemoryBytes === undefined
        ? heap.used_heap_size > heap.heap_size_limit * V8_ROOM_RATIO
        : memoryBytes > this.#maxMemoryBytes;
    if (isPast) this.kill('out_of_memory');
    this.usage = { memoryBytes, cpuMs: this.#cpuMs };
    if (this.#measured % CPU_EVERY === 0 && typeof this.#worker.cpuUsage === 'function') {
      const { user, system } = await this.#worker.cpuUsage();
      this.#cpuMs = (user + system) / 1_000;
      this.usage = { memoryBytes, cpuMs: this.#cpuMs };
    }
    this.#measured += 1;
  }
}

function limitsOf(maxMemoryBytes: number | undefined) {
  if (maxMemoryBytes === undefined) return {};
  // A limit of the whole program is V8's for its threads, too, whatever they ask for; the program's own heap is
  // made already and keeps it.
  if (hasHeapFlag(process.execArgv, process.env['NODE_OPTIONS'])) {
    setFlagsFromString('--max-old-space-size=0');
    setFlagsFromString('--max-heap-size=0');
  }
  const limitMb = Math.max(1, Math.round(maxMemoryBytes / MEBIBYTE));
  return {
    maxOldGenerationSizeMb: limitMb * V8_LIMIT_RATIO,
    // Else what is garbage already could alone fill the limit.
    maxYoungGenerationSizeMb: Math.max(4, Math.round(limitMb / 8)),
  };
}

function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
}

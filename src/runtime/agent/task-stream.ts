/**
 * A task as its reader sees it: its chunks one by one, and its output at the end.
 *
 * Owns the chunks that were not read yet. How far the task may be ahead of the reader is limited
 * to `STREAM_WINDOW` where the chunks come in (task-output.ts).
 *
 * I1  Chunks come in order, each once, all before the end: `done` after an output, a throw after a failure.
 * I2  A chunk counts as taken only when it is read: a reader that stops holds its task back.
 * I3  `return`, as a `break` of a loop calls it, cancels the task, and resolves once that is over.
 */

import type { TaskStream } from '../definition/task-stream.ts';

export type { TaskStream };

/** Receives the chunks of a task. */
export interface ChunkReader {
  /** @param taken to be called once, when the chunk was read */
  take(chunk: unknown, taken: () => void): void;
}

interface Unread {
  readonly chunk: unknown;
  readonly taken: () => void;
}

type Step = IteratorResult<unknown, undefined>;

const DONE: Step = Object.freeze({ done: true, value: undefined });

export class TaskChunks implements TaskStream, ChunkReader {
  readonly output: Promise<unknown>;
  readonly #controller = new AbortController();
  #unread: Unread[] = [];
  /** Reads that wait for a chunk. */
  #reads: PromiseWithResolvers<Step>[] = [];
  #end: { readonly thrown?: unknown } | undefined = undefined;

  /** @param run begins the task; its chunks go to the reader, and the signal cancels it */
  constructor(run: (reader: ChunkReader, signal: AbortSignal) => Promise<unknown>) {
    this.output = run(this, this.#controller.signal);
    this.output.then(
      () => this.#ended({}),
      (thrown: unknown) => this.#ended({ thrown }),
    );
  }

  take(chunk: unknown, taken: () => void): void {
    // The reader has gone.
    if (this.#controller.signal.aborted) return;
    const read = this.#reads.shift();
    if (read === undefined) this.#unread.push({ chunk, taken });
    else {
      read.resolve({ done: false, value: chunk });
      taken();
    }
  }

  next(): Promise<Step> {
    const unread = this.#unread.shift();
    if (unread !== undefined) {
      unread.taken();
      return Promise.resolve({ done: false, value: unread.chunk });
    }
    if (this.#end !== undefined) return this.#last(this.#end);
    const read = Promise.withResolvers<Step>();
    this.#reads.push(read);
    return read.promise;
  }

  async return(): Promise<Step> {
    await this.#cancel(new Error('its reader has gone'));
    return DONE;
  }

  async throw(thrown?: unknown): Promise<Step> {
    await this.#cancel(thrown);
    throw thrown;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  async #cancel(why: unknown): Promise<void> {
    this.#unread = [];
    if (this.#end === undefined) this.#controller.abort(why);
    this.#end ??= {};
    for (const read of this.#reads.splice(0)) read.resolve(DONE);
    await this.output.catch(() => undefined);
  }

  #ended(end: { readonly thrown?: unknown }): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    for (const read of this.#reads.splice(0)) void this.#last(this.#end).then(read.resolve, read.reject);
  }

  /** The failure, until it was thrown once. */
  #last(end: { readonly thrown?: unknown }): Promise<Step> {
    if (!('thrown' in end)) return Promise.resolve(DONE);
    this.#end = {};
    return Promise.reject(end.thrown);
  }
}

/**
 * The chunks of one task, on their way to their reader: in order, and no faster than they are read.
 *
 * I1  At most `STREAM_WINDOW` chunks are under way. Further ones wait here, and `emit` waits with
 *     them.
 * I2  A chunk that its schema refuses is not sent: its `emit` rejects. Later chunks
 *     keep their order.
 * I3  Once the task has ended or was cancelled nothing more is sent, and `emit` rejects.
 */
import type { SteadyClock } from '../time/clock.ts';
import { refused } from '../time/loop-turn.ts';
import { ignoreRejection } from '../values/thenable.ts';
import { judge, unlessAborted, type Schema, type Verdict } from '../values/schema.ts';
import { STREAM_WINDOW } from './stream-window.ts';

interface Waiting {
  readonly chunk: unknown;
  readonly sent: PromiseWithResolvers<void>;
}

export class ChunkSender {
  readonly #task: { readonly name: string; readonly signal: AbortSignal };
  readonly #schema: Schema | undefined;
  readonly #clock: SteadyClock;
  readonly #tell: (chunk: unknown) => void;
  #waiting: Waiting[] = [];
  /** The last chunk with an asynchronous schema, and those behind it. */
  #judging: Promise<unknown> | undefined = undefined;
  #told = 0;
  #taken = 0;
  #ended: Error | undefined = undefined;
  #drained: (() => void) | undefined = undefined;

  constructor(
    task: { readonly name: string; readonly signal: AbortSignal },
    schema: Schema | undefined,
    clock: SteadyClock,
    tell: (chunk: unknown) => void,
  ) {
    this.#task = task;
    this.#schema = schema;
    this.#clock = clock;
    this.#tell = tell;
    task.signal.addEventListener('abort', () => this.end(task.signal.reason as Error), { once: true });
  }

  /** Resolves when the chunk is on its way: a slow reader is waited for. */
  emit(chunk: unknown): Promise<void> {
    if (this.#ended !== undefined) return refused(this.#clock, this.#ended);
    const before = this.#judging;
    const verdict =
      before === undefined ? judge(this.#schema, chunk) : before.then(() => judge(this.#schema, chunk));
    if (!(verdict instanceof Promise)) return this.#judged(verdict);
    const answered = unlessAborted(verdict, this.#task.signal);
    const judged: Promise<void> = answered.then((given) => {
      if (this.#judging === judging) this.#judging = undefined;
      // A task that did not wait for it hears nothing of its end.
      if (this.#ended !== undefined) ignoreRejection(judged);
      return this.#judged(given);
    });
    const judging = answered.catch(() => undefined);
    this.#judging = judging;
    return judged;
  }

  /** How many were read so far, over the whole task. */
  taken(count: number): void {
    this.#taken = Math.max(this.#taken, count);
    while (this.#waiting.length > 0 && this.#told - this.#taken < STREAM_WINDOW) {
      const { chunk, sent } = this.#waiting.shift()!;
      this.#send(chunk);
      sent.resolve();
    }
    if (this.#waiting.length === 0) this.#drained?.();
  }

  /** The task has its output: what it emitted and did not wait for goes first. `undefined` where nothing is left. */
  drained(): Promise<void> | undefined {
    if (this.#judging === undefined && this.#waiting.length === 0) return undefined;
    return (async () => {
      while (this.#judging !== undefined) await this.#judging;
      if (this.#waiting.length > 0) await new Promise<void>((resolve) => (this.#drained = resolve));
    })();
  }

  /** Sends nothing more. */
  end(why: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = why;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { sent } of waiting) {
      // A rejection that nobody awaits is no unhandled one.
      sent.promise.catch(() => undefined);
      sent.reject(why);
    }
    this.#drained?.();
  }

  #judged(verdict: Verdict): Promise<void> {
    if (this.#ended !== undefined) return refused(this.#clock, this.#ended);
    if ('problem' in verdict) {
      const message = `a chunk of ${this.#task.name} is not as defined: ${verdict.problem}`;
      return refused(this.#clock, new TypeError(message));
    }
    if (this.#waiting.length === 0 && this.#told - this.#taken < STREAM_WINDOW) {
      this.#send(verdict.value);
      return Promise.resolve();
    }
    const sent = Promise.withResolvers<void>();
    this.#waiting.push({ chunk: verdict.value, sent });
    return sent.promise;
  }

  #send(chunk: unknown): void {
    this.#told += 1;
    this.#tell(chunk);
  }
}

/** Whether what `run` gave is an async generator, whose yields are chunks. */
export function isChunkGenerator(value: unknown): value is AsyncGenerator {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.prototype.toString.call(value) === '[object AsyncGenerator]' &&
    Symbol.asyncIterator in value
  );
}

/** Emits what a generator yields; resolves with what it returns. */
export async function streamed(
  chunks: AsyncGenerator,
  emit: (chunk: unknown) => Promise<void>,
  signal: AbortSignal,
): Promise<unknown> {
  let step = await chunks.next();
  while (!step.done) {
    try {
      await emit(step.value);
    } catch (thrown) {
      // A reader that has gone has it clean up; a chunk that is refused is thrown where it was yielded.
      if (!signal.aborted) {
        step = await chunks.throw(thrown);
        continue;
      }
      await chunks.return(undefined);
      throw thrown;
    }
    step = await chunks.next();
  }
  return step.value;
}

/**
 * Streams of tasks that agents do for each other, at the system's end: `context.agents.stream`.
 *
 * Owns what tasks read, until that or they end. How a task is done for another is the caller's to say.
 */
import { z } from 'zod';
import {
  type MadeRequest,
  type RequestHandler,
  requestHandler,
  type RequestingTask,
} from '../agent/requests.ts';
import { type ChunkReader, TaskChunks } from '../agent/task-stream.ts';
import { type ExecuteArgs, streamArgs } from './call-args.ts';

const streamIdArgs = z.strictObject({ id: z.int() });
const beginArgs = streamArgs.extend(streamIdArgs.shape);

export interface CalledStreamsOptions<Task extends RequestingTask> {
  readonly execute: (args: ExecuteArgs, request: MadeRequest<Task>, reader: ChunkReader) => Promise<unknown>;
  /** The same object for every request of one task at work: what it reads goes with it. */
  readonly keyOf: (request: MadeRequest<Task>) => object;
}

export class CalledStreams<Task extends RequestingTask> {
  readonly #options: CalledStreamsOptions<Task>;
  readonly #streams = new WeakMap<object, Map<number, TaskChunks>>();

  constructor(options: CalledStreamsOptions<Task>) {
    this.#options = options;
  }

  /** Answers `agents.stream` with the output of the task, whose chunks are asked for one by one. */
  get stream(): RequestHandler<Task> {
    return requestHandler(beginArgs, ({ id, ...args }, request: MadeRequest<Task>) => {
      const chunks = new TaskChunks((reader, gone) =>
        this.#options.execute(args, { ...request, signal: AbortSignal.any([request.signal, gone]) }, reader),
      );
      this.#streamsOf(request).set(id, chunks);
      return chunks.output;
    });
  }

  /** Answers `agents.stream.read` with the next chunk, once there is one, or that there is none any more. */
  get read(): RequestHandler<Task> {
    return requestHandler(streamIdArgs, async ({ id }, request: MadeRequest<Task>) => {
      const streams = this.#streamsOf(request);
      // What it failed with is told by its output.
      const step = await streams
        .get(id)
        ?.next()
        .catch(() => undefined);
      if (step !== undefined && !step.done) return { chunk: step.value };
      streams.delete(id);
      return { isOver: true };
    });
  }

  /** Answers `agents.stream.close` when the task is over. */
  get close(): RequestHandler<Task> {
    return requestHandler(streamIdArgs, async ({ id }, request: MadeRequest<Task>) => {
      const streams = this.#streamsOf(request);
      await streams.get(id)?.return();
      streams.delete(id);
    });
  }

  #streamsOf(request: MadeRequest<Task>): Map<number, TaskChunks> {
    const key = this.#options.keyOf(request);
    let streams = this.#streams.get(key);
    if (streams === undefined) this.#streams.set(key, (streams = new Map()));
    return streams;
  }
}

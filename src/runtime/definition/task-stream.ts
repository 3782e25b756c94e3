/** A task as its reader sees it. */

/**
 * The chunks of a task, to be read once, by one reader. Chunks that are not read hold the task back, and with it the
 * output.
 */
export interface TaskStream<Chunk = unknown, Output = unknown>
  extends AsyncIterableIterator<Chunk, undefined, undefined>,
    AsyncDisposable {
  /** What the task gives in the end; refused as `agents.execute` is, and for a reader that has gone `TASK_ABANDONED`. */
  readonly output: Promise<Output>;
  /** Cancels the task. Resolves once it is over. */
  return(): Promise<IteratorResult<Chunk, undefined>>;
  /** Cancels the task with this as the reason, and throws it. */
  throw(thrown?: unknown): Promise<IteratorResult<Chunk, undefined>>;
  [Symbol.asyncIterator](): TaskStream<Chunk, Output>;
}

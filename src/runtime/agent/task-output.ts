/**
 * What a running task gives before its end: progress for its caller, and chunks of its output for their reader.
 *
 * I1  A body has at most `STREAM_WINDOW` chunks on the way to a reader; one more is dropped, and counted.
 * I2  The event loop has its turn while chunks are given and read without a pause: the body waits for it.
 */
import { STREAM_WINDOW } from '../hosting/stream-window.ts';
import { owedTurn } from '../time/loop-turn.ts';
import { tellListener } from '../values/thenable.ts';
import type { MailboxOwner } from './mailbox-owner.ts';
import type { TaskEntry } from './task-entry.ts';

/** Tells the caller how far the task is. */
export function tellProgress(entry: TaskEntry, value: unknown, owner: MailboxOwner): void {
  entry.watch?.progressed();
  const { onProgress } = entry.request;
  if (onProgress === undefined) return;
  entry.caller.runInAsyncScope(() =>
    tellListener(onProgress, value, (thrown) => owner.reportFault('a listener of progress threw', thrown)),
  );
}

/** Hands a chunk to the reader; without a reader it is dropped. */
export function takeChunk(entry: TaskEntry, chunk: unknown, owner: MailboxOwner): void {
  if (entry.chunks - entry.chunksTaken >= STREAM_WINDOW) return owner.bodyDropped();
  entry.chunks += 1;
  entry.watch?.progressed();
  const taken = () => chunkTaken(entry, owner);
  const { reader } = entry.request;
  if (reader === undefined) taken();
  else entry.caller.runInAsyncScope(() => reader.take(chunk, taken));
}

function chunkTaken(entry: TaskEntry, owner: MailboxOwner): void {
  entry.chunksTaken += 1;
  if (entry.isAnswered) return;
  const { taskId, chunksTaken, chunks } = entry;
  // The body sends on its own while there is room: it is told at intervals, and whenever it may be waiting.
  const mayWait = chunks - chunksTaken >= STREAM_WINDOW - 1;
  if (!mayWait && chunksTaken % (STREAM_WINDOW / 2) !== 0) return;
  if (owing.has(entry)) return;
  const owed = owedTurn(owner.clock);
  if (owed === undefined) return owner.post({ type: 'task.chunks_taken', taskId, taken: chunksTaken });
  owing.add(entry);
  void owed.then(() => {
    owing.delete(entry);
    if (!entry.isAnswered) owner.post({ type: 'task.chunks_taken', taskId, taken: entry.chunksTaken });
  });
}

/** Tasks whose body is told in the next turn: each once, or one turn would lead to two. */
const owing = new WeakSet<TaskEntry>();

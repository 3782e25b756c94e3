/**
 * What a thread prints leaves it at once. Node holds each line back until the program has taken the one before, and a
 * thread that is ended in an endless loop would take its last lines along.
 *
 * I1  What is printed is on its way when the call that prints it returns.
 * I2  At the most `AHEAD_BYTES` are on their way that the program has not taken: more is held back, as Node does it.
 */
import type { Writable } from 'node:stream';

/** About as much as a child process may have in its pipe. */
const AHEAD_BYTES = 65_536;

type Chunks = { chunk: unknown; encoding: BufferEncoding }[];
type Written = (error?: Error | null) => void;

/** @returns undoes it: what is written from then on is answered once the program has taken it */
export function printPromptly(stream: Writable): () => void {
  const printed = stream._writev?.bind(stream);
  // Where a thread's streams are made in another way, as in Bun, they are left as they are.
  if (printed === undefined) return () => undefined;
  let ahead = 0;
  let held: Written | undefined;
  const taken: Written = (error) => {
    ahead = 0;
    const written = held;
    held = undefined;
    written?.(error);
  };
  stream._writev = (chunks: Chunks, written: Written) => {
    for (const { chunk } of chunks) ahead += (chunk as { readonly length?: number }).length ?? 0;
    const isHeld = ahead >= AHEAD_BYTES;
    if (isHeld) held = written;
    printed(chunks, taken);
    if (!isHeld) written();
  };
  return () => {
    stream._writev = printed;
  };
}

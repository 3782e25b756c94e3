/** Diverts what a program writes to stdout and stderr, line by line, while a live table is shown there. */
import { StringDecoder } from 'node:string_decoder';

/** @returns a function that restores the streams */
export function captureOutput(
  streams: readonly NodeJS.WriteStream[],
  onLine: (line: string) => void,
): () => void {
  const undo = streams.map((stream) => {
    const own = Object.getOwnPropertyDescriptor(stream, 'write');
    // A character's bytes may come in two writes.
    const decoder = new StringDecoder();
    let rest = '';
    const write = (chunk: string | Uint8Array, ...more: unknown[]): boolean => {
      rest += typeof chunk === 'string' ? chunk : decoder.write(chunk);
      const lines = rest.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) onLine(line);
      const done = more.find((one) => typeof one === 'function');
      if (done) queueMicrotask(done as () => void);
      return true;
    };
    Object.defineProperty(stream, 'write', { value: write, configurable: true, writable: true });
    return () => {
      if (own === undefined) Reflect.deleteProperty(stream, 'write');
      else Object.defineProperty(stream, 'write', own);
      if (rest !== '') onLine(rest);
    };
  });
  return () => undo.forEach((giveBack) => giveBack());
}

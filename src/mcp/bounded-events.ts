/**
 * A stream of server-sent events, of which each is a message of JSON-RPC.
 *
 * Keeps the event that goes on, and gives whole ones. What a message means is its reader's.
 *
 * I1  No event takes more than `MAX_LINE_BYTES` of memory.
 * I2  In the answer to a request a refusal of that request stands for an event that is longer, and the stream ends with
 *     it. Elsewhere nobody knows who waits for it: it is left out. It is told of in both cases.
 * I3  The refusal has the event's id: a server that is asked what came after it does not send it again.
 */
import type { Transformer } from 'node:stream/web';
import { MAX_LINE_BYTES, refusalOf } from './message-lines.ts';

const LINE_FEED = 0x0a;
const RETURN = 0x0d;
/** Fields before the data of a long event are looked for in so much of it. */
const LOOKED_AT_BYTES = 1_024;

export class BoundedEvents implements Transformer<Uint8Array, Uint8Array> {
  /** Of the request that the stream answers. */
  readonly #id: number | undefined;
  /** Told of each event that is too long. */
  readonly #tooLong: () => void;
  #parts: Uint8Array[] = [];
  #bytes = 0;
  #isLong = false;
  #isLineEmpty = true;

  constructor(id: number | undefined, tooLong: () => void) {
    this.#id = id;
    this.#tooLong = tooLong;
  }

  transform(chunk: Uint8Array, controller: TransformStreamDefaultController<Uint8Array>): void {
    let from = 0;
    for (let at = 0; at < chunk.length; at += 1) {
      if (!this.#endsEvent(chunk[at] as number)) continue;
      this.#add(chunk.subarray(from, at + 1), controller);
      this.#end(controller);
      from = at + 1;
    }
    this.#add(chunk.subarray(from), controller);
  }

  flush(controller: TransformStreamDefaultController<Uint8Array>): void {
    this.#end(controller);
  }

  /** At an empty line. A return before the end of a line is part of that end. */
  #endsEvent(byte: number): boolean {
    const isEnd = byte === LINE_FEED && this.#isLineEmpty;
    if (byte !== RETURN) this.#isLineEmpty = byte === LINE_FEED;
    return isEnd;
  }

  #add(part: Uint8Array, controller: TransformStreamDefaultController<Uint8Array>): void {
    if (this.#isLong || part.length === 0) return;
    this.#parts.push(part);
    this.#bytes += part.length;
    if (this.#bytes <= MAX_LINE_BYTES) return;
    this.#isLong = true;
    this.#tooLong();
    const begin = Buffer.concat(this.#parts).toString('utf8', 0, LOOKED_AT_BYTES);
    this.#parts = [];
    if (this.#id === undefined) return;
    controller.enqueue(Buffer.from(`${fieldsOf(begin)}data: ${JSON.stringify(refusalOf(this.#id))}\n\n`));
    controller.terminate();
  }

  #end(controller: TransformStreamDefaultController<Uint8Array>): void {
    for (const part of this.#parts) controller.enqueue(part);
    this.#parts = [];
    this.#bytes = 0;
    this.#isLong = false;
  }
}

/** The whole lines at the begin of an event that are not its data. */
function fieldsOf(begin: string): string {
  const lines = begin.split(/\r?\n/).slice(0, -1);
  return lines
    .filter((line) => !line.startsWith('data'))
    .map((line) => `${line}\n`)
    .join('');
}

/**
 * Messages on a stream of bytes between a program and its child: cut, read, and never trusted.
 *
 * A frame is the length of a message, four bytes, little-endian, and the message itself (message-codec.ts).
 * The other side may write anything: its agents' code has the descriptor, too.
 *
 * I1  Reading never throws. Bytes that are not a frame, or cannot be read, are a fault, and all later bytes are ignored.
 * I2  What is held, and copied, is in proportion to the bytes that came, however they are cut: nothing is allocated
 *     for a length that is only claimed.
 * I3  A frame is at most `maxBytes` long, and its content takes at most `maxContentBytes` of memory, for a writer as
 *     for a reader.
 */
import type { Socket } from 'node:net';
import { errorInfoOf } from '../../values/errors.ts';
import { contentBytesOf } from './content-bytes.ts';
import { assertWithin, decoded, encoded } from './message-codec.ts';

/** What a message may take on its way, unless its reader allows for less. */
export const MAX_FRAME_BYTES = 256 * 1_048_576;

/** What the content of a message may take of memory, unless its reader has less. */
export const MAX_CONTENT_BYTES = 1_073_741_824;
/** A writer does not look at a message that is no longer: the content would have to be arrays with nothing in them. */
const SHORT_BYTES = 65_536;

const HEADER_BYTES = 4;
/** A message that is no longer is copied behind its header: two writes would cost more. */
const COPIED_BYTES = 65_536;
const NOTHING: Buffer = Buffer.alloc(0);

/** The descriptor of the stream in a child. */
export const CHANNEL_FD = 3;

/** What frames are written to. */
type FrameWriter = Pick<Socket, 'writable' | 'cork' | 'uncork' | 'write'>;

/**
 * Writes one message. A closed stream is left alone: its owner hears of the close.
 *
 * @param sent called once it has left, or cannot any more
 * @throws when a value in it cannot be cloned, or it is too long: nothing was written then
 */
export function writeFrame(
  stream: FrameWriter,
  message: readonly unknown[],
  {
    maxBytes = MAX_FRAME_BYTES,
    maxContentBytes = MAX_CONTENT_BYTES,
    sent,
  }: { readonly maxBytes?: number; readonly maxContentBytes?: number; readonly sent?: () => void } = {},
): void {
  const [head, tail] = encoded(message, HEADER_BYTES);
  const length = head.length - HEADER_BYTES + (tail?.length ?? 0);
  if (length > maxBytes) throw new RangeError(`it takes ${length} bytes, expected ${maxBytes} at the most`);
  if (tail !== undefined && tail.length > SHORT_BYTES) assertWithin(contentBytesOf(tail), maxContentBytes);
  if (!stream.writable) return sent?.();
  head.writeUInt32LE(length);
  if (tail === undefined) stream.write(head, sent);
  else if (length <= COPIED_BYTES) stream.write(Buffer.concat([head, tail]), sent);
  else {
    stream.cork();
    stream.write(head);
    stream.write(tail, sent);
    stream.uncork();
  }
}

export interface FrameListener {
  message(message: unknown): void;
  /** The other side has broken the protocol: nothing more is read. */
  fault(problem: string): void;
}

export class FrameReader {
  readonly #listener: FrameListener;
  readonly #maxBytes: number;
  readonly #maxContentBytes: number;
  /** What has come of a frame that is not complete, with room behind it. */
  #room = NOTHING;
  #heldBytes = 0;
  /** How many bytes the next step needs: those of a header, or of a frame with its header. */
  #neededBytes = HEADER_BYTES;
  #isFaulty = false;

  /** @param limits as they are for a writer who is trusted */
  constructor(listener: FrameListener, { maxBytes = MAX_FRAME_BYTES, maxContentBytes = Infinity } = {}) {
    this.#listener = listener;
    this.#maxBytes = maxBytes;
    this.#maxContentBytes = maxContentBytes;
  }

  take(chunk: Buffer): void {
    if (this.#isFaulty) return;
    const bytes = this.#heldBytes === 0 ? chunk : this.#joined(chunk);
    if (bytes.length < this.#neededBytes && bytes !== chunk) {
      this.#heldBytes = bytes.length;
      return;
    }
    let from = 0;
    try {
      while (bytes.length - from >= HEADER_BYTES) {
        const length = bytes.readUInt32LE(from);
        if (length > this.#maxBytes) {
          return this.#fail(`a message of ${length} bytes, expected ${this.#maxBytes} at the most`);
        }
        const begin = from + HEADER_BYTES;
        if (bytes.length - begin < length) break;
        from = begin + length;
        this.#read(bytes.subarray(begin, from));
        if (this.#isFaulty) return;
      }
    } finally {
      this.#hold(bytes.subarray(from));
    }
  }

  #hold(rest: Buffer): void {
    this.#room = this.#isFaulty ? NOTHING : rest;
    this.#heldBytes = this.#room.length;
    this.#neededBytes = HEADER_BYTES + (this.#heldBytes < HEADER_BYTES ? 0 : rest.readUInt32LE());
  }

  /** What is held, and the chunk behind it. Memory that was read from is never written to again: its reader has it. */
  #joined(chunk: Buffer): Buffer {
    const length = this.#heldBytes + chunk.length;
    if (length > this.#room.length) {
      const room = Buffer.allocUnsafeSlow(Math.max(length, Math.min(this.#neededBytes, 2 * this.#heldBytes)));
      this.#room.copy(room, 0, 0, this.#heldBytes);
      this.#room = room;
    }
    chunk.copy(this.#room, this.#heldBytes);
    return this.#room.subarray(0, length);
  }

  #read(body: Buffer): void {
    let message: unknown;
    try {
      message = decoded(body, this.#maxContentBytes);
    } catch (thrown) {
      return this.#fail(
        `a message of ${body.length} bytes that cannot be read: ${errorInfoOf(thrown).message}`,
      );
    }
    this.#listener.message(message);
  }

  #fail(problem: string): void {
    this.#isFaulty = true;
    this.#listener.fault(problem);
  }
}

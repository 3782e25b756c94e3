/**
 * The lines of a server, of which each is a message of JSON-RPC.
 *
 * Keeps the parts of the line that goes on. What a message means is its reader's.
 *
 * I1  No line takes more than `MAX_LINE_BYTES` of memory, and a longer one costs none of those that follow it.
 * I2  Who waits for the answer on a line that is too long is told so as soon as its id is known, which comes before the
 *     result or after it. If one alone waits for an answer, it is theirs, and they are told before its id has come.
 * I3  A line that does not end is told of, once.
 */
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';

/** Of one message, as the SDK has it; bytes. */
export const MAX_LINE_BYTES = 10 * 1024 * 1024;
export const tooLong = `the answer is longer than ${sizeOf(MAX_LINE_BYTES)}`;
/** A line that is longer is not taken for a message any more. */
const MAX_ENDLESS_BYTES = 10 * MAX_LINE_BYTES;
export const MAX_ENDLESS = sizeOf(MAX_ENDLESS_BYTES);
/** So much of the begin and of the end of a long line is looked at for its id. */
const LOOKED_AT_BYTES = 256;
const NEWLINE = 0x0a;

/** Who is told of lines that are too long. */
export interface LongLines {
  /** The refusal that stands for an answer which is too long; nothing where its id is not known. */
  tooLong(refusal: JSONRPCMessage | undefined): void;
  /** A line goes on and on. */
  endless(): void;
  /** The one request that waits for an answer that may be long; nothing where there are several, or none. */
  soleRequest(): number | undefined;
}

export class MessageLines {
  readonly #line: (line: string) => void;
  readonly #told: LongLines;
  #parts: Buffer[] = [];
  #bytes = 0;
  #long: LongLine | undefined = undefined;

  constructor(line: (line: string) => void, told: LongLines) {
    this.#line = line;
    this.#told = told;
  }

  append(chunk: Buffer): void {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      this.#add(chunk.subarray(from, end));
      this.#end();
      from = end + 1;
    }
    if (from < chunk.length) this.#add(chunk.subarray(from));
  }

  #add(part: Buffer): void {
    if (this.#long !== undefined) return this.#long.add(part);
    this.#parts.push(part);
    this.#bytes += part.length;
    if (this.#bytes <= MAX_LINE_BYTES) return;
    this.#long = new LongLine(this.#taken(), this.#told);
  }

  #end(): void {
    const long = this.#long;
    this.#long = undefined;
    if (long !== undefined) return long.end();
    const line = this.#taken().toString('utf8');
    this.#line(line.endsWith('\r') ? line.slice(0, -1) : line);
  }

  #taken(): Buffer {
    const line = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#bytes = 0;
    return line;
  }
}

/** A line that is not kept, but for its begin and its end. */
class LongLine {
  readonly #told: LongLines;
  readonly #begin: string;
  #end: Buffer;
  #bytes: number;
  #isTold = false;

  constructor(line: Buffer, told: LongLines) {
    this.#told = told;
    this.#bytes = line.length;
    this.#begin = line.toString('latin1', 0, LOOKED_AT_BYTES);
    this.#end = endOf(line);
    this.#tell(idBefore(this.#begin) ?? (isAnswer(this.#begin) ? told.soleRequest() : undefined));
  }

  add(part: Buffer): void {
    const isMessage = this.#bytes <= MAX_ENDLESS_BYTES;
    this.#bytes += part.length;
    if (isMessage && this.#bytes > MAX_ENDLESS_BYTES) this.#told.endless();
    this.#end = endOf(part.length < LOOKED_AT_BYTES ? Buffer.concat([this.#end, part]) : part);
  }

  end(): void {
    if (this.#isTold) return;
    this.#tell(isAnswer(this.#begin) ? idAfter(this.#end.toString('latin1')) : undefined);
    if (!this.#isTold) this.#told.tooLong(undefined);
  }

  #tell(id: number | undefined): void {
    if (id === undefined) return;
    this.#isTold = true;
    this.#told.tooLong(refusalOf(id));
  }
}

/** For the log: who waits for the message may not be known. */
export function messageTooLong(): Error {
  return new Error(`a message of the server is longer than ${sizeOf(MAX_LINE_BYTES)}`);
}

function sizeOf(bytes: number): string {
  return `${bytes / 1024 / 1024} MiB`;
}

/** What stands for an answer that is too long. */
export function refusalOf(id: number): JSONRPCMessage {
  return { jsonrpc: '2.0', id, error: { code: -32_000, message: tooLong } };
}

function endOf(bytes: Buffer): Buffer {
  return Buffer.from(bytes.subarray(-LOOKED_AT_BYTES));
}

/** What stands before a result; a request of the server, whose ids are its own, begins otherwise. */
const BEFORE_RESULT =
  /^\s*\{\s*(?:(?:"jsonrpc"\s*:\s*"2\.0"|"id"\s*:\s*\d{1,15})\s*,\s*)*"(?:result|error)"\s*:/;
/** Ids of requests are numbers, as the SDK gives them. */
const FIRST_ID = /"id"\s*:\s*(\d+)/;
const LAST_ID = /,\s*"id"\s*:\s*(\d{1,15})\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$/;

function isAnswer(begin: string): boolean {
  return BEFORE_RESULT.test(begin);
}

function idBefore(begin: string): number | undefined {
  return numberOf(FIRST_ID.exec(BEFORE_RESULT.exec(begin)?.[0] ?? ''));
}

function idAfter(end: string): number | undefined {
  return numberOf(LAST_ID.exec(end));
}

function numberOf(found: RegExpExecArray | null): number | undefined {
  return found === null ? undefined : Number(found[1]);
}

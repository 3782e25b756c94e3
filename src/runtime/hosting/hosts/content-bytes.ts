/**
 * How much memory a message takes once it is read, found out without reading it. Pure.
 *
 * What V8 has serialized may be short and stand for much: thirteen bytes for an array of 33 million places with nothing
 * in them, one byte for an object that takes seventy. Such a message would end the program that reads it.
 *
 * I1  The walk goes through bytes as V8 does. V8 also reads what it never writes, by rules that depend on what follows:
 *     the sixth byte of a number, say. Such bytes are refused, for what stands behind them could be hidden.
 *
 * Source: V8, src/objects/value-serializer.cc. Sizes are those of 64 bits, rounded up.
 */
import { serialize } from 'node:v8';

/** Engines other than V8 have formats of their own. */
const [FIRST, VERSION] = serialize(null);
const OF_V8 = 0xff;

const PLACE = 8;
/** A longer array is a table of what is in it. */
const MAX_PLACES = 2 ** 25;
/** A field with a number for a key has a place as in an array, unless it is this far behind the last: then all are in a table. */
const MAX_GAP = 1_024;
/** Beyond so many places, enough of them are taken for their entries to count for all. */
const MAX_UNCHECKED_PLACES = 5_000;
const ENTRY = 224;
/** Of a Map or a Set. */
const PLACE_BY_HASH = 16;
const OBJECT = 96;
const MAP = 216;
const BUFFER = 272;
/** It has pages of memory for itself, and takes long to make. */
const RESIZABLE = 16_384;

// What follows a tag. These are numbers, for every value is asked.
const NOTHING = 1;
const VARINT = 2;
const EIGHT_BYTES = 3;
/** A varint, and so many bytes. */
const BYTES = 4;
/** The same, but that the lowest bit says something else. */
const BYTES_OF_BIGINT = 5;
const VALUE = 6;
const VALUE_AND_VARINT = 7;
/** A varint; and behind it there may be a view of it. */
const VARINT_AND_VIEW = 8;
/** Values up to an end tag, and a varint. */
const VALUES = 9;
/** Keys and values up to an end tag, and a varint. */
const FIELDS = 10;
/** A varint, and that, and another varint. */
const PLACES = 11;
const PARTS_OF_ERROR = 12;
const BYTES_AND_VIEW = 13;
const BYTES_OF_RESIZABLE = 14;
const KIND_AND_BYTES = 15;

const follows = new Uint8Array(256);
const sizes = new Uint16Array(256);
const ends = new Uint8Array(256);

function define(tags: string, what: number, size: number, end = '\0'): void {
  for (const tag of tags) {
    const code = codeOf(tag);
    follows[code] = what;
    sizes[code] = size;
    ends[code] = codeOf(end);
  }
}

function codeOf(character: string): number {
  return character.charCodeAt(0);
}

define('_-0TF', NOTHING, PLACE); // undefined, a hole, null, true, false
define('IU', VARINT, PLACE); // whole numbers
define('^', VARINT_AND_VIEW, PLACE); // what has occurred before
define('N', EIGHT_BYTES, 24);
define('Z', BYTES_OF_BIGINT, 24);
define('"cS', BYTES, 24); // texts
define('D', EIGHT_BYTES, 2 * OBJECT);
define('xy', NOTHING, OBJECT); // Object(true), Object(false)
define('n', EIGHT_BYTES, OBJECT);
define('z', BYTES_OF_BIGINT, OBJECT);
define('s', VALUE, OBJECT);
define('R', VALUE_AND_VARINT, 2 * OBJECT);
define('o', FIELDS, OBJECT, '{');
define(';', VALUES, MAP, ':');
define("'", VALUES, MAP, ','); // a Set
define('A', PLACES, OBJECT, '$');
define('a', PLACES, OBJECT, '@'); // an array that may have holes
define('r', PARTS_OF_ERROR, OBJECT);
define('B', BYTES_AND_VIEW, BUFFER);
define('~', BYTES_OF_RESIZABLE, RESIZABLE);
define('\\', KIND_AND_BYTES, BUFFER); // Node's own: a view

const WITH_HOLES = codeOf('a');
const [WHOLE, UNSIGNED, DOUBLE] = ['I', 'U', 'N'].map(codeOf);
const VIEW = codeOf('V');
/** Parts of an error: of these a value follows. */
const TOLD: readonly number[] = ['m', 's', 'c'].map(codeOf);
const PROTOTYPES: readonly number[] = ['E', 'R', 'F', 'S', 'T', 'U'].map(codeOf);
const END = codeOf('.');

/**
 * Of what this engine has serialized, about; 0 where that is not V8.
 *
 * @throws TypeError for bytes that it does not write, those of another version among them
 * @throws RangeError for what is nested deeper than the stack is
 */
export function contentBytesOf(serialized: Uint8Array): number {
  if (FIRST !== OF_V8) return 0;
  if (serialized[0] !== OF_V8 || serialized[1] !== VERSION) {
    throw new TypeError(`it is not of version ${VERSION} of what V8 serializes`);
  }
  const walk = new Walk(serialized);
  walk.value();
  return walk.size;
}

/** Goes from tag to tag as V8 does, and skips what is between them. */
class Walk {
  size = 0;
  private readonly bytes: Uint8Array;
  private at = 2;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** One value, with all that is in it. */
  value(): void {
    const tag = this.tag();
    this.size += sizes[tag]!;
    switch (follows[tag]) {
      case NOTHING:
        return;
      case VARINT:
        return this.varints(1);
      case EIGHT_BYTES:
        this.at += 8;
        return;
      case BYTES:
        return this.skip(this.varint());
      case VARINT_AND_VIEW:
        this.varints(1);
        return this.view();
      case BYTES_AND_VIEW:
        this.skip(this.varint());
        return this.view();
      case BYTES_OF_BIGINT:
        return this.skip(this.varint() >>> 1);
      case VALUE:
        return this.value();
      case VALUE_AND_VARINT:
        this.value();
        return this.varints(1);
      case VALUES:
        return this.until(ends[tag]!, 1);
      case FIELDS:
        return this.fields(0, ends[tag]!, 1);
      case PLACES: {
        const places = this.varint();
        if (tag !== WITH_HOLES) for (let left = places; left > 0; left -= 1) this.value();
        if (tag !== WITH_HOLES || places <= MAX_PLACES) this.size += PLACE * places;
        return this.fields(places, ends[tag]!, 2);
      }
      case PARTS_OF_ERROR:
        return this.partsOfError();
      case BYTES_OF_RESIZABLE: {
        const length = this.varint();
        this.size += this.varint();
        this.at += length;
        return this.view();
      }
      case KIND_AND_BYTES:
        this.varints(1);
        return this.skip(this.varint());
      default:
        throw notWritten();
    }
  }

  /** A view comes behind its buffer: its kind, place, length and flags. What is behind a buffer may be no tag. */
  private view(): void {
    let at = this.at;
    while (this.bytes[at] === 0) at += 1;
    if (this.bytes[at] !== VIEW) return;
    this.at = at + 1;
    this.mark();
    this.varints(3);
    this.size += BUFFER;
  }

  private until(end: number, varints: number): void {
    for (; this.peek() !== end; this.size += PLACE_BY_HASH) this.value();
    this.tag();
    this.varints(varints);
  }

  /** @param places that are counted already */
  private fields(places: number, end: number, varints: number): void {
    let room = places;
    let isTable = places > MAX_PLACES;
    for (let next = this.peek(); next !== end; next = this.peek()) {
      const index = this.indexAhead(next);
      if (index >= places) this.size += ENTRY;
      if (index >= room && !isTable) {
        isTable = index - room >= MAX_GAP;
        // It grows by half, and a little.
        const grown = Math.ceil(1.5 * (index + 1)) + 16;
        if (!isTable && grown <= MAX_UNCHECKED_PLACES) {
          this.size += PLACE * (grown - room);
          room = grown;
        }
      }
      this.value();
      this.value();
    }
    this.tag();
    this.varints(varints);
  }

  /** The number that a key is, as number or text; -1 for another key. */
  private indexAhead(tag: number): number {
    const begin = this.at;
    this.at += 1;
    let index = -1;
    if (tag === WHOLE) index = this.varint() / 2;
    else if (tag === UNSIGNED) index = this.varint();
    else if (tag === DOUBLE)
      index = new DataView(this.bytes.buffer, this.bytes.byteOffset + this.at, 8).getFloat64(0, true);
    else if (follows[tag] === BYTES) index = this.digits(this.varint());
    this.at = begin;
    return Number.isInteger(index) ? index : -1;
  }

  /** Of so many bytes, one or two for each. */
  private digits(bytes: number): number {
    if (bytes > 20) return -1;
    let number = bytes === 0 ? -1 : 0;
    for (let at = this.at; at < this.at + bytes; at += 1) {
      const digit = this.bytes[at]! - 48;
      if (digit >= 0 && digit <= 9) number = 10 * number + digit;
      else if (digit !== -48) return -1;
    }
    return number;
  }

  private partsOfError(): void {
    for (let mark = this.mark(); mark !== END; mark = this.mark()) {
      if (TOLD.includes(mark)) this.value();
      else if (!PROTOTYPES.includes(mark)) throw notWritten();
    }
  }

  private skip(bytes: number): void {
    this.at += bytes;
    this.size += bytes;
  }

  /** The next tag, behind what fills the space before it; 0 at the end. */
  private peek(): number {
    const bytes = this.bytes;
    while (bytes[this.at] === 0) this.at += 1;
    return bytes[this.at] ?? 0;
  }

  private tag(): number {
    const tag = this.peek();
    this.at += 1;
    return tag;
  }

  /** Of one byte. */
  private mark(): number {
    const mark = this.bytes[this.at];
    this.at += 1;
    if (mark === undefined || mark >= 0x80) throw notWritten();
    return mark;
  }

  private varints(count: number): void {
    for (let left = count; left > 0; left -= 1) this.varint();
  }

  /** Seven bits a byte, the lowest first: five bytes at the most. */
  private varint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.bytes[this.at];
      if (byte === undefined) break;
      this.at += 1;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw notWritten();
  }
}

function notWritten(): TypeError {
  return new TypeError('V8 does not write such bytes');
}

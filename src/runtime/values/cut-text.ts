/**
 * The beginning of a text that somebody else wrote, for what is kept: events, records, messages. Pure.
 *
 * I1  What is kept holds nothing of the rest: a slice, as V8 makes it, has all of the text that it was cut from stay
 *     in memory.
 */

/** The beginning of a text, and how long it was. */
export function cut(text: string, length: number): string {
  return text.length <= length ? text : `${beginningOf(text, length)}... (cut, of ${text.length} characters)`;
}

/** At the most so many characters of a text, and no half of one. */
export function beginningOf(text: string, length: number): string {
  if (text.length <= length) return text;
  return ownText(text.slice(0, length).replace(/[\uD800-\uDBFF]$/, ''));
}

/** The same text, which shares its characters with no other. */
export function ownText(text: string): string {
  return Buffer.from(text, 'utf16le').toString('utf16le');
}

/** Bits of a number that is written out: the time that takes grows with their square. */
const MAX_BITS = 4_096;

/** The digits of a number; one that is very long is named. */
export function digitsOf(value: bigint): string {
  return BigInt.asIntN(MAX_BITS, value) === value ? String(value) : `a bigint of more than ${MAX_BITS} bits`;
}

/** What is cut of a text says how long it was, ends with a whole character, and holds nothing of the rest. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { beginningOf, cut, digitsOf, ownText } from '../../src/runtime/values/cut-text.ts';
import { errorInfoOf, inWords } from '../../src/runtime/values/errors.ts';

it.each<[string, number, string]>([
  ['', 0, ''],
  ['four', 4, 'four'],
  ['fours', 4, 'four... (cut, of 5 characters)'],
  ['a\u{1F600}b', 2, 'a... (cut, of 4 characters)'],
  ['a\u{1F600}b', 3, 'a\u{1F600}... (cut, of 4 characters)'],
  ['\uDC00\uD800 lone', 1, '\uDC00... (cut, of 7 characters)'],
])('%j cut to %i characters is %j', (text, length, expected) => {
  expect(cut(text, length)).toBe(expected);
  expect(beginningOf(text, length)).toBe(expected.replace(/\.\.\. \(cut.*$/, ''));
});

it('a text that is no longer than that stays as it is, whatever it ends with', () => {
  expect(beginningOf('a\uD800', 2)).toBe('a\uD800');
  expect(beginningOf('a\uD800b', 2)).toBe('a');
});

it('the digits of a number of 4,096 bits are written out, and a larger one is named', () => {
  const largest = 2n ** 4_095n - 1n;
  for (const value of [0n, -7n, largest, -largest - 1n]) expect(digitsOf(value)).toBe(String(value));
  for (const value of [largest + 1n, -largest - 2n])
    expect(digitsOf(value)).toBe('a bigint of more than 4096 bits');
});

it('gives the same text, whatever is in it', () => {
  for (const text of ['', 'plain', 'é ß \u{1F600}', '\uD800 \uDFFF', '\0\n'])
    expect(ownText(text)).toBe(text);
});

const LENGTH = 1_000_000;
const COUNT = 20;
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function bytesHeldBy(make: (text: string) => unknown): number {
  collect();
  const before = process.memoryUsage().heapUsed;
  const kept = Array.from({ length: COUNT }, (_, at) =>
    make(Buffer.alloc(LENGTH, `text ${at} `).toString('latin1')),
  );
  collect();
  const held = process.memoryUsage().heapUsed - before;
  return kept.length === COUNT ? held : Number.NaN;
}

it.each<[string, (text: string) => unknown]>([
  ['cut', (text) => cut(text, 1_000)],
  ['shown in a message', (text) => inWords(text)],
  ['shown in a message, in data', (text) => inWords({ text: [text] })],
  ['an error', (text) => errorInfoOf(new Error(text))],
  ['the data of an error', (text) => errorInfoOf(Object.assign(new Error('x'), { text, data: { text } }))],
  ['the cause of an error', (text) => errorInfoOf(new Error('x', { cause: new Error(text) }))],
])('of long texts that are %s no more is held than is kept', (_, make) => {
  expect(bytesHeldBy((text) => text)).toBeGreaterThan(COUNT * LENGTH * 0.9);
  expect(bytesHeldBy(make)).toBeLessThan(COUNT * LENGTH * 0.1);
});

/** What a program writes while a table is shown comes line by line, whole, and the streams are themselves again afterwards. */
import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { captureOutput } from '../../src/cli/live/output-capture.ts';

function rig(count = 1) {
  const streams = Array.from({ length: count }, () => new PassThrough());
  const lines: string[] = [];
  const restore = captureOutput(streams as unknown as NodeJS.WriteStream[], (line) => void lines.push(line));
  return { streams, stream: streams[0]!, lines, restore };
}

it('a line is told when it ends, however it was written; a last one that does not end is told at the end', () => {
  const { stream, lines, restore } = rig();
  stream.write('one\ntw');
  expect(lines).toEqual(['one']);
  stream.write(Buffer.from('o\n\nthree'));
  expect(lines).toEqual(['one', 'two', '']);
  restore();
  expect(lines).toEqual(['one', 'two', '', 'three']);
  expect(stream.read()).toBeNull();
});

it('a character whose bytes come in two writes is whole', () => {
  const { stream, lines, restore } = rig();
  const bytes = Buffer.from('é\u{1F600}\n€');
  for (const byte of bytes) stream.write(Buffer.of(byte));
  expect(lines).toEqual(['é\u{1F600}']);
  restore();
  expect(lines).toEqual(['é\u{1F600}', '€']);
});

it('two streams do not mix their lines', () => {
  const { streams, lines, restore } = rig(2);
  streams[0]!.write('a');
  streams[1]!.write('b\n');
  streams[0]!.write('c\n');
  restore();
  expect(lines).toEqual(['b', 'ac']);
});

it('who writes is told that it is written, and never during the write', async () => {
  const { stream, restore } = rig();
  let told = 0;
  expect(stream.write('a', () => (told += 1))).toBe(true);
  expect(stream.write('a', 'utf8', () => (told += 1))).toBe(true);
  expect(stream.write('a')).toBe(true);
  expect(told).toBe(0);
  await Promise.resolve();
  expect(told).toBe(2);
  restore();
});

it('afterwards each has the write that it had, of its own or of its class', () => {
  const plain = new PassThrough();
  const own = new PassThrough();
  const written: unknown[] = [];
  const write = (chunk: unknown) => written.push(chunk) > 0;
  own.write = write as never;
  const lines: string[] = [];
  const restore = captureOutput(
    [plain, own] as unknown as NodeJS.WriteStream[],
    (line) => void lines.push(line),
  );
  own.write('a\n');
  restore();
  expect([Object.hasOwn(plain, 'write'), own.write, lines, written]).toEqual([false, write, ['a'], []]);
  plain.write('b');
  own.write('c');
  expect([String(plain.read()), written, lines]).toEqual(['b', ['c'], ['a']]);
});

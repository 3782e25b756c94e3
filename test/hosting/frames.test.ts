import { serialize } from 'node:v8';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { contentBytesOf } from '../../src/runtime/hosting/hosts/content-bytes.ts';
import { FrameReader, writeFrame } from '../../src/runtime/hosting/hosts/frames.ts';
import { anyData } from './any-data.ts';

const HEADER_BYTES = 4;

function reader(limits?: { readonly maxBytes?: number; readonly maxContentBytes?: number }) {
  const messages: unknown[] = [];
  const faults: string[] = [];
  const frames = new FrameReader(
    { message: (message) => messages.push(message), fault: (problem) => faults.push(problem) },
    limits,
  );
  return { frames, messages, faults };
}

/** What is written of these messages. */
function written(...messages: readonly (readonly unknown[])[]): Buffer {
  const chunks: Uint8Array[] = [];
  const stream = {
    writable: true,
    cork: () => {},
    uncork: () => {},
    write: (chunk: string | Uint8Array) => chunks.push(chunk as Uint8Array) > 0,
  };
  for (const message of messages) writeFrame(stream, message);
  return Buffer.concat(chunks);
}

function framed(body: Uint8Array): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(body.length);
  return Buffer.concat([header, body]);
}

describe('frames', () => {
  test('come out as they went in, however their bytes are cut', () => {
    const messages = [
      [],
      [0],
      [1, { type: 'log' }],
      [new Map([[1, new Date(5)]])],
      [10n, 'x'.repeat(300)],
      [new Uint8Array(3)],
    ];
    const bytes = written(...messages);
    for (let size = 1; size <= bytes.length; size += 1) {
      const { frames, messages: came, faults } = reader();
      for (let from = 0; from < bytes.length; from += size) frames.take(bytes.subarray(from, from + size));
      expect(came).toEqual(messages);
      expect(faults).toEqual([]);
    }
  });
  test('keep the memory of what was read, whatever comes after', () => {
    const { frames, messages } = reader();
    const bytes = written([new Uint8Array([1, 2, 3])], [new Uint8Array([4, 5, 6])]);
    for (const byte of bytes) frames.take(Buffer.from([byte]));
    frames.take(written([new Uint8Array([7, 8, 9])]));
    expect(messages).toEqual(
      [
        [1, 2, 3],
        [4, 5, 6],
        [7, 8, 9],
      ].map((each) => [new Uint8Array(each)]),
    );
  });
  test('as long as is allowed are read, and one byte more is not', () => {
    const message = ['x'.repeat(100)];
    const body = Buffer.from(JSON.stringify(message));
    const fits = reader({ maxBytes: body.length });
    fits.frames.take(framed(body));
    expect([fits.messages.length, fits.faults]).toEqual([1, []]);
    const tooLong = reader({ maxBytes: body.length - 1 });
    tooLong.frames.take(framed(body).subarray(0, HEADER_BYTES));
    expect(tooLong.faults).toEqual([
      `a message of ${body.length} bytes, expected ${body.length - 1} at the most`,
    ]);
    const stream = { writable: true, cork: () => {}, uncork: () => {}, write: () => true };
    const write = (maxBytes: number) => () => writeFrame(stream, message, { maxBytes });
    expect(write(body.length)).not.toThrow();
    expect(write(body.length - 1)).toThrow(`it takes ${body.length} bytes, expected ${body.length - 1}`);
  });
  test('of as much content as is allowed are read, and of more are not: arrays with holes take few bytes', () => {
    const message = [Array.from({ length: 1_000 }, () => Array(10_000))];
    const body = serialize(message);
    const contentBytes = contentBytesOf(body);
    const fits = reader({ maxContentBytes: contentBytes });
    fits.frames.take(framed(body));
    expect([fits.messages, fits.faults]).toEqual([[message], []]);
    const tooMuch = reader({ maxContentBytes: contentBytes - 1 });
    tooMuch.frames.take(framed(body));
    expect(tooMuch.faults).toEqual([
      `a message of ${body.length} bytes that cannot be read: it takes about ${contentBytes} bytes of memory, expected ${contentBytes - 1} at the most`,
    ]);
  });
  test('of more content than is allowed are not written', () => {
    const message = [Array.from({ length: 20_000 }, () => Array(1))];
    const contentBytes = contentBytesOf(serialize(message));
    const stream = { writable: true, cork: () => {}, uncork: () => {}, write: () => true };
    const write = (maxContentBytes: number) => () => writeFrame(stream, message, { maxContentBytes });
    expect(write(contentBytes)).not.toThrow();
    expect(write(contentBytes - 1)).toThrow(
      `it takes about ${contentBytes} bytes of memory, expected ${contentBytes - 1} at the most`,
    );
  });
  test('of JSON are short: longer ones are written otherwise, and not read', () => {
    const items = Array.from({ length: 400_000 }, (_, at) => `item ${at}`);
    const { frames, messages, faults } = reader({ maxContentBytes: 100_000_000 });
    const bytes = written([items]);
    expect(bytes[HEADER_BYTES]).toBe(255);
    frames.take(bytes);
    expect(messages).toEqual([[items]]);
    frames.take(framed(Buffer.from(JSON.stringify([items]))));
    expect(faults).toEqual([expect.stringContaining('expected 4194304 bytes of JSON at the most')]);
  });
  test('after a fault are not heard, and it is told once', () => {
    const { frames, messages, faults } = reader();
    frames.take(Buffer.concat([written(['before']), framed(Buffer.from([1, 2, 3])), written(['after'])]));
    frames.take(written(['later']));
    frames.take(framed(Buffer.from([1])));
    expect(messages).toEqual([['before']]);
    expect(faults).toEqual([expect.stringMatching(/^a message of 3 bytes that cannot be read: ./)]);
  });
  test('of a listener that throws are not read twice', () => {
    const heard: unknown[] = [];
    const frames = new FrameReader({
      message: (message) => {
        heard.push(message);
        if ((message as string[])[0] === 'bad') throw new Error('not to my taste');
      },
      fault: (problem) => heard.push(problem),
    });
    expect(() => frames.take(written(['bad'], ['good']))).toThrow('not to my taste');
    frames.take(written(['last']));
    expect(heard).toEqual([['bad'], ['good'], ['last']]);
  });
  test('that are only claimed take no memory', () => {
    const before = process.memoryUsage().arrayBuffers;
    const claimed = Array.from({ length: 4 }, () => {
      const { frames } = reader();
      // As long as a message may be; one byte of it comes, and another.
      frames.take(Buffer.from([0, 0, 0, 16, 255]));
      frames.take(Buffer.from([15]));
      return frames;
    });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000);
    expect(claimed).toHaveLength(4);
  });
});

const RUNS = 12_000;
/** Bytes that are right but for some of them. */
const spoiled = fc
  .tuple(
    anyData.map((any) => written([1, any])),
    fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
    fc.nat(),
  )
  .map(([frame, spots, cut]) => {
    const bytes = Buffer.from(frame);
    for (const [at, byte] of spots) bytes[at % bytes.length] = byte;
    return cut % 3 === 0 ? bytes.subarray(0, cut % bytes.length) : bytes;
  });
const noise = fc.uint8Array({ maxLength: 64 });
/** What V8 writes begins with a version; the tags of its values follow. */
const json = fc.json().map((text) => framed(Buffer.from(`[${text}]`)));
const tagged = fc.uint8Array({ maxLength: 64 }).map((rest) => framed(Uint8Array.from([255, 15, ...rest])));
const tags = fc
  .array(fc.constantFrom(...Buffer.from('"oA{}a$;:\'nTFINdDZzcSrwmVBtu|~?_0@ \\'), 0, 1, 2, 127, 128, 255), {
    maxLength: 64,
  })
  .map((rest) => framed(Uint8Array.from([255, 15, ...rest])));

test(`${RUNS} streams that no child should write are taken without a throw, in one piece or in many`, () => {
  const ends = { read: 0, faulty: 0 };
  fc.assert(
    fc.property(
      fc.array(fc.oneof(spoiled, noise, noise.map(framed), json, tagged, tags), {
        minLength: 1,
        maxLength: 3,
      }),
      fc.integer({ min: 1, max: 40 }),
      (chunks, size) => {
        const bytes = Buffer.concat(chunks);
        const whole = reader();
        whole.frames.take(bytes);
        const cut = reader();
        for (let from = 0; from < bytes.length; from += size)
          cut.frames.take(bytes.subarray(from, from + size));
        expect(cut.faults).toEqual(whole.faults);
        expect(cut.messages.length).toBe(whole.messages.length);
        expect(whole.faults.length).toBeLessThanOrEqual(1);
        if (whole.faults.length > 0) ends.faulty += 1;
        if (whole.messages.length > 0) ends.read += 1;
      },
    ),
    { numRuns: RUNS, seed: 1 },
  );
  // Both have to have come about, or nothing was tried.
  expect(Math.min(ends.read, ends.faulty)).toBeGreaterThan(RUNS / 10);
});

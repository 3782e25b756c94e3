/** What goes between machines is read as it was written: JSON data, with `Infinity` and `-Infinity` in any place. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { wire } from '../../src/restate/engine/wire.ts';

const MARK = '\u0000';
const sent = (value: unknown): unknown => wire.deserialize(wire.serialize(value));
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Texts that are, or contain, what `Infinity` was and is written as. */
const texts = fc.oneof(
  fc.string(),
  fc
    .array(fc.constantFrom(`${MARK}Infinity`, MARK, '"', '\\', ':', '-'), { maxLength: 5 })
    .map((parts) => parts.join('')),
  fc.constantFrom(
    `${MARK}Infinity`,
    `${MARK}-Infinity`,
    MARK,
    `${MARK}${MARK}Infinity`,
    '1e999',
    `"${MARK}Infinity"`,
    'Infinity',
  ),
);
// No names of one escaped character: of two of them V8's own JSON.parse takes one for the other.
const keys = fc.constantFrom(
  '__proto__',
  'a',
  '1e999',
  'Infinity',
  `${MARK}Infinity`,
  `${MARK}-Infinity`,
  `b"${MARK}Infinity`,
);
const { data } = fc.letrec<{ data: unknown }>((tie) => ({
  data: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(Infinity, -Infinity),
    fc.constant(null),
    fc.boolean(),
    fc.integer(),
    texts,
    fc.array(tie('data'), { maxLength: 4 }),
    fc
      .array(fc.tuple(keys, tie('data')), { maxLength: 4 })
      .map((entries) => Object.fromEntries(entries) as unknown),
  ),
}));

test('a value is read as it was written, whatever texts, names and infinities are in it; it is left as it was', () => {
  fc.assert(
    fc.property(data, (value) => {
      const before = structuredClone(value);
      expect(sent(value)).toEqual(before);
      expect(value).toEqual(before);
    }),
  );
});

test('a text that ends as the mark of an infinity does, behind a quote, is a text beside one, too', () => {
  for (const text of [`"${MARK}Infinity`, `x"${MARK}-Infinity`, `\\"${MARK}Infinity`, `"${MARK}Infinity":`]) {
    expect(sent([Infinity, text, { [text]: -Infinity }])).toEqual([Infinity, text, { [text]: -Infinity }]);
  }
});

test('what JSON leaves out, or says otherwise, is as JSON has it', () => {
  const at = new Date(0);
  expect(sent({ at, gone: undefined, none: [undefined, Number.NaN], limit: Infinity })).toEqual({
    at: at.toJSON(),
    none: [null, null],
    limit: Infinity,
  });
});

test('nothing is read as nothing', () => {
  expect(sent(undefined)).toBe(undefined);
  expect(sent(null)).toBe(null);
});

test('what an earlier version has written is read as it was meant', () => {
  const earlier =
    '{"limit":"\\u0000Infinity","text":"\\u0000\\u0000Infinity","list":["\\u0000Infinity",1e999]}';
  expect(wire.deserialize(bytesOf(earlier))).toEqual({
    limit: Infinity,
    text: `${MARK}Infinity`,
    list: [Infinity, Infinity],
  });
});

test('a value that has Infinity is JSON that any parser takes', () => {
  expect(new TextDecoder().decode(wire.serialize({ limit: Infinity, min: -Infinity, name: 'ada' }))).toBe(
    '{"limit":1e999,"min":-1e999,"name":"ada"}',
  );
});

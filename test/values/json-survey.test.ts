/** What can be kept as JSON, where it could not, and that the look at it ends whatever it is given. */
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { jsonProblemOf, JsonSurvey } from '../../src/runtime/values/json-survey.ts';

const TOO_LONG = /is longer than 268,435,456 characters as JSON$/;

/** As many objects as levels, and twice as much text with each of them. */
function doubled(levels: number, leaf: unknown = 1, made = (array: unknown[]) => array): unknown {
  let value = leaf;
  for (let level = 0; level < levels; level += 1) value = made([value, value]);
  return value;
}

function chain(levels: number, end: object): object[] {
  const links = [end];
  for (let level = 0; level < levels; level += 1) links.push({ next: links.at(-1) });
  return links;
}

test.each<[boolean, unknown]>([
  [true, { a: [1, 'b', null, { c: true }] }],
  [true, runInNewContext('({ a: [1, { b: true }] })')],
  [false, { $: 1 }],
  [false, [{ a: { $: 1 } }]],
  [false, NaN],
  [false, -0],
  [false, [undefined]],
  [false, Object.create(null)],
])('%s: JSON holds %j as it is', (isPlain, value) => {
  const survey = new JsonSurvey();
  expect([survey.problemOf(value), survey.isPlain]).toEqual([undefined, isPlain]);
});

test('an instance of a class is no data, in whatever realm the class is', () => {
  const point = runInNewContext('new (class Point { x = 1 })()');
  expect(jsonProblemOf(point)).toBe('it is an instance of Point');
  expect(jsonProblemOf(runInNewContext('new Map()'))).toBe('it is an instance of Map');
});

describe('what occurs many times', () => {
  test.each([10, 15, 20])('in %d levels is kept as often as it occurs', (levels) => {
    expect(jsonProblemOf(doubled(levels))).toBeUndefined();
  });

  test.each([26, 40, 400])('in %d levels is found to be too long after few looks', (levels) => {
    let looks = 0;
    const counted = (array: unknown[]) =>
      new Proxy(array, {
        ownKeys: (target) => {
          looks += 1;
          if (looks > 250_000) throw new Error('too many looks');
          return Reflect.ownKeys(target);
        },
      });
    expect(jsonProblemOf({ output: doubled(levels, 1, counted) })).toMatch(TOO_LONG);
  });

  test('is measured with the texts and keys in it', () => {
    const text = 'x'.repeat(2 ** 20);
    expect(jsonProblemOf(doubled(7, text))).toBeUndefined();
    expect(jsonProblemOf(doubled(8, text))).toMatch(TOO_LONG);
    expect(jsonProblemOf(doubled(8, { [text]: 1 }))).toMatch(TOO_LONG);
  });

  test('is refused as nested too deeply also where it was met in a shallower place before', () => {
    const links = chain(400, { many: doubled(17) });
    const top = chain(200, links.at(-1)!).at(-1)!;
    expect(jsonProblemOf([links.at(-1), top])).toMatch(/is nested deeper than 500 levels$/);
    expect(jsonProblemOf([links.at(-1), links.at(-1)])).toBeUndefined();
  });
});

test('500 levels can be kept, and one more cannot, also where the last were met in a shallower place before', () => {
  expect(jsonProblemOf(chain(499, {}).at(-1))).toBeUndefined();
  expect(jsonProblemOf(chain(500, {}).at(-1))).toMatch(/is nested deeper than 500 levels$/);
  // After so many objects it is noted how deep each is.
  const many = Array.from({ length: 100_000 }, () => ({}));
  const met = chain(99, {}).at(-1)!;
  const above = (levels: number) => chain(levels, met).at(-1)!;
  expect(jsonProblemOf([many, met, above(399)])).toBeUndefined();
  expect(jsonProblemOf([many, met, above(400)])).toMatch(/is nested deeper than 500 levels$/);
});

test('2 ** 28 characters of JSON can be kept, and one more cannot', () => {
  // Each of the texts counts for itself and 6 more, and so do the array and the last one.
  const texts: string[] = Array(255).fill('x'.repeat(2 ** 20));
  const left = 2 ** 28 - 255 * (2 ** 20 + 6) - 12;
  expect(jsonProblemOf([...texts, 'x'.repeat(left)])).toBeUndefined();
  expect(jsonProblemOf([...texts, 'x'.repeat(left + 1)])).toMatch(TOO_LONG);
});

test('a long text is as long as JSON writes it', () => {
  const text = '\0'.repeat(2 ** 21);
  expect(jsonProblemOf({ log: doubled(5, text) })).toMatch(/^log.* is longer than/);
  expect(jsonProblemOf(doubled(5, 'x'.repeat(2 ** 21)))).toBeUndefined();
});

test.each([Symbol('s'.repeat(100_000)), 2n ** 100_000n])(
  'what JSON has no word for is told in few (%#)',
  (value) => {
    expect(jsonProblemOf({ value })).toMatch(
      /^value is (?:the symbol Symbol\(s+\.\.\.|a bigint of more than 4096 bits)$/,
    );
  },
);

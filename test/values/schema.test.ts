/** What a schema of any make says of a value, in one line; it never throws, and holds up nothing. */
import { describe, expect, it } from 'vitest';
import { settled } from '../../src/testing/index.ts';
import {
  isSchema,
  judge,
  problemOf,
  type Schema,
  unlessAborted,
  type Verdict,
} from '../../src/runtime/values/schema.ts';

const standard = (validate: (value: unknown) => unknown): Schema =>
  ({ '~standard': { version: 1, vendor: 'test', validate } }) as unknown as Schema;

describe('what can judge', () => {
  it.each<[string, unknown, boolean]>([
    ['an object', standard(() => ({ value: 1 })), true],
    [
      'a function',
      Object.assign(
        () => 1,
        standard(() => ({ value: 1 })),
      ),
      true,
    ],
    ['null', null, false],
    ['a text', '~standard', false],
    ['nothing', undefined, false],
    ['an object without it', {}, false],
    ['one that is null', { '~standard': null }, false],
    ['one that is no object', { '~standard': 'validate' }, false],
    ['one that does not validate', { '~standard': {} }, false],
  ])('%s: %s', (_, value, isIt) => {
    expect(isSchema(value)).toBe(isIt);
  });
});

describe('a verdict', () => {
  it('without a schema is the value itself', () => {
    expect(judge(undefined, 7)).toEqual({ value: 7 });
  });

  it('is what the schema makes of it, or its problems', () => {
    expect(
      judge(
        standard((value) => ({ value: Number(value) + 1 })),
        7,
      ),
    ).toEqual({ value: 8 });
    const issues = [{ message: 'too late', path: ['at'] }, { message: 'too much' }];
    expect(
      judge(
        standard(() => ({ issues })),
        { at: 1 },
      ),
    ).toEqual({
      problem: 'at: too late, got 1; too much, got {"at":1}',
    });
  });

  it('is a problem where the schema throws, or answers nothing', () => {
    const threw = standard(() => {
      throw new RangeError('no');
    });
    expect(judge(threw, 7)).toEqual({ problem: 'its schema threw RangeError: no' });
    expect(
      (
        judge(
          standard(() => undefined),
          7,
        ) as { problem: string }
      ).problem,
    ).toMatch(/^its schema threw TypeError: /);
  });

  it('comes later from one that is asynchronous, and is a problem where it rejects', async () => {
    const later = judge(
      standard(async (value) => ({ value })),
      7,
    );
    expect(later).toBeInstanceOf(Promise);
    expect(await later).toEqual({ value: 7 });
    expect(
      await judge(
        standard(async () => ({ issues: [{ message: 'no' }] })),
        7,
      ),
    ).toEqual({
      problem: 'no, got 7',
    });
    expect(
      await judge(
        standard(() => Promise.reject(new RangeError('no'))),
        7,
      ),
    ).toEqual({
      problem: 'its schema threw RangeError: no',
    });
    expect(
      await judge(
        standard(async () => undefined),
        7,
      ),
    ).toHaveProperty('problem');
  });
});

describe('the verdict on work that may be aborted', () => {
  const refused = { problem: 'its schema had not answered when the work was ended' };

  it('is the schema’s if that comes first, and leaves nothing with the signal', async () => {
    const { signal } = new AbortController();
    let listeners = 0;
    const watched = {
      aborted: false,
      addEventListener: () => (listeners += 1),
      removeEventListener: () => (listeners -= 1),
    } as unknown as AbortSignal;
    expect(await unlessAborted(Promise.resolve({ value: 7 }), signal)).toEqual({ value: 7 });
    expect(await unlessAborted(Promise.resolve({ value: 7 }), watched)).toEqual({ value: 7 });
    await settled();
    expect(listeners).toBe(0);
  });

  it('is a refusal if the work is ended first, or was before', async () => {
    const controller = new AbortController();
    const never = new Promise<Verdict>(() => {});
    const verdict = unlessAborted(never, controller.signal);
    controller.abort();
    expect(await verdict).toEqual(refused);
    expect(await unlessAborted(never, controller.signal)).toEqual(refused);
  });
});

const at = (path: readonly PropertyKey[], came: unknown) => problemOf([{ message: 'no', path }], came);
const issues = (count: number) => Array.from({ length: count }, () => ({ message: 'no' }));

describe('problems in words', () => {
  it('name the way to the field; of a long one its first eight keys', () => {
    expect(at(['a', 'b', 2], { a: { b: [0, 1, 'x'] } })).toBe('a.b.2: no, got "x"');
    const long = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
    expect(at(long, {})).toBe('a.b.c.d.e.f.g.h: no, got undefined');
    expect(at([...long, 'i'], {})).toBe('a.b.c.d.e.f.g.h…: no, got undefined');
    expect(at(['k'.repeat(101)], {})).toBe(
      `${'k'.repeat(100)}... (cut, of 101 characters): no, got undefined`,
    );
    expect(problemOf([{ message: 'no', path: [{ key: 'a' }] }], { a: 1 })).toBe('a: no, got 1');
    expect(at(['a', 'b'], { a: 'text' })).toBe('a.b: no, got undefined');
    expect(at(['a'], null)).toBe('a: no, got undefined');
  });

  it('show no secret, by the name of any field on the way, nor what is hidden', () => {
    expect(at(['password', 'first'], { password: { first: 'my word' } })).toBe(
      'password.first: no, got "[redacted]"',
    );
    expect(problemOf([{ message: 'no', path: ['a'], isHidden: true }], { a: 1 })).toBe(
      'a: no, got "[redacted]"',
    );
    expect(problemOf([{ message: 'no', path: ['a'], isHidden: false }], { a: 1 })).toBe('a: no, got 1');
  });

  it('are twenty at the most, and how many more there are', () => {
    expect(problemOf(issues(20), 1)).toBe(Array.from({ length: 20 }, () => 'no, got 1').join('; '));
    expect(problemOf(issues(22), 1)).toMatch(/no, got 1; and 2 more$/);
    expect(problemOf(issues(22), 1).split('; ')).toHaveLength(21);
  });

  it.each<[unknown, unknown, string]>([
    ['Invalid input: expected array, received string', 'a', 'expected an array, got "a"'],
    ['Invalid input: expected boolean, received string', 'a', 'expected true or false, got "a"'],
    ['Invalid input: expected int, received number', 1.5, 'expected a whole number, got 1.5'],
    ['Invalid input: expected nonoptional, received undefined', undefined, 'expected a value, got undefined'],
    ['Invalid input: expected object, received string', 'a', 'expected an object, got "a"'],
    ['Invalid input: expected record, received string', 'a', 'expected an object, got "a"'],
    ['Invalid input: expected undefined, received string', 'a', 'expected nothing, got "a"'],
    ['Invalid input: expected "red", received string', 'a', 'expected "red", got "a"'],
    ['Invalid input: expected number, received number', Infinity, 'expected a finite number, got Infinity'],
    ['Invalid input: expected number, received number', -Infinity, 'expected a finite number, got -Infinity'],
    ['Invalid input: expected number, received NaN', NaN, 'expected a number, got NaN'],
    ['Invalid option: expected one of "a"|"b"', 'c', 'expected "a" or "b", got "c"'],
    ['Too small: expected number to be >5', 5, 'expected more than 5, got 5'],
    ['Too small: expected number to be >=5', 4, 'expected 5 or more, got 4'],
    ['Too big: expected number to be <5', 5, 'expected less than 5, got 5'],
    [
      'Too big: expected string to have <=5 characters',
      'abcdef',
      'expected 5 characters or less, got "abcdef"',
    ],
    ['as its author says', 1, 'as its author says, got 1'],
    [{ not: 'a text' }, 1, '{"not":"a text"}, got 1'],
  ])('%j: %o', (message, came, words) => {
    expect(problemOf([{ message: message as string }], came)).toBe(words);
  });

  it('are cut where a schema says more than a thousand characters', () => {
    expect(problemOf([{ message: 'm'.repeat(1_000) }], 1)).toBe(`${'m'.repeat(1_000)}, got 1`);
    expect(problemOf([{ message: 'm'.repeat(1_001) }], 1)).toBe(
      `${'m'.repeat(1_000)}... (cut, of 1001 characters), got 1`,
    );
  });
});

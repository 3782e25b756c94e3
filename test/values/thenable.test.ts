import { describe, expect, it, vi } from 'vitest';
import { attempt, isThenable } from '../../src/runtime/values/thenable.ts';

// oxlint-disable-next-line unicorn/no-thenable -- such things are what is told apart
const withThen = (then: unknown): object => ({ then });
const thenable = withThen(() => {});

const throwing = (): never => {
  throw new Error('thrown');
};

describe('a promise', () => {
  it.each([Promise.resolve(), thenable, Object.assign(() => {}, thenable), Object.create(thenable)])(
    'is an object or a function with a function `then`: case %#',
    (value) => expect(isThenable(value)).toBe(true),
  );

  it.each([undefined, null, 0, '', 'then', true, 1n, Symbol('then'), {}, () => {}, withThen(true)])(
    'is nothing else: case %#',
    (value) => expect(isThenable(value)).toBe(false),
  );
});

it('what some work gives is given as it is; what it throws, or its promise rejects with, is told', async () => {
  const failed = vi.fn();
  expect([undefined, null, 7, 'then'].map((value) => attempt(() => value, failed))).toEqual([
    undefined,
    null,
    7,
    'then',
  ]);
  expect(failed).not.toHaveBeenCalled();
  expect(attempt(throwing, failed)).toBeUndefined();
  const rejected = Promise.reject(new Error('rejected'));
  expect(attempt(() => rejected, failed)).toBe(rejected);
  await expect(rejected).rejects.toThrow('rejected');
  expect(failed.mock.calls.map(([error]) => (error as Error).message)).toEqual(['thrown', 'rejected']);
});

/** Laws of counting what a task does over and over. */
import { describe, expect, it } from 'vitest';
import { Repetition } from '../../src/runtime/hosting/repetition.ts';
import { refusal } from '../kit/rig.ts';

describe('a repetition', () => {
  it('is counted by name and arguments, whatever the order of their fields, however deep', () => {
    const repetition = new Repetition();
    const count = (name: string, args?: unknown) => repetition.count(name, args, 10);
    expect(count('search', { q: 'a', in: { x: 1, y: [1, 2] } })).toBe(1);
    expect(count('search', { in: { y: [1, 2], x: 1 }, q: 'a' })).toBe(2);
    expect(count('search', { in: { y: [2, 1], x: 1 }, q: 'a' })).toBe(1);
    expect(count('find', { q: 'a', in: { x: 1, y: [1, 2] } })).toBe(1);
    expect(count('search')).toBe(1);
    expect(count('search')).toBe(2);
    // As JSON says it.
    expect(count('search', null)).toBe(3);
  });

  it('may come as often as it is allowed, and no more, and each has its own bound', async () => {
    const repetition = new Repetition();
    expect(repetition.count('a', [1], 2)).toBe(1);
    expect(repetition.count('a', [1], 2)).toBe(2);
    const error = await refusal(() => repetition.count('a', [1], 2));
    expect(error).toMatchObject({ code: 'TASK_REPEATED', details: { name: 'a', count: 3, maxRepeats: 2 } });
    expect(error.message).toBe('"a" was called 3 times with the same arguments, expected 2 at the most: [1]');
    expect((await refusal(() => repetition.count('a', [1], 2))).details).toMatchObject({ count: 4 });
    expect(repetition.count('a', [1], 5)).toBe(5);
    expect(repetition.count('b', [1], 1)).toBe(1);
  });

  it.each([
    ['a name that is none', 7, [1], /^repeated: expected a name, got 7$/],
    ['arguments that are no JSON', 'a', { at: new Date(0) }, /^repeated: expected JSON data: .*at/],
    ['arguments with a function', 'a', [() => 1], /^repeated: expected JSON data: /],
    ['both, of which the arguments are told', 7, [1n], /^repeated: expected JSON data: /],
  ])('with %s is refused, and is not counted', async (_, name, args, said) => {
    const repetition = new Repetition();
    const error = await refusal(() => repetition.count(name as string, args, 10));
    expect(error.code).toBe('REQUEST_INVALID');
    expect(error.message).toMatch(said);
    expect(repetition.count('a', [1], 1)).toBe(1);
  });

  it('is forgotten once a thousand others came since it was made last', () => {
    const repetition = new Repetition();
    const count = (n: number) => repetition.count('a', n, 10);
    for (let n = 0; n < 1_000; n++) count(n);
    expect(count(0)).toBe(2);
    // One more than are kept: the oldest is the second, for the first was made again.
    count(1_000);
    expect(count(0)).toBe(3);
    expect(count(1)).toBe(1);
    expect(count(3)).toBe(2);
  });
});

/** A model that calls a tool with the same input again and again is told so twice, and then its work is broken off. */
import { expect, it } from 'vitest';
import { RepeatedCalls } from '../../src/ai/repeated-calls.ts';

function rig(max: number) {
  const brokenOff: unknown[] = [];
  const calls = new RepeatedCalls({
    max,
    error: (message) => new RangeError(message),
    breakOff: (thrown) => void brokenOff.push(thrown),
  });
  const count = (input: unknown, tool = 'look') => {
    try {
      return calls.count(tool, input);
    } catch (thrown) {
      return (thrown as Error).message;
    }
  };
  return { calls, count, brokenOff };
}
const said = (time: number, why = 'gives the same') =>
  `look was called ${time} times with the same input, and ${why}: expected an answer, or something else`;

it('so many are made, two are refused, and with the next the work is broken off by what it is refused with', () => {
  const { count, brokenOff } = rig(3);
  const outcomes = [1, 2, 3, 4, 5].map(() => count({ a: 1 }));
  expect(outcomes).toEqual([undefined, undefined, undefined, said(4), said(5)]);
  expect(brokenOff).toEqual([]);
  expect(count({ a: 1 })).toBe(said(6));
  expect(brokenOff).toEqual([new RangeError(said(6))]);
});

it('calls of another tool, or with another input, count apart', () => {
  const { count } = rig(1);
  expect([count(1), count(2), count(1, 'hear'), count(undefined)]).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
  expect(count(1)).toBe(said(2));
});

it('what is no valid call counts with the others, throws nothing, and breaks the work off at last', () => {
  const { calls, count, brokenOff } = rig(1);
  for (let time = 1; time <= 3; time += 1) calls.countInvalid('look', 1);
  expect(brokenOff).toEqual([]);
  calls.countInvalid('look', 1);
  expect(brokenOff).toEqual([new RangeError(said(4, 'is no valid call'))]);
  expect(count(1)).toBe(said(5));
});

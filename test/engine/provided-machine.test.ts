/** A definition that many agents share is prepared once, not for each of them. */
import { expect, test } from 'vitest';
import { createMachine } from 'xstate';
import { providedMachine } from '../../src/runtime/engine/provided-machine.ts';

test('a definition is prepared once for each limit of steps, and keeps its own', () => {
  const [one, other] = [createMachine({}), createMachine({})];
  const prepared = [
    providedMachine(one, 5),
    providedMachine(one, 6),
    providedMachine(other, 5),
    providedMachine(one, undefined),
  ];
  expect(new Set(prepared).size).toBe(4);
  expect(prepared).not.toContain(one);
  const again = [
    providedMachine(one, 5),
    providedMachine(one, 6),
    providedMachine(other, 5),
    providedMachine(one, undefined),
  ];
  for (const [place, machine] of again.entries()) expect(machine).toBe(prepared[place]);
  expect(prepared.slice(0, 3).map(({ options }) => options.maxIterations)).toEqual([5, 6, 5]);
});

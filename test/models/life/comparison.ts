/** What a world showed after a move, compared with what a model says of it. */
import { strict as assert } from 'node:assert';
import { isDeepStrictEqual } from 'node:util';

const SHOWN_MOVES = 25;

/** Fails with what differs, and with the last moves of the way there. */
export function assertSeen(actual: object, expected: object, name: string, trail: readonly string[]): void {
  if (isDeepStrictEqual(actual, expected)) return;
  const steps = trail.slice(-SHOWN_MOVES).join('\n  ');
  assert.deepStrictEqual(
    differing(actual, expected),
    differing(expected, actual),
    `${name}, move ${trail.length} (actual + / expected -):\n  ${steps}`,
  );
}

/** The parts of `some` that are not so in `other`. */
function differing(some: object, other: object): object {
  return Object.fromEntries(
    Object.entries(some).filter(
      ([key, value]) => !isDeepStrictEqual(value, (other as Record<string, unknown>)[key]),
    ),
  );
}

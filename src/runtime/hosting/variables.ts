/** What the functions of a definition are given of variables. */
import { frozenData } from '../values/data-copy.ts';

/**
 * The values of variables, by name: own fields, and nothing inherited.
 *
 * One with no prototype at all would do the same, and V8 keeps such an object as a hash table, at three times the room.
 */
export const Variables = function Variables() {} as unknown as new () => Record<string, unknown>;
Variables.prototype = Object.create(null) as object;

/** A value that nobody changes in passing, wherever its agent lives: what comes from another process is not frozen. */
export function frozenValue(value: unknown): unknown {
  return Object.isFrozen(value) ? value : frozenData(value);
}

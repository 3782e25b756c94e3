/**
 * The values of variables, by name, as the functions of a definition are given them: own fields, and nothing inherited.
 *
 * One with no prototype at all would do the same, and V8 keeps such an object as a hash table, at three times the room.
 */
export const Variables = function Variables() {} as unknown as new () => Record<string, unknown>;
Variables.prototype = Object.create(null) as object;

/**
 * The state of one agent, and its last commit: a failed task leaves no trace in it.
 *
 * Owns the state and its users: tasks and answers to variables, from their begin to their end. Knows no report.
 *
 * I1  A user that is alone works on the state itself. Concurrent users work on a copy each.
 * I2  Changes of a user enter the state when the user commits, and never when it is dropped.
 * I3  What one user commits is seen by the others at once, where they have not changed the same themselves. Objects
 *     are compared property by property at any depth; a list is one value. Of two changes of the same the later commit
 *     counts.
 * I4  What a copy would not give back as it is (an instance, a function) makes its state one that all share, and that is
 *     never taken back.
 * I5  As long as users are alone and commit, nothing of a state that is plain JSON data is parsed or copied. Any other
 *     (with a `Date`, a `Map`, a typed array in it) is copied once for each user.
 */
import { isDeepStrictEqual } from 'node:util';
import { assertKept, stateJson } from '../values/state-json.ts';

/** A task, or another user of the state. */
export interface StateUser {
  /** The state that it works on. */
  state: unknown;
  /** Of one with a copy: what was committed when that was last brought up to date. */
  base: Committed | undefined;
}

/** The last commit of a state that is an object, safe from changes: JSON text if that restores it exactly, else a copy. */
export type Committed = string | object;

type Fields = Record<string, unknown>;

export class BodyState {
  /** The state as it is; while one user is alone, with what that has changed so far. */
  current: unknown;
  private readonly isRestored: boolean;
  /** `undefined` if it cannot be copied, and while it is not known. */
  private committed: Committed | undefined = undefined;
  private isKnown = false;
  private alone: StateUser | undefined = undefined;
  private beside: Set<StateUser> | undefined = undefined;

  /** @param isRestored whether changes of a failed task are taken back */
  constructor(state: unknown, isRestored: boolean) {
    this.current = state;
    this.isRestored = isRestored && typeof state === 'object' && state !== null;
  }

  /** While something works on the state, and what it changes may be taken back: what is committed. */
  get committedBeside(): Committed | undefined {
    return this.alone === undefined && this.beside === undefined ? undefined : this.committed;
  }

  /** Whether `drop` takes back the changes of this user. */
  takesBack(user: StateUser): boolean {
    return this.alone === user || this.beside?.has(user) === true;
  }

  begin(user: StateUser): void {
    user.state = this.current;
    if (!this.isRestored) return;
    if (this.alone === undefined && this.beside === undefined) {
      if (!this.isKnown) this.survey();
      if (this.committed !== undefined) this.alone = user;
      return;
    }
    const committed = this.committed!;
    if (this.alone !== undefined) {
      this.alone.base = committed;
      this.beside = new Set([this.alone]);
      this.alone = undefined;
      this.current = restored(committed);
    }
    user.base = committed;
    user.state = restored(committed);
    this.beside!.add(user);
  }

  /**
   * Commits the changes of the user.
   *
   * @param json its text, and whether that gives it back as it is: where these are at hand
   */
  commit(user: StateUser, json?: string, isPlain?: boolean): void {
    if (!this.isRestored) return;
    if (this.leave(user)) this.current = user.state;
    if (json !== undefined && isPlain === true) this.note(json);
    else if (json === undefined || json !== this.committed) this.isKnown = false;
    if (this.beside === undefined) return;
    if (!this.isKnown) this.survey();
    for (const other of this.beside) this.update(other);
  }

  /** Somebody who looks on may change the state: between users that stays, beside one it goes with what that changes. */
  touch(): void {
    if (this.alone === undefined && this.beside === undefined) this.isKnown = false;
  }

  /** Drops the changes of the user. */
  drop(user: StateUser): void {
    const wasAlone = this.alone === user;
    this.leave(user);
    if (!wasAlone) return;
    const before = restored(this.committed!);
    // In place, for what the agent holds of its state elsewhere; what is frozen cannot be changed back so.
    try {
      update(this.current, this.current, before);
    } catch {
      this.current = before;
    }
    if (!isDeepStrictEqual(this.current, before)) this.current = before;
  }

  /** Whether it had a copy. */
  private leave(user: StateUser): boolean {
    if (this.alone === user) this.alone = undefined;
    if (this.beside?.delete(user) !== true) return false;
    if (this.beside.size === 0) this.beside = undefined;
    return true;
  }

  private update(other: StateUser): void {
    const committed = this.committed;
    if (committed === undefined || other.base === undefined || other.base === committed) return;
    update(other.state, restored(other.base), restored(committed));
    other.base = committed;
  }

  private note(committed: Committed | undefined): void {
    this.committed = committed;
    this.isKnown = true;
  }

  private survey(): void {
    // An answer to a variable may make it one that nothing can keep: those beside it go on from what was before.
    this.note(committedOf(this.current) ?? (this.beside && this.committed));
  }
}

/** `undefined` for what neither JSON nor a copy gives back as it is. */
function committedOf(state: unknown): Committed | undefined {
  try {
    if (isFlat(state)) return { ...state };
    const json = stateJson(state);
    if (assertKept(state)) return json;
  } catch {
    // What JSON has no word for may have a copy.
  }
  try {
    const copy = structuredClone(state) as object;
    return isDeepStrictEqual(copy, state) ? copy : undefined;
  } catch {
    return undefined;
  }
}

/** Whether it is fields of data that JSON gives back as it is, with nothing inside them: to copy these costs least. */
function isFlat(state: unknown): state is Fields {
  if (!isFields(state) || 'toJSON' in state) return false;
  for (const key in state) {
    const value = state[key];
    if (typeof value === 'string' || typeof value === 'boolean' || value === null) continue;
    // Of -0 JSON makes 0.
    if (typeof value !== 'number' || !Number.isFinite(value) || Object.is(value, -0)) return false;
  }
  return true;
}

/** A new copy each time: the caller may change it. */
export function restored(committed: Committed): unknown {
  return typeof committed === 'string' ? JSON.parse(committed) : structuredClone(committed);
}

/** Makes in `mine` the changes from `base` to `theirs`, but where `mine` is changed itself. All three are of a kind. */
function update(mine: unknown, base: unknown, theirs: unknown): void {
  if (Array.isArray(mine) && Array.isArray(theirs)) {
    if (isDeepStrictEqual(mine, base)) mine.splice(0, mine.length, ...(theirs as unknown[]));
    return;
  }
  if (!isFields(mine) || !isFields(base) || !isFields(theirs)) return;
  for (const key of new Set([...Object.keys(base), ...Object.keys(theirs)])) {
    if (key === '__proto__') continue;
    const [own, before, after] = [mine[key], base[key], theirs[key]];
    if (isFields(own) && isFields(before) && isFields(after)) update(own, before, after);
    else if (isDeepStrictEqual(own, before) && !isDeepStrictEqual(before, after)) {
      if (Object.hasOwn(theirs, key)) mine[key] = after;
      else delete mine[key];
    }
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

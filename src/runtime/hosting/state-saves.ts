/**
 * An agent's state as it is to be kept: as its `save` gives it, or as it is, in JSON.
 *
 * Knows the text that was told last, and tells only another one.
 */
import type { SavedState } from '../definition/saved-state.ts';
import { errorInfoOf } from '../values/errors.ts';
import { assertKept, stateJson } from '../values/state-json.ts';
import { ignoreRejection, isThenable } from '../values/thenable.ts';
import type { StateUser } from './body-state.ts';
import type { WorkOwner } from './body-work.ts';

export class StateSaves {
  readonly #owner: WorkOwner;
  /** The state has changed by itself, and that was not told yet. */
  isChanged = false;
  #lastTold: string | undefined;
  /** Whether JSON gives the state that was looked at last back as it is. */
  #isPlain = false;

  /** @param restored the text of what it began with */
  constructor(owner: WorkOwner, restored: string | undefined) {
    this.#owner = owner;
    this.#lastTold = restored;
  }

  /** The last state that was told was lost on its way: the next one counts as changed. */
  forget(): void {
    this.#lastTold = undefined;
  }

  /** What is to be told, where that is not what was told last. */
  changed(given = this.#owner.state.current): SavedState | undefined {
    this.isChanged = false;
    const state = this.#stateOtherThan(this.#lastTold, given);
    if (state) this.#lastTold = state.json;
    return state;
  }

  /** What the user made of the state is the state; gives it where it has changed. */
  commit(user: StateUser): SavedState | undefined {
    const state = this.changed(user.state);
    this.#owner.state.commit(user, this.#lastTold, state && this.#isPlain);
    return state;
  }

  /** All that is committed, whatever was told. */
  whole(): SavedState {
    const { state, definition } = this.#owner;
    const json = state.committedBeside;
    if (json === undefined) return this.#stateOtherThan(undefined, state.current)!;
    return { json, stateVersion: definition.stateVersion ?? 1 };
  }

  /** The state as it is to be kept; `undefined` when that is this very text. */
  #stateOtherThan(known: string | undefined, given: unknown): SavedState | undefined {
    const { definition, resources } = this.#owner;
    const { stateVersion = 1 } = definition;
    try {
      const data = definition.save === undefined ? given : definition.save({ state: given, resources });
      if (isThenable(data)) {
        ignoreRejection(data);
        throw new TypeError('got a promise, which save may not give');
      }
      const json = stateJson(data);
      if (json === known) return undefined;
      this.#isPlain = assertKept(data);
      return { json, stateVersion };
    } catch (thrown) {
      const { message } = errorInfoOf(thrown);
      throw new TypeError(`its state cannot be saved, expected JSON data: ${message}`, { cause: thrown });
    }
  }
}

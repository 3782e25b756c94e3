/**
 * An agent's state as it is saved: the result of its `save`, or the state itself, as JSON.
 *
 * It knows the last reported text, and reports only a different one.
 */
import type { SavedState } from '../definition/saved-state.ts';
import { errorInfoOf } from '../values/errors.ts';
import { secretTexts, splitSecrets, withoutTexts } from '../values/secret-paths.ts';
import { assertKept, stateJson } from '../values/state-json.ts';
import { ignoreRejection, isThenable } from '../values/thenable.ts';
import { type BodyState, restored, type StateUser } from './body-state.ts';
import type { CallableDefinition } from './callable-definition.ts';
import type { BodyStart } from './host.ts';

const NO_TEXTS: readonly string[] = Object.freeze([]);

/** The body whose state it is. */
export interface SavesOwner {
  readonly definition: CallableDefinition;
  readonly state: BodyState;
  /** What its `connect` gave. */
  readonly resources: unknown;
}

export class StateSaves {
  private readonly owner: SavesOwner;
  /** The state has changed by itself, which was not reported yet. */
  isChanged = false;
  private lastTold: string | undefined;
  /** Whether JSON restores the last state exactly. */
  private isPlain = false;

  /** Texts that no state may hold. */
  private readonly secrets: readonly string[];

  /** @param start what it begins with */
  constructor(
    owner: SavesOwner,
    { restored, initArgs, secrets = NO_TEXTS }: Pick<BodyStart, 'restored' | 'initArgs' | 'secrets'>,
  ) {
    this.owner = owner;
    this.lastTold = restored?.json;
    this.secrets = secrets.length === 0 ? NO_TEXTS : secretTexts(splitSecrets(initArgs, secrets).values);
  }

  /** The last reported state was lost: the next one counts as changed. */
  forget(): void {
    this.lastTold = undefined;
  }

  /** The state to report, if it differs from the last reported one. */
  changed(given = this.owner.state.current): SavedState | undefined {
    this.isChanged = false;
    const state = this.stateOtherThan(this.lastTold, given);
    if (state) this.lastTold = state.json;
    return state;
  }

  /** What the user made of the state is the state; gives it where it has changed. */
  commit(user: StateUser): SavedState | undefined {
    const state = this.changed(user.state);
    // What a `save` of its own gives says nothing of the state itself.
    if (this.owner.definition.save !== undefined) this.owner.state.commit(user);
    else this.owner.state.commit(user, this.lastTold, state && this.isPlain);
    return state;
  }

  /** All that is committed, whatever was told. */
  whole(): SavedState {
    const { state, definition } = this.owner;
    const committed = state.committedBeside;
    if (committed === undefined) return this.stateOtherThan(undefined, state.current)!;
    if (typeof committed !== 'string' || definition.save !== undefined) {
      return this.stateOtherThan(undefined, restored(committed))!;
    }
    assertNoSecret(committed, this.secrets);
    return { json: committed, stateVersion: definition.stateVersion ?? 1 };
  }

  /** The state as it is to be kept; `undefined` when that is this very text. */
  private stateOtherThan(known: string | undefined, given: unknown): SavedState | undefined {
    const { definition, resources } = this.owner;
    const { stateVersion = 1 } = definition;
    try {
      const data = definition.save === undefined ? given : definition.save({ state: given, resources });
      if (isThenable(data)) {
        ignoreRejection(data);
        throw new TypeError('got a promise, which save may not give');
      }
      const json = stateJson(data);
      if (json === known) return undefined;
      if (this.secrets.length > 0) assertNoSecret(json, this.secrets);
      this.isPlain = assertKept(data);
      return { json, stateVersion };
    } catch (thrown) {
      const { message } = errorInfoOf(thrown);
      throw new TypeError(`its state cannot be saved, expected JSON data: ${message}`, { cause: thrown });
    }
  }
}

/** @throws TypeError that says where the state holds a secret */
function assertNoSecret(json: string, secrets: readonly string[]): void {
  if (!secrets.some((secret) => json.includes(secret))) return;
  throw new TypeError(
    `got a secret of its initArgs at state${placeOf(JSON.parse(json), secrets) ?? ''}: what needs one is made by connect, and is not in the state`,
  );
}

function placeOf(value: unknown, secrets: readonly string[]): string | undefined {
  if (typeof value === 'string') return secrets.some((secret) => value.includes(secret)) ? '' : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    const shown = withoutTexts(key, secrets);
    const place = shown === key ? placeOf(inner, secrets) : '';
    if (place !== undefined) return `${Array.isArray(value) ? `[${key}]` : `.${shown}`}${place}`;
  }
  return undefined;
}

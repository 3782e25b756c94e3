/**
 * Makes an agent's states durable, and knows which one is.
 *
 * I1  The state that is told to be committed is the newest that was to be kept: one that is still on its way, or could
 *     not be kept, is never taken for it.
 */
import type { SavedState } from '../definition/saved-state.ts';
import type { CommitObserver, Journal } from '../journal/journal.ts';
import type { AgentSystemError } from '../values/errors.ts';

/** Of longer ones it is not remembered that they are committed: that would hold them twice. */
const MAX_REMEMBERED_LENGTH = 16_384;

export class StateKeeper {
  /** The newest that was to be kept, until it is known whether it was; then the one that is committed. */
  #newest: Keeping | SavedState | undefined = undefined;

  /** What its body begins with; `undefined` where the store has not said that it has it. */
  restored(state: SavedState | undefined): void {
    this.#newest = isRemembered(state) ? state : undefined;
  }

  keep(journal: Journal, { agentId, incarnation, state, kept }: StateToKeep): void {
    const isCommitted = this.#isCommitted(state);
    const keeping = isCommitted ? undefined : new Keeping(this, state, kept);
    if (keeping) this.#newest = keeping;
    journal.emit(
      {
        sequence: 0,
        at: 0,
        type: 'agent.state_saved',
        agentId,
        incarnation,
        bytes: Buffer.byteLength(state.json),
        stateVersion: state.stateVersion,
      },
      keeping,
      isCommitted ? undefined : state,
    );
    if (isCommitted) kept?.();
  }

  /** @internal */
  settled(keeping: Keeping, error: AgentSystemError | undefined): void {
    if (this.#newest !== keeping) return;
    this.#newest = error === undefined && isRemembered(keeping.state) ? keeping.state : undefined;
  }

  #isCommitted({ json, stateVersion }: SavedState): boolean {
    const known = this.#newest;
    return (
      known !== undefined && 'json' in known && known.json === json && known.stateVersion === stateVersion
    );
  }
}

export interface StateToKeep {
  readonly agentId: string;
  readonly incarnation: number;
  readonly state: SavedState;
  /** Told once the state is durable, at once where it is already; with the error when it could not be made so. */
  readonly kept?: ((error?: AgentSystemError) => void) | undefined;
}

/** A state on its way into the store. */
class Keeping implements CommitObserver {
  readonly state: SavedState;
  readonly #keeper: StateKeeper;
  readonly #kept: StateToKeep['kept'];

  constructor(keeper: StateKeeper, state: SavedState, kept: StateToKeep['kept']) {
    this.#keeper = keeper;
    this.state = state;
    this.#kept = kept;
  }

  committed(error?: AgentSystemError): void {
    this.#keeper.settled(this, error);
    this.#kept?.(error);
  }
}

function isRemembered(state: SavedState | undefined): state is SavedState {
  return state !== undefined && state.json.length <= MAX_REMEMBERED_LENGTH;
}

/**
 * Makes an agent's states durable, and remembers the newest durable one.
 *
 * I1  A state counts as committed only if it is the newest one: not while a newer one is being written, and not if that
 *     could not be kept.
 */
import type { SavedState } from '../definition/saved-state.ts';
import type { CommitObserver, Journal } from '../journal/journal.ts';
import type { AgentSystemError } from '../values/errors.ts';

/** Longer states are not remembered: that would hold them in memory twice. */
const MAX_REMEMBERED_LENGTH = 16_384;

export class StateKeeper {
  /** The newest state: while it is being written, and once it is committed. */
  private newest: Keeping | SavedState | undefined = undefined;

  /** The state that a body begins with; `undefined` if it is not known to be in the store. */
  restored(state: SavedState | undefined): void {
    this.newest = isRemembered(state) ? state : undefined;
  }

  keep(journal: Journal, { agentId, incarnation, state, kept }: StateToKeep): void {
    const isCommitted = this.isCommitted(state);
    const keeping = isCommitted ? undefined : new Keeping(this, state, kept);
    if (keeping) this.newest = keeping;
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
    if (this.newest !== keeping) return;
    this.newest = error === undefined && isRemembered(keeping.state) ? keeping.state : undefined;
  }

  private isCommitted({ json, stateVersion }: SavedState): boolean {
    const known = this.newest;
    return (
      known !== undefined && 'json' in known && known.json === json && known.stateVersion === stateVersion
    );
  }
}

export interface StateToKeep {
  readonly agentId: string;
  readonly incarnation: number;
  readonly state: SavedState;
  /** Called once the state is durable, at once if it already is; with the error if it could not be kept. */
  readonly kept?: ((error?: AgentSystemError) => void) | undefined;
}

/** A state that is being written. */
class Keeping implements CommitObserver {
  readonly state: SavedState;
  private readonly keeper: StateKeeper;
  private readonly kept: StateToKeep['kept'];

  constructor(keeper: StateKeeper, state: SavedState, kept: StateToKeep['kept']) {
    this.keeper = keeper;
    this.state = state;
    this.kept = kept;
  }

  committed(error?: AgentSystemError): void {
    this.keeper.settled(this, error);
    this.kept?.(error);
  }
}

function isRemembered(state: SavedState | undefined): state is SavedState {
  return state !== undefined && state.json.length <= MAX_REMEMBERED_LENGTH;
}

/**
 * Makes an agent's states durable, and remembers the newest durable one.
 *
 * I1  A state counts as committed only if it is the newest one: not while a newer one is being written, and not if that
 *     could not be kept.
 */
import { Buffer } from 'node:buffer';
import type { SavedState } from '../definition/saved-state.ts';
import type { CommitListener, CommitObserver, Journal } from '../journal/journal.ts';
import { eventConstructor } from '../journal/event-constructor.ts';
import type { DraftOf } from '../journal/system-event.ts';
import type { AgentSystemError } from '../values/errors.ts';

/** Longer states are not remembered: that would hold them in memory twice. */
const MAX_REMEMBERED_LENGTH = 16_384;

const Saved = eventConstructor(function (
  this: DraftOf<'agent.state_saved'>,
  agentId: string,
  incarnation: number,
  bytes: number,
  stateVersion: number,
) {
  this.sequence = 0;
  this.at = undefined;
  this.type = 'agent.state_saved';
  this.agentId = agentId;
  this.incarnation = incarnation;
  this.bytes = bytes;
  this.stateVersion = stateVersion;
});

export class StateKeeper implements CommitObserver {
  /** The newest state, while it is being written and once it is committed: its text and its version. */
  private newestJson: string | undefined = undefined;
  private newestVersion = 0;
  /** How many are being written: they are committed in order. */
  private unsettled = 0;

  /** The state that a body begins with; `undefined` if it is not known to be in the store. */
  beginWith(state: SavedState | undefined): void {
    this.note(state);
    if (this.isLong) this.note(undefined);
  }

  /** Returns the time of its event, epoch ms. */
  keep(journal: Journal, { agentId, incarnation, state, kept }: StateToKeep): number {
    const isCommitted = this.isCommitted(state);
    if (!isCommitted) {
      this.note(state);
      this.unsettled += 1;
    }
    const { at } = journal.emit(
      new Saved(agentId, incarnation, Buffer.byteLength(state.json), state.stateVersion),
      isCommitted ? undefined : this.listenerFor(kept),
      isCommitted ? undefined : state,
    );
    if (isCommitted) kept?.();
    return at;
  }

  /** The oldest of those that are being written was committed, or could not be. */
  committed(error?: AgentSystemError): void {
    this.unsettled -= 1;
    if (this.unsettled > 0) return;
    if (error !== undefined || this.isLong) this.note(undefined);
  }

  private note(state: SavedState | undefined): void {
    this.newestJson = state?.json;
    this.newestVersion = state?.stateVersion ?? 0;
  }

  private get isLong(): boolean {
    return this.newestJson !== undefined && this.newestJson.length > MAX_REMEMBERED_LENGTH;
  }

  private listenerFor(kept: StateToKeep['kept']): CommitListener | CommitObserver {
    if (kept === undefined) return this;
    return (error) => {
      this.committed(error);
      kept(error);
    };
  }

  private isCommitted({ json, stateVersion }: SavedState): boolean {
    return this.unsettled === 0 && this.newestJson === json && this.newestVersion === stateVersion;
  }
}

export interface StateToKeep {
  readonly agentId: string;
  readonly incarnation: number;
  readonly state: SavedState;
  /** Called once the state is durable, at once if it already is; with the error if it could not be kept. */
  readonly kept?: ((error?: AgentSystemError) => void) | undefined;
}

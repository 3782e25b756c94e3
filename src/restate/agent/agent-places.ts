/**
 * Where an agent's bodies may run: places on nodes that it asks for, is offered, takes, declines and gives back.
 *
 * Owns the offer that came with the loss of its node, until the agent takes it or asks for something else.
 */
import { isDeepStrictEqual } from 'node:util';
import type { PermitCommand } from '../../machines/index.ts';
import { type Occupant, type Placement, placeAsked } from '../nodes/placement.ts';
import type { Act } from './agent-acts.ts';
import { type AgentState, positionOfState } from './agent-state.ts';

/** What comes with the loss of a node: the place of the next body, or a place in the queue for one. */
export interface LossOffer {
  readonly occupant: Occupant;
  readonly place: Placement | 'queued';
}

export interface AgentPlacesOwner {
  readonly state: AgentState;
  readonly acts: Act[];
  permitGranted(placement: Placement): void;
  /** No task waits for it any more, unless it comes back by itself. */
  endWaits(): void;
}

export class AgentPlaces {
  readonly #owner: AgentPlacesOwner;
  #offer: LossOffer | undefined;

  constructor(owner: AgentPlacesOwner) {
    this.#owner = owner;
  }

  get #state(): AgentState {
    return this.#owner.state;
  }

  /** It has ended on its node, and is to begin on another: also if its body failed on the way, where its policy lets it. */
  get isBetween(): boolean {
    if (!this.#state.isMoving) return false;
    const { path } = positionOfState(this.#state);
    const { policy } = this.#state.spec.restart;
    return path === 'stopped' || (path === 'crashed.leftDown' && policy !== 'never' && policy !== 'manual');
  }

  /** What its next body requires of a node. */
  occupant(incarnation: number): Occupant {
    const { id, spec, manifest } = this.#state;
    return { agentId: id, incarnation, ...placeAsked(spec, manifest) };
  }

  handlePermit(command: PermitCommand): void {
    const { acts } = this.#owner;
    if (command === 'request') {
      if (!this.#takeOffer())
        acts.push({ do: 'requestPermit', occupant: this.occupant(this.#nextIncarnation) });
    } else if (command === 'withdraw') acts.push({ do: 'withdrawPermit' });
    else if (this.#state.hasPermit) {
      this.#state.hasPermit = undefined;
      acts.push({ do: 'releasePermit' });
    }
  }

  /** One that moves begins elsewhere once it has ended. */
  moveOn(): void {
    const { isAlive, comesBack } = positionOfState(this.#state);
    if (!this.#state.isMoving || isAlive) return;
    if (this.isBetween) {
      if (!this.#takeOffer()) this.#owner.acts.push({ do: 'startElsewhere' });
    } else if (!comesBack) {
      this.#state.isMoving = false;
      this.#owner.endWaits();
    }
  }

  /** Its node is gone, and this comes with the loss. */
  offer(offered: LossOffer | undefined): void {
    this.#offer = offered;
  }

  /** Gives back what it was offered and has not taken. */
  declineLeft(incarnation: number): void {
    if (this.#offer !== undefined) this.#decline(incarnation);
  }

  /**
   * Gives back a place that it was given and does not want; nothing where it has asked for one itself, or runs on that: its
   * request has made the one it was given before void.
   */
  declineStale(incarnation: number): void {
    const isThere = this.#state.seat?.incarnation === incarnation;
    const asksItself = isThere || this.isBetween || positionOfState(this.#state).path === 'crashed.queued';
    if (!asksItself) this.#decline(incarnation);
  }

  #decline(incarnation: number): void {
    this.#offer = undefined;
    this.#owner.acts.push({ do: 'declineOffer', incarnation });
  }

  /** Takes the place that it was offered, or waits for it, if that is the place it asks for. */
  #takeOffer(): boolean {
    const offer = this.#offer;
    this.#offer = undefined;
    if (offer === undefined) return false;
    if (!isDeepStrictEqual(offer.occupant, this.occupant(this.#nextIncarnation))) return false;
    if (offer.place !== 'queued') this.#owner.permitGranted(offer.place);
    return true;
  }

  get #nextIncarnation(): number {
    return this.#state.life.context.incarnation + 1;
  }
}

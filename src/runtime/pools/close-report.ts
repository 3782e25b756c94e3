/** How the members ended that a close of their pool had to end. */
import { endedInOrder } from '../agent/ended-in-order.ts';
import type { Member } from './member.ts';

/** How a pool's members ended. */
export interface PoolCloseReport {
  /** Ids of the members that ended in order. */
  readonly stopped: readonly string[];
  /** Ids of those that did not: killed at the deadline, crashed on the way, with work left undone, or not ended. */
  readonly abandoned: readonly string[];
  /** Tasks that waited for a member and were given up. */
  readonly tasksAbandoned: number;
}

export class CloseReport {
  /** Members that have not ended yet, and whether each had a body when the close began. */
  readonly #ending = new Map<Member, boolean>();
  readonly #stopped: string[] = [];
  readonly #abandoned: string[] = [];

  /** The close has to end this member, if there is anything to end. */
  expect(member: Member): void {
    const position = member.agent?.position;
    if (position?.legal.has('stop') && !this.#ending.has(member)) this.#ending.set(member, position.isAlive);
  }

  /** It has ended, as its record still says. */
  ended(member: Member): void {
    const wasAlive = this.#ending.get(member);
    if (wasAlive === undefined || member.agent === undefined) return;
    this.#ending.delete(member);
    const { agent, id } = member;
    // A member that waited for its restart had ended before.
    const isInOrder = wasAlive ? endedInOrder(agent.record()) : !agent.position.isAlive;
    (isInOrder ? this.#stopped : this.#abandoned).push(id);
  }

  /** All there is to say; who has not ended by now is abandoned. */
  finish(tasksAbandoned: number): PoolCloseReport {
    for (const member of this.#ending.keys()) this.ended(member);
    return { stopped: this.#stopped, abandoned: this.#abandoned, tasksAbandoned };
  }
}

/**
 * One member of a pool: an ordinary agent, where it stands in the pool, and how loaded it is.
 *
 * Decides nothing: what its agent's life means for the pool is read here, what follows the pool decides.
 */
import type { Agent } from '../agent/agent.ts';
import type { OnceATurn } from '../time/once-a-turn.ts';
import type { Queued } from '../values/linked-queue.ts';

/** As the pool counts it: the fields of `PoolCounts`. */
export type MemberPlace = 'starting' | 'live' | 'down' | 'draining' | 'leaving';

export interface Member extends Queued<Member> {
  id: string;
  /** Not there while it is being registered. */
  agent: Agent | undefined;
  place: MemberPlace;
  /** Whether it was there before the pool was. */
  isFound: boolean;
  /** Whether it could not start, and is no member until it is started again. */
  isResting: boolean;
  /** Whether the pool registers or starts it, and is going to hear how that ended. */
  isStarting: boolean;
  /** Whether it was told to stop, or is being forgotten, and that is under way. */
  isDismissed: boolean;
  /** Has it looked at, once it was noted. */
  turn: OnceATurn | undefined;
  /** Tasks that wait or run, at the last look. */
  load: number;
  /** Where it is queued among those that tasks are given to, while it is there. */
  slot: number;
}

export function newMember(id: string, place: MemberPlace): Member {
  return {
    id,
    agent: undefined,
    place,
    isFound: false,
    isResting: false,
    isStarting: false,
    isDismissed: false,
    turn: undefined,
    load: 0,
    slot: 0,
    previous: undefined,
    next: undefined,
    isQueued: false,
  };
}

/**
 * What an agent's life means for a pool.
 *
 * `serving`: it runs. `starting`, `ending`: it has a body, on its way up or down. `returning`: it crashed, and its
 * own policy or an operator brings it back. `ended`: it does not come back by itself. `forgotten`: it is gone.
 */
export type Standing = 'serving' | 'starting' | 'ending' | 'returning' | 'ended' | 'forgotten';

export function standingOf({ position }: Agent): Standing {
  const { status, path } = position;
  switch (status) {
    case 'running':
    case 'unresponsive':
      return 'serving';
    case 'starting':
      return 'starting';
    case 'stopping':
      return 'ending';
    case 'crashed':
      return path === 'crashed.gaveUp' || path === 'crashed.leftDown' ? 'ended' : 'returning';
    default:
      return path === 'forgotten' ? 'forgotten' : 'ended';
  }
}

/** Whether a member of an earlier program may go on with what it knows: it rests, and did not fail. */
export function canStartAgain({ position }: Agent): boolean {
  return position.status === 'stopped' || position.status === 'registered';
}

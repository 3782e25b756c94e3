/**
 * How many members a pool has, and what its size asks for: pure deciders over counts.
 *
 * Idle members leave first, and busy work is never killed by scaling.
 */

/** Members by where they stand. Each is counted once, from its first start until it is forgotten. */
export interface PoolCounts {
  /** They run. */
  readonly live: number;
  /** Their first start is under way. */
  readonly starting: number;
  /** They crashed, and their own restart policy, or an operator, brings them back. */
  readonly down: number;
  /** They finish what they have begun, and get no more. */
  readonly draining: number;
  /** They are ending, or have ended and are not forgotten yet. */
  readonly leaving: number;
}

export const noMembers: PoolCounts = { live: 0, starting: 0, down: 0, draining: 0, leaving: 0 };

/** Members that stay: what is compared with the size that is wanted. */
export function sizeOf({ live, starting, down }: PoolCounts): number {
  return live + starting + down;
}

/** All members, those on their way out included: what `max` bounds. */
export function totalOf(counts: PoolCounts): number {
  return sizeOf(counts) + counts.draining + counts.leaving;
}

/** Which members are to leave: how many of each kind. */
export interface Departure {
  readonly down: number;
  readonly starting: number;
  readonly live: number;
}

/** Who leaves when the pool has more than it wants: the down first, then the starting, then those that run. */
export function decideDeparture(counts: PoolCounts, wanted: number): Departure {
  let excess = Math.max(0, sizeOf(counts) - wanted);
  const take = (available: number): number => {
    const taken = Math.min(available, excess);
    excess -= taken;
    return taken;
  };
  return { down: take(counts.down), starting: take(counts.starting), live: take(counts.live) };
}

/** How many of those that were to leave stay after all. */
export function decideReturn(counts: PoolCounts, wanted: number): number {
  return Math.max(0, Math.min(counts.draining, wanted - sizeOf(counts)));
}

export interface StartBounds {
  readonly wanted: number;
  readonly max: number;
  /** Starts that may be under way at once. */
  readonly maxConcurrentStarts: number;
  /** After a start that failed one member at a time is tried, until one lives. */
  readonly isProving: boolean;
}

/** How many members may start now: what is missing, as far as `max` has room for it beside those on their way out. */
export function decideStarts(counts: PoolCounts, bounds: StartBounds): number {
  const missing = Math.min(bounds.wanted - sizeOf(counts), bounds.max - totalOf(counts));
  const atOnce = bounds.isProving ? 1 : bounds.maxConcurrentStarts;
  return Math.max(0, Math.min(missing, atOnce - counts.starting));
}

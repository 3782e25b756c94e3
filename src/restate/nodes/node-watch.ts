/**
 * Which nodes are to be asked whether they are there, and which are gone: a pure decider over signs of life.
 *
 * A node says that it is alive. One that is silent for a part of its lease is asked (a *probe*): a machine that is dead
 * refuses at once, one that is late answers, one that is frozen does neither. Its lease is for the last.
 *
 * I1  Time by which the watch itself was late counts against no node: signs of life may have been held up, too.
 * I2  No node counts as gone for its silence before it was asked.
 */
import type { KnownNode } from './reservations.ts';

/** How often signs of life are looked at, ms. */
export const LOOK_MS = 250;
/** The share of its lease after which a node that is silent is asked. */
const SUSPECT_SHARE = 0.25;
/** A question that is not answered for so long is asked again, ms. */
const ASK_AGAIN_MS = 1_000;
/** A look that is later than this: nobody answered for the fleet meanwhile, and who died then has not been noticed. */
const HELD_UP_MS = 1_000;

export interface Verdict {
  readonly gone: readonly KnownNode[];
  readonly probed: readonly KnownNode[];
}

/** Changes what is kept of the nodes: when they were heard of, by the time of a watch that was not late, and asked. */
export function watchNodes(
  nodes: readonly KnownNode[],
  { dueAt, now }: { readonly dueAt: number; readonly now: number },
): Verdict {
  const lateMs = Math.max(0, now - dueAt);
  const gone: KnownNode[] = [];
  const probed: KnownNode[] = [];
  for (const node of nodes) {
    node.beatAt = Math.min(now, node.beatAt + lateMs);
    const silentMs = now - node.beatAt;
    if (silentMs > node.leaseMs && node.probedAt !== undefined) gone.push(node);
    else if (silentMs > node.leaseMs * SUSPECT_SHARE || lateMs > HELD_UP_MS) {
      if (node.probedAt !== undefined && now - node.probedAt < ASK_AGAIN_MS) continue;
      node.probedAt = now;
      probed.push(node);
    }
  }
  return { gone, probed };
}

/** It was heard of: it said so, or it answered. */
export function heardOf(node: KnownNode, now: number): void {
  node.beatAt = now;
  node.probedAt = undefined;
}

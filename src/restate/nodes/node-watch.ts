/**
 * Which nodes are to be asked whether they are there, and which are gone: a pure decider over signs of life.
 *
 * A node says that it is alive: that proves the way from it to the engine. With that it says when the engine reached it
 * last, which proves the other way. One that was not reached for a while is *asked*: sent a message, of which it tells
 * with its next sign of life. One that is silent, or says nothing of that message, is *probed*: the engine waits for its
 * answer, which costs three times as much. A machine that is dead refuses at once, one that is late answers, one that is
 * frozen does neither. A node needs both ways: one that says that it is alive and is not reached cannot be told to end a
 * body, and of one that answers and does not reach the engine no task is ever done. The lease is for either.
 *
 * I1  Time by which the watch itself was held up counts against no node: signs of life may have been, too. But it counts
 *     against the node whose silence did that: the one that answered for the fleet.
 * I2  No node counts as gone before it was asked.
 * I3  A refusal ends a node only if that is silent, too: one that says that it is alive has its whole lease to be reached.
 * I4  A refusal comes at once. The engine gives up on a frozen node after a few attempts, too: that is silence, and the
 *     node has its whole lease.
 * I5  One that answers, but says nothing by itself, is late, and has its whole lease again: once, until it is heard of.
 * I6  A probe without an answer is repeated less and less often: each keeps calls of the engine waiting.
 */
import type { KnownNode } from './reservations.ts';

/** How often signs of life are looked at, ms. */
export const LOOK_MS = 250;
/** The share of its lease after which a node is asked that is silent, or was not reached however often it says that it is alive. */
const DOUBT_SHARE = 1 / 3;
/** A node that is silent for so long is asked, however long its lease is: if it is dead its machine says so at once. */
const SILENT_MS = 1_000;
/** The share of its lease that one has left at the least which the seat was taken from: it may have been busy. */
const UNSEATED_SHARE = 1 / 4;
/** What is not answered for so long is asked again, or probed, ms; in a short lease a message sooner. */
const ASK_AGAIN_MS = 1_000;
/** What is refused later than this after it was sent was silence, ms. */
const REFUSED_MS = 2_000;
/**
 * By so much any look of a busy machine is late, ms. A sign of life is held up by as much once, but the looks of a lease are
 * eight: if each of them counted, a lease would last half as long again.
 */
const USUAL_LATE_MS = 100;
/** If a look is later than this, nobody answered for the fleet meanwhile, and deaths in that time went unnoticed. */
const HELD_UP_MS = 1_000;

export interface Verdict {
  readonly gone: readonly KnownNode[];
  readonly asked: readonly KnownNode[];
  readonly probed: readonly KnownNode[];
}

/** The node that the seat was taken from. */
export interface Unseated {
  readonly name: string;
  /** For how long it has left calls without an answer, at least. */
  readonly silentMs: number;
}

export interface Look {
  readonly dueAt: number;
  readonly now: number;
  readonly unseated?: Unseated | undefined;
}

/** Changes what is kept of the nodes: when they were heard of and reached, by the time of a watch that was not late. */
export function watchNodes(nodes: readonly KnownNode[], { dueAt, now, unseated }: Look): Verdict {
  const lateMs = Math.max(0, now - dueAt);
  const heldUpMs = Math.max(0, lateMs - USUAL_LATE_MS);
  const gone: KnownNode[] = [];
  const asked: KnownNode[] = [];
  const probed: KnownNode[] = [];
  for (const node of nodes) {
    const { leaseMs } = node;
    const heardAt = node.beatAt;
    node.beatAt = Math.min(now, heardAt + heldUpMs);
    node.forgivenMs = (node.forgivenMs ?? 0) + node.beatAt - heardAt;
    node.reachedAt = Math.min(now, reachedAtOf(node) + heldUpMs);
    if (node.name === unseated?.name) unseat(node, now, unseated.silentMs);
    const unreachedMs = now - node.reachedAt;
    const isOver = now - node.beatAt > leaseMs || unreachedMs > leaseMs;
    const isInDoubt = isSilent(node, now) || lateMs > HELD_UP_MS;
    if (isOver && node.doubtedAt !== undefined) gone.push(node);
    else if (isInDoubt || unreachedMs > leaseMs * DOUBT_SHARE) {
      node.doubtedAt ??= now;
      // Also in a short lease a lost message is followed by a probe.
      const tellWithinMs = Math.min(ASK_AGAIN_MS, leaseMs * DOUBT_SHARE);
      if (node.tellsReach && !isInDoubt && !isOverdue(node.askedAt, now, tellWithinMs)) {
        if (node.askedAt !== undefined) continue;
        node.askedAt = now;
        asked.push(node);
      } else if (node.probedAt === undefined || isOverdue(node.probedAt, now, pauseAfter(node.probes))) {
        node.probedAt = now;
        node.probes = (node.probes ?? 0) + 1;
        probed.push(node);
      }
    }
  }
  return { gone, asked, probed };
}

/** How long the last of so many probes is waited for until the next, ms. */
function pauseAfter(probes = 1): number {
  return ASK_AGAIN_MS * 2 ** (probes - 1);
}

/**
 * Its lease has run on while nobody answered for the fleet. What is left of it is enough to ask it: a quarter if it says
 * nothing, and two thirds if it is not reached.
 */
function unseat(node: KnownNode, now: number, silentMs: number): void {
  const { leaseMs, beatAt, forgivenMs = 0 } = node;
  const silentAt = Math.min(beatAt - forgivenMs, now - silentMs);
  node.beatAt = Math.min(beatAt, Math.max(silentAt, now - leaseMs * (1 - UNSEATED_SHARE)));
  node.forgivenMs = 0;
  node.reachedAt = Math.min(reachedAtOf(node), Math.max(now - silentMs, now - leaseMs * DOUBT_SHARE));
}

/** Whether the answer to what was asked then should be there. */
function isOverdue(at: number | undefined, now: number, afterMs: number): boolean {
  return at !== undefined && now - at >= afterMs;
}

function isSilent({ beatAt, leaseMs }: KnownNode, now: number): boolean {
  return now - beatAt > Math.min(leaseMs * DOUBT_SHARE, SILENT_MS);
}

/** For a node that was kept by an earlier version: its last sign of life. */
function reachedAtOf({ reachedAt, beatAt }: KnownNode): number {
  return reachedAt ?? beatAt;
}

/**
 * Notes a sign of life. The same moment is told a little later each time, by what the sign took to come: only what comes
 * after the first question counts as an answer to it.
 *
 * @param reachedMsAgo when the engine reached it last, as it says
 */
export function heardOf(node: KnownNode, now: number, reachedMsAgo?: number): void {
  node.beatAt = now;
  node.forgivenMs = 0;
  // It has answered, and now it is heard of: both ways are open.
  if (node.answeredAt !== undefined) believe(node);
  node.answeredAt = undefined;
  if (reachedMsAgo === undefined) return;
  node.tellsReach = true;
  const at = now - reachedMsAgo;
  if (at <= reachedAtOf(node)) return;
  node.reachedAt = at;
  if (node.doubtedAt === undefined || at < node.doubtedAt) return;
  node.askedAt = undefined;
  node.probes = undefined;
  node.doubtedAt = undefined;
}

/** Notes that it answered a probe. That counts as a sign of life once, and then no more until there is one. */
export function reached(node: KnownNode, now: number): void {
  node.reachedAt = now;
  if (node.answeredAt !== undefined) return;
  node.answeredAt = now;
  node.beatAt = now;
  node.forgivenMs = 0;
  believe(node);
}

/** What it was asked is answered. */
function believe(node: KnownNode): void {
  node.askedAt = undefined;
  node.probedAt = undefined;
  node.probes = undefined;
  node.doubtedAt = undefined;
}

/**
 * Notes that the engine did not reach it.
 *
 * @param sentAt when it was probed; unknown for a probe of an earlier version
 * @returns whether it is gone
 */
export function refused(node: KnownNode, now: number, sentAt = now): boolean {
  if (now - sentAt > REFUSED_MS) return false;
  // It is asked again at the next look, if there is reason to.
  node.probedAt = undefined;
  node.probes = undefined;
  return isSilent(node, now);
}

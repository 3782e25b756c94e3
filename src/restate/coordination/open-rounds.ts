/**
 * The rounds of a fleet that are open, as they are kept beside the variables that they are on.
 *
 * Owns their list, and how each stood last. The step that holds a round (coordination-service.ts) decides its outcome, and
 * says here how far it is; it hears from here that it is cut off.
 *
 * I1  A round is in the list from before its voters are asked until it has ended.
 * I2  Whoever cuts rounds off does so in the step in which their reason comes into force.
 */
import type { ObjectContext, ObjectSharedContext } from '@restatedev/restate-sdk';
import type { RoundCut } from '../../machines/index.ts';
import type { OpenRound } from '../../runtime/coordination/rounds/consensus.ts';
import { getAll } from '../engine/state-reads.ts';
import { wire, wireOf } from '../engine/wire.ts';

/** As many as in one program, where nobody says otherwise. */
export const MAX_OPEN_ROUNDS = 100;

/** An open round, and the promise by which the step that holds it hears that it was cut off. */
export interface ListedRound {
  readonly roundId: string;
  readonly variable: string;
  readonly token: string;
}

/** How a round stands; who its voters are does not change. */
export type RoundStanding = Partial<OpenRound> & Pick<OpenRound, 'roundId'>;

export const ROUNDS = 'rounds';
const keyOf = (roundId: string): string => `round ${roundId}`;

export async function listedRounds(ctx: Pick<ObjectSharedContext, 'get'>): Promise<readonly ListedRound[]> {
  return (await ctx.get(ROUNDS, wireOf<readonly ListedRound[]>())) ?? [];
}

export function listRound(ctx: ObjectContext, listed: readonly ListedRound[], round: ListedRound): void {
  ctx.set(ROUNDS, [...listed, round], wire);
}

/** Keeps how a round stands; ignored once the round has ended. */
export async function roundStands(ctx: ObjectContext, standing: RoundStanding): Promise<void> {
  const { roundId } = standing;
  if (!(await listedRounds(ctx)).some((listed) => listed.roundId === roundId)) return;
  const key = keyOf(roundId);
  ctx.set(key, { ...(await ctx.get(key, wireOf<OpenRound>())), ...standing }, wire);
}

/** Removes a round that has ended. @returns the rounds that are still open */
export function dropRound(
  ctx: ObjectContext,
  listed: readonly ListedRound[],
  roundId: string,
): readonly ListedRound[] {
  const open = listed.filter((round) => round.roundId !== roundId);
  if (open.length === listed.length) return listed;
  if (open.length === 0) ctx.clear(ROUNDS);
  else ctx.set(ROUNDS, open, wire);
  ctx.clear(keyOf(roundId));
  return open;
}

/** Cuts off all that are open, or those on a variable. */
export function cutRounds(
  ctx: ObjectContext,
  listed: readonly ListedRound[],
  why: RoundCut,
  variable?: string,
): void {
  let open = listed;
  for (const { roundId, token, variable: on } of listed) {
    if (variable !== undefined && on !== variable) continue;
    ctx.resolveAwakeable(token, why, wire);
    open = dropRound(ctx, open, roundId);
  }
}

/** Open rounds, oldest first. A round whose voters are still being looked for is left out. */
export async function openRounds(ctx: ObjectSharedContext): Promise<readonly OpenRound[]> {
  const listed = await listedRounds(ctx);
  const standing = await getAll<OpenRound>(
    ctx,
    listed.map(({ roundId }) => keyOf(roundId)),
  );
  return standing.filter((round) => round !== null);
}

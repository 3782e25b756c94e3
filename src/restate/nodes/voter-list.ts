/**
 * Who runs and takes part in coordination, kept in one piece beside the reservations: a round reads that, and not the
 * bucket of every agent.
 *
 * I1  The list is exact but for the buckets that `roster.unlisted` names: what it tells of those is read from them.
 * I2  It is written anew when a round has had to read many buckets. A fleet without rounds and leaders has none.
 */
import type { ObjectSharedContext } from '@restatedev/restate-sdk';
import { getAll } from '../engine/state-reads.ts';
import { ALL_BUCKETS, type Bucket, readBuckets, ROSTER, type Roster, type Voting } from './reservations.ts';

export const VOTERS = 'voters';
/** A round may read so many buckets each time. */
const MANY = 8;

/** An agent that runs, and may take part in rounds or lead. */
export interface Listed {
  readonly agentId: string;
  readonly incarnation: number;
  readonly node: string;
  readonly voter: Voting;
}

/** By bucket; one that nobody of is in is left out. */
export type VoterList = Readonly<Record<number, readonly Listed[]>>;

export interface ReadVoters {
  readonly list: VoterList;
  /** It is to be written. */
  readonly isStale: boolean;
}

export async function readVoters(ctx: Pick<ObjectSharedContext, 'get'>): Promise<ReadVoters> {
  // In this order: a list that is written in between is newer than what is said of it.
  const [roster, known] = await getAll<unknown>(ctx, [ROSTER, VOTERS]);
  const { unlisted = ALL_BUCKETS } = (roster ?? {}) as Partial<Roster>;
  const list: Record<number, readonly Listed[]> = { ...(known as VoterList | null) };
  const buckets = await readBuckets(ctx, unlisted);
  for (const [index, number] of unlisted.entries()) {
    const listed = votersIn(buckets[index]!);
    if (listed.length > 0) list[number] = listed;
    else delete list[number];
  }
  return { list, isStale: unlisted.length > MANY };
}

function votersIn(bucket: Bucket): readonly Listed[] {
  return Object.entries(bucket).flatMap(([agentId, { incarnation, node, voter }]) =>
    voter === undefined ? [] : [{ agentId, incarnation, node, voter }],
  );
}

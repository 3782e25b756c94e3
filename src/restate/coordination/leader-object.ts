/**
 * Who leads a fleet, and in which term: elected by the rules of one program (leader.ts of the machines) when a round, or a
 * program, asks for the leader.
 *
 * I1  Terms only grow. A leader leads until its incarnation no longer runs, or is not eligible any more.
 * I2  While coordination is away nobody is elected.
 */
import { object, type ObjectContext, type ObjectSharedContext } from '@restatedev/restate-sdk';
import { exclusive, shared } from '../engine/handlers.ts';
import {
  type Candidate,
  isLeader,
  type Leadership,
  noLeader,
  precedes,
  withCandidate,
  withoutLeader,
} from '../../machines/index.ts';
import type { Leader } from '../../runtime/coordination/leader/leader-election.ts';
import { call, tellEvents, toAgent, toNodes } from '../engine/calls.ts';
import { LEADER, type Look } from '../engine/names.ts';
import { fleetOptions } from '../engine/service-options.ts';
import { wire, wireOf } from '../engine/wire.ts';
import type { Eligible, SeatedVoter } from '../nodes/nodes-object.ts';

const STATE = 'leadership';

/** The leader, and its node. */
export type SeatedLeader = Leader & { readonly node: string };

/** Asks an agent itself whether it runs and may lead. @returns its place in the order of registration, if so */
async function candidateOf(ctx: ObjectContext, { agentId, incarnation }: SeatedVoter) {
  const look = await call<Look | null>(ctx, toAgent(agentId, 'look'), null);
  if (look === null) return undefined;
  const { record, registeredAt: order } = look;
  const isEligible = record.spec.coordination.leadershipEligible && record.incarnation === incarnation;
  return isEligible && record.status !== 'crashed' ? { agentId, incarnation, order } : undefined;
}

async function elected(
  ctx: ObjectContext,
  seated: readonly SeatedVoter[],
  kept: Leadership,
): Promise<Leadership> {
  const leading = seated.find(({ agentId, incarnation }) => isLeader(kept, agentId, incarnation));
  if (leading !== undefined && (await candidateOf(ctx, leading)) !== undefined) return kept;
  let first: Candidate | undefined;
  for (const one of seated) {
    const candidate = await candidateOf(ctx, one);
    if (candidate !== undefined && (first === undefined || precedes(candidate, first))) first = candidate;
  }
  if (kept.leader !== undefined) return withoutLeader(kept, first);
  return first === undefined ? kept : withCandidate(kept, first);
}

export const leaderObject = object({
  name: LEADER,
  handlers: {
    /** The leader; elected now, if there is none and an agent may lead. */
    lead: exclusive(
      { input: wire, output: wire },
      async (ctx: ObjectContext): Promise<SeatedLeader | null> => {
        const { seated, isAway } = await call<Eligible>(ctx, toNodes('eligible'), null);
        const kept = (await ctx.get(STATE, wireOf<Leadership>())) ?? noLeader;
        const now = isAway ? kept : await elected(ctx, seated, kept);
        const { leader, term } = now;
        if (now !== kept) ctx.set(STATE, now, wireOf<Leadership>());
        if (leader === undefined) return null;
        const { agentId, incarnation } = leader;
        if (term !== kept.term) {
          const at = await ctx.date.now();
          tellEvents(ctx, { events: [{ type: 'leader.elected', at, agentId, incarnation, term }] });
        }
        const seat = seated.find((one) => one.agentId === agentId && one.incarnation === incarnation);
        // While coordination is away, nobody replaces a leader that is gone.
        return seat === undefined ? null : { agentId, incarnation, term, node: seat.node };
      },
    ),

    /** Who was elected last; it may have ended since. */
    elected: shared(
      { input: wire, output: wire },
      async (ctx: ObjectSharedContext): Promise<Leader | null> => {
        const { leader, term } = (await ctx.get(STATE, wireOf<Leadership>())) ?? noLeader;
        return leader === undefined
          ? null
          : { agentId: leader.agentId, incarnation: leader.incarnation, term };
      },
    ),
  },
  options: fleetOptions,
});

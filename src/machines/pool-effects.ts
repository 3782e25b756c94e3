/** What the chart of a pool asks for, and the parameters of each effect, read from context and event. */
import type { EffectsOf } from './effect.ts';
import type { PoolContext, PoolEvent } from './pool-life.ts';
import { decideDeparture, decideReturn, decideStarts, type Departure, sizeOf } from './pool-size.ts';

export type PoolAlert = 'pool_degraded' | 'pool_starved';

export interface MemberCount {
  readonly count: number;
}

export interface SizeChange {
  readonly from: number;
  readonly to: number;
  readonly why: string;
  /** Who asked for it. */
  readonly by?: string | undefined;
}

/** All effects of this chart. */
export type PoolEffect = EffectsOf<{
  startMembers: MemberCount;
  /** That many of each kind leave. Of running members the idle ones go first, and they drain. */
  drainMembers: { readonly departure: Departure };
  /** That many of the draining members stay after all. */
  returnMembers: MemberCount;
  /** Report when no task waits any more. */
  finishQueue: undefined;
  abandonQueue: undefined;
  /** All members end, busy ones too, within what is left of the close. */
  stopMembers: undefined;
  killMembers: undefined;
  announceOpened: undefined;
  announceClosed: undefined;
  announceScaled: SizeChange;
  /** Growth was refused: the size goes back. */
  announceRefused: SizeChange;
  announceSettled: undefined;
  raiseAlert: { readonly alert: PoolAlert; readonly why: string };
  clearAlerts: undefined;
}>;

type There = { context: PoolContext; event: PoolEvent };

const whyOf = (event: PoolEvent): string => ('why' in event ? event.why : '');
export const wantedOf = ({ context, event }: There): number =>
  'wanted' in event ? event.wanted : context.wanted;

/** What is wanted after a growth that was refused; the member whose start failed is counted out already. */
export function wantedAfterRefusal({ context, event }: There): number {
  const isExhausted = event.type === 'member.start_failed' && event.isExhausted;
  const next = isExhausted ? Math.min(context.wanted - 1, sizeOf(context)) : context.wanted - 1;
  return Math.max(context.grownFrom, next);
}

export const announceScaled = {
  type: 'announceScaled' as const,
  params: (there: There) => ({
    from: there.context.wanted,
    to: wantedOf(there),
    why: whyOf(there.event),
    by: 'by' in there.event ? there.event.by : undefined,
  }),
};
export const announceRefused = {
  type: 'announceRefused' as const,
  params: (there: There) => ({
    from: there.context.wanted,
    to: wantedAfterRefusal(there),
    why: whyOf(there.event),
  }),
};
export const raiseAlert = (alert: PoolAlert) => ({
  type: 'raiseAlert' as const,
  params: ({ event }: There) => ({ alert, why: whyOf(event) }),
});
export const startMembers = {
  type: 'startMembers' as const,
  params: ({ context }: There) => ({ count: decideStarts(context, context) }),
};
export const startOne = { type: 'startMembers' as const, params: { count: 1 } };
export const drainMembers = {
  type: 'drainMembers' as const,
  params: ({ context }: There) => ({ departure: decideDeparture(context, context.wanted) }),
};
export const returnMembers = {
  type: 'returnMembers' as const,
  params: ({ context }: There) => ({ count: decideReturn(context, context.wanted) }),
};

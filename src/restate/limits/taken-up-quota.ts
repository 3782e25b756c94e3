/**
 * The chart of a quota in this code, for a quota whose snapshot is of another version's.
 *
 * What its members wait for means the same in every version: the chart is walked to where that limit is known. Pure.
 *
 * I1  Members hear nothing of it: they wait already.
 * I2  A release that was under way begins anew, with one member.
 */
import { type Parked, quotaMachine } from '../../machines/index.ts';
import { ChartAtWork, type KeptChart } from '../engine/kept-chart.ts';

/** @param parked the limit that is reached; nothing of a quota that is open */
export function takenUpQuota(
  quota: string | undefined,
  parked: Parked | undefined,
  nextOrder: () => number,
): KeptChart<typeof quotaMachine> {
  const kept: KeptChart<typeof quotaMachine> = { life: undefined as never, deadlines: [] };
  const since = parked?.at ?? 0;
  const chart = new ChartAtWork(quotaMachine, kept, { now: since, nextOrder, perform: () => {} });
  chart.begin({ quota });
  if (parked === undefined) return kept;
  const { at, until, why, guessed, named } = parked;
  const limit = { type: 'quota.limited' as const, at, until, why, chance: 0 };
  chart.send({ ...limit, ...(guessed ? { guessed } : {}), ...(named ? { named } : {}) });
  return kept;
}

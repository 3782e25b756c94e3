/** What this version of the code would do with every agent of a fleet, without doing it: `planUpgrade`. */
import { type ChartVerdict, chartRefusal, verdictOn } from '../agent/chart-version.ts';
import type { Fleet } from './fleet.ts';

export interface PlannedUpgrade {
  readonly agentId: string;
  readonly type: string;
  /** Identity of the chart that its snapshot is of. */
  readonly chart: string;
  readonly verdict: ChartVerdict;
  /** Why it is refused. */
  readonly problem?: string;
}

/** Goes through every agent that the fleet lists. Changes nothing. */
export async function planUpgrade(fleet: Fleet): Promise<readonly PlannedUpgrade[]> {
  const looks = await fleet.agents.looks();
  return looks.map(({ record, chart, known, placement }) => {
    const charted = { agentId: record.id, chart, known, hasBody: placement !== undefined };
    const verdict = verdictOn(charted);
    const plan = { agentId: record.id, type: record.type, chart, verdict };
    return verdict === 'refused' ? { ...plan, problem: chartRefusal(charted).message } : plan;
  });
}

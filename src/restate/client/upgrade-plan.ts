/** What this version of the code would do with every chart that a fleet keeps, without doing it: `planUpgrade`. */
import type { AnyStateMachine } from 'xstate';
import { autoscalerMachine, budgetMachine, poolMachine, quotaMachine } from '../../machines/index.ts';
import { type ChartVerdict, chartRefusal, verdictOn } from '../agent/chart-version.ts';
import { isOfThisChart } from '../engine/kept-chart.ts';
import type { Fleet } from './fleet.ts';

/** One chart of a fleet. */
export interface PlannedUpgrade {
  /** Whose chart it is. An agent's own limit is taken up together with the agent. */
  readonly of: 'agent' | 'pool' | 'autoscaler' | 'quota' | 'budget';
  /** The agent's id, or the name of the pool, of the shared limit or of the budget. */
  readonly name: string;
  /** Of an agent: its id, as `name`. */
  readonly agentId?: string;
  /** Of an agent. */
  readonly type?: string;
  /** Of a budget: the agent or the task, where each has its own account. */
  readonly account?: string;
  /** Identity of the chart that its snapshot is of. */
  readonly chart: string;
  /** Pools, limits and budgets are never refused, and never `kept`: what is known of them is taken up. */
  readonly verdict: ChartVerdict;
  /** Why it is refused. */
  readonly problem?: string;
}

/** Goes through all that the fleet lists: agents, then pools, shared limits and budgets. Changes nothing. */
export async function planUpgrade(fleet: Fleet): Promise<readonly PlannedUpgrade[]> {
  const [agents, pools, quotas, budgets] = await Promise.all([
    agentsOf(fleet),
    fleet.pools.charts(),
    fleet.quotas.charts(),
    fleet.budgets.charts(),
  ]);
  return [
    ...agents,
    ...pools.flatMap(({ name, pool, autoscaler }) => [
      planned('pool', name, pool, poolMachine),
      ...(autoscaler === undefined ? [] : [planned('autoscaler', name, autoscaler, autoscalerMachine)]),
    ]),
    ...quotas.map(({ name, chart }) => planned('quota', name, chart, quotaMachine)),
    ...budgets.map(({ name, of, chart }) => {
      const plan = planned('budget', name, chart, budgetMachine);
      return of === '' ? plan : { ...plan, account: of };
    }),
  ];
}

async function agentsOf(fleet: Fleet): Promise<readonly PlannedUpgrade[]> {
  const looks = await fleet.agents.looks();
  return looks.map(({ record: { id, type }, chart, known, placement }) => {
    const charted = { agentId: id, chart, known, hasBody: placement !== undefined };
    const verdict = verdictOn(charted);
    const plan = { of: 'agent' as const, name: id, agentId: id, type, chart, verdict };
    return verdict === 'refused' ? { ...plan, problem: chartRefusal(charted).message } : plan;
  });
}

function planned(
  of: PlannedUpgrade['of'],
  name: string,
  chart: string,
  machine: AnyStateMachine,
): PlannedUpgrade {
  return { of, name, chart, verdict: isOfThisChart({ chart }, machine) ? 'same' : 'resumed' };
}

/** Snapshots as another version of a chart would have left them: this one cannot read them. */
import type { AgentState } from '../../src/restate/agent/agent-state.ts';

export const ANOTHER = 'of another version';

/** Of a pool, a limit or an account. */
export function unreadable<Kept extends object>(kept: Kept): Kept {
  const life = {
    value: { awake: 'dreaming' },
    context: {},
    status: 'active',
    active: ['awake', 'awake.dreaming'],
    history: {},
    children: {},
  };
  return { ...kept, chart: ANOTHER, life, deadlines: [] };
}

export function ofAnotherChart(state: AgentState): void {
  const { ordered, stopTimeoutMs } = state.life.context;
  state.chart = ANOTHER;
  state.life = {
    value: { awake: 'dreaming' } as never,
    context: { ordered, stopTimeoutMs } as never,
    status: 'active',
    active: ['agent', 'agent.awake', 'agent.awake.dreaming'],
    history: {},
    children: {},
  };
  state.deadlines = [];
}

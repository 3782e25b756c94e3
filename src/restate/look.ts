/** What an agent shows of itself: to lists, and to whoever looks at it. */
import type { AgentState } from './agent-state.ts';
import { recordOfState } from './agent-state.ts';
import type { Look } from './names.ts';
import { quotaRecordOf } from './own-quota.ts';

export function lookOf(state: AgentState): Look {
  const { manifest, alerts, registeredAt, seat, placement, isMoving, chart, life, revision } = state;
  return {
    record: recordOfState(state),
    manifest,
    alerts,
    registeredAt,
    chart,
    active: life.active,
    placement: seat === undefined ? undefined : placement,
    isMoving,
    revision,
    quota: quotaRecordOf(state),
  };
}

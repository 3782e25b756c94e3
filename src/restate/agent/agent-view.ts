/** What an agent shows of itself: in lists, on request, and to its pool. */
import type { Moment } from './agent-acts.ts';
import type { AgentState } from './agent-state.ts';
import { AgentTurn } from './agent-turn.ts';
import { type Answer, answering } from '../engine/call-answer.ts';
import { positionOfState, recordOfState } from './agent-state.ts';
import type { Look } from '../engine/names.ts';
import type { MemberNews } from '../pools/pool-members.ts';
import { quotaRecordOf } from '../limits/own-quota.ts';

/** What a member reports to its pool. */
export function newsOf(state: AgentState): MemberNews {
  const { id, life, tasks, heardOfPool: heard, counts, abandoned } = state;
  const { incarnation, paused, parked, reason } = life.context;
  return {
    id,
    path: positionOfState(state).path,
    incarnation,
    isMoving: state.isMoving || undefined,
    takesWork: paused === undefined && parked === undefined,
    holds: tasks.flatMap(({ terms }) => (terms?.pool === undefined ? [] : [terms.pool])),
    heard,
    reason,
    done: counts.done,
    abandoned,
  };
}

/** The same of a snapshot of another chart: as it would go on under this one, or why it does not. Changes the state. */
export function lookUnderThisChart(state: AgentState, moment: Moment): Answer<Look> {
  return answering(() => {
    const turn = new AgentTurn(state, moment);
    turn.adoptChart();
    return lookOf(turn.state);
  });
}

export function lookOf(state: AgentState): Look {
  const { manifest, alerts, registeredAt, seat, placement, isMoving, chart, known, revision } = state;
  return {
    record: recordOfState(state),
    manifest,
    alerts,
    registeredAt,
    chart,
    ...(known === undefined ? {} : { known: { at: known.at, startedFrom: known.startedFrom } }),
    placement: seat === undefined ? undefined : placement,
    isMoving,
    revision,
    quota: quotaRecordOf(state),
    ...((state.questions ?? []).length === 0 ? {} : { hasAsked: true as const }),
  };
}

/** Which agents a list is of, asked where the list is kept; and what a list shows that nobody reads whole. Pure. */
import type { AgentRecord } from '../../runtime/agent/agent-record.ts';
import type { AgentFilter } from '../../runtime/fleet/agent-filter.ts';
import type { Look } from '../engine/names.ts';

/** All that is given has to fit. */
export interface LookFilter extends AgentFilter {
  readonly pool?: string | undefined;
  readonly agentId?: string | undefined;
  /** Those alone that have some. */
  readonly having?: 'quota' | 'alerts' | 'questions' | undefined;
}

/** An agent in few words. */
export type BriefLook = Pick<Look, 'registeredAt' | 'isMoving'> &
  Pick<AgentRecord, 'id' | 'type' | 'status' | 'state'> & { readonly pool?: string };

export function isWanted({ record, alerts, quota, hasAsked }: Look, filter: LookFilter): boolean {
  const { type, status, capability, isPaused, isParked, pool, agentId, having } = filter;
  return (
    (agentId === undefined || record.id === agentId) &&
    (type === undefined || record.type === type) &&
    (status === undefined || record.status === status) &&
    (pool === undefined || record.spec.pool === pool) &&
    (capability === undefined || record.capabilities.includes(capability)) &&
    (isPaused === undefined || (record.paused !== undefined) === isPaused) &&
    (isParked === undefined || (record.parked !== undefined) === isParked) &&
    (having !== 'quota' || quota !== undefined) &&
    (having !== 'alerts' || alerts.length > 0) &&
    (having !== 'questions' || hasAsked === true)
  );
}

export function briefOf({ record, registeredAt, isMoving }: Look): BriefLook {
  const { id, type, status, state, spec } = record;
  const brief = { id, type, status, state, registeredAt, isMoving };
  return spec.pool === undefined ? brief : { ...brief, pool: spec.pool };
}

/** In the order of their registration. */
export function byRegistration(
  one: { readonly registeredAt: number; readonly id: string },
  other: { readonly registeredAt: number; readonly id: string },
): number {
  return one.registeredAt - other.registeredAt || (one.id < other.id ? -1 : 1);
}

/** Calls between the fleet's services: by name, with our own JSON. */
import type { Context } from '@restatedev/restate-sdk';
import {
  AGENT,
  BUDGETS,
  COORDINATION,
  EVENTS,
  type EventBatch,
  FLEET,
  KEY,
  LEADER,
  NODES,
  POOL,
  QUOTA,
  VARIABLES,
} from './names.ts';
import { wire, wireOf } from './wire.ts';

export interface Target {
  readonly service: string;
  readonly method: string;
  readonly key?: string;
}

export function call<Answer>(ctx: Context, target: Target, parameter: unknown): Promise<Answer> {
  return ctx.genericCall<unknown, Answer>({
    ...target,
    parameter,
    inputSerde: wire,
    outputSerde: wireOf<Answer>(),
  });
}

/** A one-way call. It is durable once the caller's step is; the caller's calls to one key arrive in order. */
export function send(ctx: Context, target: Target, parameter: unknown, delayMs?: number): void {
  ctx.genericSend({
    ...target,
    parameter,
    inputSerde: wire,
    ...(delayMs === undefined ? {} : { delay: Math.max(0, Math.ceil(delayMs)) }),
  });
}

export const toAgent = (key: string, method: string): Target => ({ service: AGENT, key, method });
export const toPool = (key: string, method: string): Target => ({ service: POOL, key, method });
export const toQuota = (key: string, method: string): Target => ({ service: QUOTA, key, method });
export const toBudgets = (method: string): Target => ({ service: BUDGETS, key: FLEET, method });
export const toNodes = (method: string): Target => ({ service: NODES, key: FLEET, method });

export const toLeader = (method: string): Target => ({ service: LEADER, key: FLEET, method });
export const toVariables = (method: string): Target => ({ service: VARIABLES, key: FLEET, method });
export const toCoordination = (method: string): Target => ({ service: COORDINATION, method });

/** The object that keeps what was submitted to a target under these idempotency keys. */
export function toKey(target: object, keys: object, method: string): Target {
  return { service: KEY, key: JSON.stringify([target, keys]), method };
}

export function tellEvents(ctx: Context, batch: EventBatch): void {
  if (batch.events.length > 0) send(ctx, { service: EVENTS, key: FLEET, method: 'append' }, batch);
}

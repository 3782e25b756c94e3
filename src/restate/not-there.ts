/** What a fleet does not have, by the names that one program has it under: every call is refused, and says so. */
import { AgentSystemError, type ErrorCode } from '../runtime/values/errors.ts';

function refused(code: ErrorCode, name: string, why: string) {
  return (): Promise<never> => Promise.reject(new AgentSystemError(code, `${name}: ${why}`));
}

const NO_POOLS = 'a fleet has no pools: register agents, and submit tasks to { type }';
const NO_CONTROL = 'coordination of a fleet is there as long as its engine is';

/** @throws AgentSystemError `POOL_UNKNOWN`, always */
export const fleetPools = Object.freeze({
  create: refused('POOL_UNKNOWN', 'pools.create', NO_POOLS),
  ensureSize: refused('POOL_UNKNOWN', 'pools.ensureSize', NO_POOLS),
  execute: refused('POOL_UNKNOWN', 'pools.execute', NO_POOLS),
  get: refused('POOL_UNKNOWN', 'pools.get', NO_POOLS),
  close: refused('POOL_UNKNOWN', 'pools.close', NO_POOLS),
  list: (): Promise<readonly never[]> => Promise.resolve([]),
});

/** @throws AgentSystemError `COORDINATION_UNAVAILABLE`, always */
export const fleetCoordination = Object.freeze({
  suspend: refused('COORDINATION_UNAVAILABLE', 'coordination.suspend', NO_CONTROL),
  resume: refused('COORDINATION_UNAVAILABLE', 'coordination.resume', NO_CONTROL),
});

/** Parts of one program's API that a fleet does not have: every call is refused by name. */
import { AgentSystemError, type ErrorCode } from '../../runtime/values/errors.ts';

function refused(code: ErrorCode, name: string, why: string) {
  return (): Promise<never> => Promise.reject(new AgentSystemError(code, `${name}: ${why}`));
}

const NO_CONTROL = 'coordination of a fleet is there as long as its engine is';

/** @throws AgentSystemError `COORDINATION_UNAVAILABLE`, always */
export const fleetCoordination = Object.freeze({
  suspend: refused('COORDINATION_UNAVAILABLE', 'coordination.suspend', NO_CONTROL),
  resume: refused('COORDINATION_UNAVAILABLE', 'coordination.resume', NO_CONTROL),
});

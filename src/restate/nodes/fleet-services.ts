/** The services of the fleet itself. Every node offers them. */
import type { NamedConstraint } from '../../runtime/coordination/variables/constraints.ts';
import type { NamedScalingSignal } from '../../runtime/pools/scaling-signal.ts';
import { agentObject } from '../agent/agent-object.ts';
import { leaderObject } from '../coordination/leader-object.ts';
import { coordinationService } from '../coordination/coordination-service.ts';
import { eventsObject } from '../events/events-object.ts';
import { nodesObject } from './nodes-object.ts';
import { poolCrewOf, poolObjectOf } from '../pools/pool-object.ts';
import { SignalCode } from '../pools/scaling-signals.ts';
import { keyObject } from '../tasks/key-object.ts';
import { scheduleObject } from '../tasks/schedule-object.ts';
import { budgetsObject } from '../limits/budgets-object.ts';
import { quotaObject } from '../limits/quota-object.ts';
import { registryObject } from '../agent/registry-object.ts';
import { variablesObjectOf } from '../coordination/variables-object.ts';

/** The code that a node is given for the services. */
export interface ServiceCode {
  readonly constraints: readonly NamedConstraint[];
  readonly scalingSignals: readonly NamedScalingSignal[];
}

/** As a node offers them that was given this code. */
export function fleetServicesOf({ constraints, scalingSignals }: ServiceCode) {
  const signals = new SignalCode(scalingSignals);
  return [
    agentObject,
    nodesObject,
    registryObject,
    eventsObject,
    quotaObject,
    budgetsObject,
    poolObjectOf(signals),
    scheduleObject,
    keyObject,
    leaderObject,
    poolCrewOf(signals),
    variablesObjectOf(constraints),
    coordinationService,
  ];
}

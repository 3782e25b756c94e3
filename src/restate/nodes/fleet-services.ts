/** The services of the fleet itself. Every node offers them. */
import type { NamedConstraint } from '../../runtime/coordination/variables/constraints.ts';
import { agentObject } from '../agent/agent-object.ts';
import { leaderObject } from '../coordination/leader-object.ts';
import { coordinationService } from '../coordination/coordination-service.ts';
import { eventsObject } from '../events/events-object.ts';
import { nodesObject } from './nodes-object.ts';
import { poolCrew, poolObject } from '../pools/pool-object.ts';
import { keyObject } from '../tasks/key-object.ts';
import { scheduleObject } from '../tasks/schedule-object.ts';
import { budgetsObject } from '../limits/budgets-object.ts';
import { quotaObject } from '../limits/quota-object.ts';
import { registryObject } from '../agent/registry-object.ts';
import { variablesObjectOf } from '../coordination/variables-object.ts';

/** As a node offers them that was given these constraints. */
export const fleetServicesOf = (constraints: readonly NamedConstraint[]) => [
  agentObject,
  nodesObject,
  registryObject,
  eventsObject,
  quotaObject,
  budgetsObject,
  poolObject,
  scheduleObject,
  keyObject,
  leaderObject,
  poolCrew,
  variablesObjectOf(constraints),
  coordinationService,
];

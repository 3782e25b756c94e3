/** The services of the fleet itself. Every node offers them. */
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
import { variablesObject } from '../coordination/variables-object.ts';

export const fleetServices = [
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
  variablesObject,
  coordinationService,
] as const;

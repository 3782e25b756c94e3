/** All that answers for the fleet itself, wherever that is: its nodes offer the same. */
import { agentObject } from './agent-object.ts';
import { coordinationService } from './coordination-service.ts';
import { eventsObject } from './events-object.ts';
import { nodesObject } from './nodes-object.ts';
import { poolCrew, poolObject } from './pool-object.ts';
import { quotaObject } from './quota-object.ts';
import { registryObject } from './registry-object.ts';
import { variablesObject } from './variables-object.ts';

export const fleetServices = [
  agentObject,
  nodesObject,
  registryObject,
  eventsObject,
  quotaObject,
  poolObject,
  poolCrew,
  variablesObject,
  coordinationService,
] as const;

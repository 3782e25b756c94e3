/** A fleet on more than one machine: the same charts, on Restate. */
import './required-node.ts';
export { type AgentNode, createAgentNode } from './restate/nodes/node.ts';
export type { AgentNodeOptions } from './restate/nodes/node-options.ts';
export { connectFleet, type ConnectFleetOptions, type Fleet } from './restate/client/fleet.ts';
export { planUpgrade, type PlannedUpgrade } from './restate/client/upgrade-plan.ts';
export { type EventArchive, keepEvents } from './restate/events/event-archive.ts';
export type { FleetAgents, FleetHandle } from './restate/client/fleet-agents.ts';
export type { PlacedAgentSpec } from './restate/client/fleet-specs.ts';
export type { FleetPools, FleetPoolSpec } from './restate/client/fleet-pools.ts';
export type { FleetEvents } from './restate/client/fleet-events.ts';
export type { FleetConsensus } from './restate/client/fleet-consensus.ts';
export type { FleetVariableChange, FleetVariables } from './restate/client/fleet-variables.ts';
export type { FleetTasks } from './restate/client/fleet-tasks.ts';
export type { GoneNode } from './restate/nodes/reservations.ts';
export type { NodeEntry, Placement, PlacementWish } from './restate/nodes/placement.ts';

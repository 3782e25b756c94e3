/** A fleet on more than one machine: the same charts, on Restate. */
export { type AgentNode, createAgentNode } from './restate/node.ts';
export type { AgentNodeOptions } from './restate/node-options.ts';
export { connectFleet, type ConnectFleetOptions, type Fleet } from './restate/fleet.ts';
export { planUpgrade, type PlannedUpgrade } from './restate/upgrade-plan.ts';
export { type EventArchive, keepEvents } from './restate/event-archive.ts';
export type { FleetAgents, FleetHandle } from './restate/fleet-agents.ts';
export type { PlacedAgentSpec } from './restate/fleet-specs.ts';
export type { FleetPools, FleetPoolSpec } from './restate/fleet-pools.ts';
export type { FleetEvents } from './restate/fleet-events.ts';
export type { FleetConsensus } from './restate/fleet-consensus.ts';
export type { FleetVariables } from './restate/fleet-variables.ts';
export type { FleetTasks, FleetTaskTarget } from './restate/fleet-tasks.ts';
export type { NodeEntry, Placement, PlacementWish } from './restate/placement.ts';

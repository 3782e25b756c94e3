/** Tools for tests of agents, hosts and stores: a simulated clock, seeded chance, scripted bodies, and the laws each has to keep. */
import '../required-node.ts';
export {
  scriptedHost,
  type ScriptedBody,
  type ScriptedHost,
  type ScriptedHostOptions,
  type ScriptedRequest,
} from './scripted-host.ts';
export { seededRandom } from './seeded-random.ts';
export { settled, simulatedClock, type PendingTimer, type SimulatedClock } from './simulated-clock.ts';
export { hostLaws } from './host-laws.ts';
export type { HostLaw } from './host-laws/host-law.ts';
export { storeLaws } from './store-laws.ts';
export type { OpenStore, OpenStoreOptions, StoreLaw } from './store-laws/store-law.ts';
export {
  checkAgent,
  type CheckAgentOptions,
  type CheckReport,
  describeAgent,
  type DescribeAgentOptions,
  type DescribedTask,
  replayAgent,
  type Runner,
  type TriedAgent,
} from './describe-agent/describe-agent.ts';
export { type AgentLaw, agentLaws, LawBroken } from './describe-agent/laws.ts';
export { AgentFinding } from './describe-agent/report.ts';
export type { CoverageReport } from '../runtime/engine/coverage-report.ts';
export type { Move } from './describe-agent/moves.ts';
export type { Invariant, Seen } from './describe-agent/subject.ts';
export {
  type FleetRun,
  replayFleet,
  type SimulatedAgents,
  type SimulatedFleet,
  simulateFleet,
  type SimulateFleetOptions,
} from './simulate-fleet/simulate-fleet.ts';
export { type Deed, type FleetFault, fleetFaults } from './simulate-fleet/deeds.ts';
export { type FleetLaw, fleetLaws, FleetLawBroken } from './simulate-fleet/laws.ts';
export { FleetFinding } from './simulate-fleet/report.ts';
export type { FleetAnswer, FleetInvariant, FleetSeen } from './simulate-fleet/simulation-options.ts';
export { fromIncident, type FromIncidentOptions, type Incident } from './incident/from-incident.ts';
export {
  type IncidentAgent,
  IncidentHappened,
  type IncidentOutcome,
  replayIncident,
} from './incident/replay-incident.ts';
export type { IncidentStep } from './incident/incident-script.ts';

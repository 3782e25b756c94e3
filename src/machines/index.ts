/** The charts and their pure schemas and deciders: what may happen, without the runtime that makes it happen. */
export {
  agentMachine,
  type AgentCommandEvent,
  type AgentContext,
  type AgentEffect,
  type AgentEvent,
  type AgentInput,
  type AgentLife,
  type AlertKind,
  type BodyCommand,
  type BodyExit,
  type BodyInput,
  type LifeEventType,
  type MailboxCommand,
  type OrderedEnd,
  type RestingPlace,
  type StartedFrom,
} from './agent.ts';
export { positionOf, type AgentCommand, type AgentPosition, type AgentStatus } from './agent-position.ts';
export {
  agentSpec,
  type AgentSpecInput,
  type HealthPolicy,
  type Isolation,
  type LifePolicy,
  type ParsedAgentSpec,
} from './agent-spec.ts';
export {
  describeExit,
  endStatusOf,
  type EndStatus,
  type ErrorInfo,
  type ExitReason,
  exitReason,
} from './exit-reason.ts';
export {
  afterUptime,
  exceedsIntensity,
  noRestarts,
  restartDelayMs,
  type RestartHistory,
  type RestartPolicy,
  restartPolicy,
  withRestart,
} from './restart-policy.ts';
export {
  type SupervisorContext,
  type SupervisorEffect,
  type SupervisorEvent,
  type SupervisorInput,
  supervisorMachine,
} from './supervisor.ts';

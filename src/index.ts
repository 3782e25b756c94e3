/** The public API of mabeam. */
export type {
  AgentCommand,
  AgentStatus,
  ErrorInfo,
  ExitReason,
  Isolation,
  Outcome,
  RestartPolicy,
  RoundCut,
  RoundTerms,
  Tally,
} from './machines/index.ts';
export type { AdmissionUsage } from './runtime/admission.ts';
export type { AgentMetrics, AgentRecord } from './runtime/agent.ts';
export type { AgentHandle, AgentId } from './runtime/agent-handle.ts';
export type { AgentFilter, Agents, AgentSpec } from './runtime/agents.ts';
export type { Alert } from './runtime/alerts.ts';
export type { ChartInspectionEvent, ChartObserver } from './runtime/chart.ts';
export { type Clock, systemClock } from './runtime/clock.ts';
export type { Consensus, Decision, OpenRound, ProposalOptions } from './runtime/coordination/consensus.ts';
export type {
  CoordinationControl,
  CoordinationStatus,
  Leader,
} from './runtime/coordination/coordination.ts';
export type { CustomFallback, FailedProposal } from './runtime/coordination/round.ts';
export type { Confirmation, OutOfDate, VariableVersion } from './runtime/coordination/topic.ts';
export { variable, type VariableDefinition, type VariableKind } from './runtime/coordination/variable.ts';
export type {
  ChangeOptions,
  Constraint,
  Values,
  VariableChange,
  VariableRecord,
  Variables,
} from './runtime/coordination/variables.ts';
export {
  type AgentDefinition,
  type AgentLog,
  type AgentManifest,
  type AnyAgentDefinition,
  defineAgent,
  type DefineAgentOptions,
  type InitContext,
  type Proposal,
  type TaskContext,
  type TaskDefinition,
  type VariableContext,
  type Vote,
  type VoteContext,
} from './runtime/define-agent.ts';
export { AgentSystemError, type ErrorCode, errorCodes } from './runtime/errors.ts';
export type { HealthReport } from './runtime/health-lane.ts';
export type {
  Body,
  BodyListener,
  BodyReport,
  BodyRequest,
  BodyStart,
  DescriptionTurn,
  Host,
  SavedState,
} from './runtime/host.ts';
export type { EventListener, ReadOptions } from './runtime/journal.ts';
export type { TaskMetrics, TaskRequest } from './runtime/mailbox.ts';
export { machineSignal } from './runtime/pools/machine-signal.ts';
export type { ScalingRecord, ScalingSignalSource } from './runtime/pools/autoscaling.ts';
export type { PoolCloseReport } from './runtime/pools/close-report.ts';
export type { PoolRecord, PoolStatus } from './runtime/pools/pool.ts';
export type { PoolName, Pools, PoolSpec } from './runtime/pools/pools.ts';
export { planRecovery, type PlannedRecovery } from './runtime/recovery-plan.ts';
export type { LifeStep, TaskCounts } from './runtime/replay.ts';
export type { EventQuery, Recovery, Store, StoreBatch, StoredAgent } from './runtime/store.ts';
export { memoryStore } from './runtime/stores/memory.ts';
export {
  type AgentSystem,
  type AgentSystemOptions,
  type CloseReport,
  createAgentSystem,
  type SystemLimits,
} from './runtime/system.ts';
export type { TelemetryOptions } from './runtime/telemetry.ts';
export type { AlertType, EventBody, SystemEvent, SystemEventType } from './runtime/system-event.ts';

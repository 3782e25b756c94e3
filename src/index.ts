/** The public API of mabeam. */
import './required-node.ts';
export type { ScheduleOptions, ScheduleRecord } from './runtime/fleet/schedule-rules.ts';
export type { TaskId, TaskRecord } from './runtime/fleet/task-record.ts';
export type { SubmittedTask, SubmittedTaskOf, TaskTarget } from './runtime/fleet/task-submission.ts';
export type { TaskFilter, Tasks } from './runtime/fleet/tasks.ts';
export type { TaskCommand, TaskStatus } from './machines/index.ts';
export type {
  AgentCommand,
  AgentStatus,
  BudgetAmount,
  BudgetScope,
  BudgetSpecInput,
  ErrorInfo,
  ExitReason,
  Isolation,
  Outcome,
  Parked,
  Paused,
  RestartPolicy,
  RoundCut,
  RoundTerms,
  ShownLife,
  Tally,
} from './machines/index.ts';
export type { AdmissionUsage } from './runtime/limits/admission.ts';
export { defineFleet } from './fleet/define-fleet.ts';
export type {
  Fleet,
  FleetAgentSpec,
  FleetFault,
  FleetOptions,
  FleetPoolSpec,
  FleetRun,
  FleetStartOptions,
} from './fleet/fleet.ts';
export type { AgentMetrics, AgentRecord } from './runtime/agent/agent-record.ts';
export type {
  AgentHandle,
  AgentId,
  PoolName,
  StopOptions,
  TaskOf,
  TasksOf,
  TypedId,
  TypedPoolName,
} from './runtime/fleet/agent-handle.ts';
export type { ActOptions } from './runtime/values/act.ts';
export type { Agents, EnsureOptions, UpdateOptions } from './runtime/fleet/agents.ts';
export type { StartReport } from './runtime/fleet/start-each.ts';
export type { AgentFilter, AgentPage } from './runtime/fleet/agent-filter.ts';
export type { AgentCount } from './runtime/fleet/registry.ts';
export type { AgentChart } from './runtime/fleet/agent-chart.ts';
export type {
  ChartOutline,
  OutlinedState,
  OutlinedTransition,
} from './runtime/definition/chart-agent/chart-outline.ts';
export type { SecretProvider, SecretRequest } from './runtime/agent/agent-secrets.ts';
export type { AgentSpecChange } from './runtime/fleet/spec-change.ts';
export type { AgentSpec } from './runtime/fleet/spec-reading.ts';
export type { Alert } from './runtime/observability/alerts.ts';
export type { ChartWatcher } from './runtime/engine/chart-watch.ts';
export type { ChartInspectionEvent } from './runtime/engine/chart.ts';
export { type Clock, systemClock } from './runtime/time/clock.ts';
export type { Consensus, OpenRound } from './runtime/coordination/rounds/consensus.ts';
export type { Decision } from './runtime/coordination/rounds/proposal.ts';
export type {
  CustomFallback,
  FailedProposal,
  ProposalOptions,
} from './runtime/coordination/rounds/proposal.ts';
export type { CoordinationControl, CoordinationStatus } from './runtime/coordination/coordination.ts';
export type { Leader } from './runtime/coordination/leader/leader-election.ts';
export {
  type Constraint,
  defineConstraint,
  type NamedConstraint,
  type Values,
} from './runtime/coordination/variables/constraints.ts';
export type { Confirmation, OutOfDate, VariableVersion } from './runtime/coordination/variables/topic.ts';
export {
  defineVariable,
  type NamedVariable,
  variable,
  type VariableDefinition,
  type VariableKind,
} from './runtime/coordination/variables/variable.ts';
export type {
  ChangeOptions,
  VariableChange,
  VariableRecord,
  Variables,
} from './runtime/coordination/variables/variables.ts';
export {
  type AgentEvent,
  agentOf,
  type ChartAgent,
  type ChartAnswer,
  type ChartEvent,
  type ChartInput,
  type ChartMigration,
  type ChartSnapshot,
  type ChartTask,
  type ChartTasks,
  defineChartAgent,
  type DefineChartAgentOptions,
  type SavedChart,
  type TaskAnswer,
  type TaskEvent,
  type VoteCast,
} from './chart-agent.ts';
export type {
  AgentLog,
  ConnectContext,
  InitContext,
  Proposal,
  TaskContext,
  VariableContext,
  Vote,
  VoteContext,
} from './runtime/definition/contexts.ts';
export {
  type AgentDefinition,
  type AnyAgentDefinition,
  defineAgent,
  type DefineAgentOptions,
  type TaskDefinition,
  type TaskTypes,
} from './runtime/definition/define-agent.ts';
export type {
  ValuesOf,
  VariableHandle,
  VariableRef,
  VariableValues,
} from './runtime/definition/variable-handle.ts';
export type { ParkOptions } from './runtime/definition/parking.ts';
export type { BudgetRecord } from './runtime/limits/budget-rules.ts';
export type { Budgets } from './runtime/limits/budgets.ts';
export type { QuotaRecord } from './runtime/limits/quotas.ts';
export type { QuestionRecord } from './runtime/agent/question-record.ts';
export type { QuestionFilter } from './runtime/agent/question-acts.ts';
export { answerStoredQuestion, openQuestions } from './runtime/fleet/stored-questions.ts';
export type {
  AgentCalls,
  AskedQuestion,
  CalledTask,
  CallTarget,
  Reservation,
  SpawnedSpec,
  StreamedTask,
  TaskBudget,
} from './runtime/definition/task-abilities.ts';
export type { AgentCode, ModuleBinding } from './runtime/definition/module-binding.ts';
export type { AgentManifest } from './runtime/definition/manifest.ts';
export {
  AgentSystemError,
  type AgentSystemErrorOf,
  type ErrorCode,
  errorCodes,
} from './runtime/values/errors.ts';
export type { ErrorDetails } from './runtime/values/error-details.ts';
export type { HealthReport } from './runtime/agent/liveness.ts';
export type {
  Body,
  BodyListener,
  BodyReport,
  BodyRequest,
  BodyStart,
  DescriptionTurn,
  Host,
} from './runtime/hosting/host.ts';
export type { SavedState } from './runtime/definition/saved-state.ts';
export type { TaskMetrics } from './runtime/agent/task-figures.ts';
export type { TaskRequest } from './runtime/agent/task-request.ts';
export type { TaskStream } from './runtime/agent/task-stream.ts';
export type { ChartCounts } from './runtime/engine/chart-counts.ts';
export type { CoverageReport } from './runtime/engine/coverage-report.ts';
export { type Coverage, type CoverageData, mergeCoverage } from './runtime/observability/coverage.ts';
export { machineSignal } from './runtime/pools/machine-signal.ts';
export type { ScalingRecord } from './runtime/pools/autoscaling.ts';
export type { PoolCloseReport } from './runtime/pools/close-report.ts';
export type { PoolRecord } from './runtime/pools/pool.ts';
export type { PoolStatus } from './runtime/pools/pool-status.ts';
export type { Pools, PoolSpec } from './runtime/pools/pools.ts';
export {
  defineScalingSignal,
  type NamedScalingSignal,
  type ScalingSignalSource,
} from './runtime/pools/scaling-signal.ts';
export { planRecovery, type PlannedRecovery, type PlannedTask } from './runtime/fleet/recovery-plan.ts';
export type { ReadOptions } from './runtime/journal/reading.ts';
export type { LifeStep, TaskCounts } from './runtime/journal/replay.ts';
export type { EventQuery, Recovery, Store, StoreBatch, StoredAgent } from './runtime/journal/store.ts';
export type { Delivery, EventListener, SubscribeOptions } from './runtime/journal/subscriptions.ts';
export { memoryStore } from './runtime/journal/stores/memory.ts';
export { createAgentSystem } from './runtime/system.ts';
export type { AgentSystem, CloseReport, SystemStatus } from './runtime/system/agent-system.ts';
export type { AgentSystemOptions, SystemLimits } from './runtime/system/system-options.ts';
export type { TelemetryOptions } from './runtime/observability/telemetry.ts';
export type {
  AlertType,
  EventBody,
  SpecChange,
  SystemEvent,
  SystemEventType,
} from './runtime/journal/system-event.ts';

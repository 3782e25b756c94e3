/** The charts and their pure schemas and deciders: what may happen, without the runtime that makes it happen. */
export { agentMachine } from './agent.ts';
export type {
  AgentEffect,
  AlertKind,
  BodyCommand,
  HealthCommand,
  LifeEventType,
  MailboxCommand,
  PermitCommand,
} from './agent-effects.ts';
export type {
  LifePolicy,
  AgentCommandEvent,
  AgentContext,
  AgentEvent,
  AgentInput,
  AgentLife,
  OrderedEnd,
  Paused,
  RestingPlace,
  StartedFrom,
} from './agent-life.ts';
export {
  type AgentCommand,
  type AgentPosition,
  hasBody,
  positionAt,
  positionOf,
  showLife,
  type ShownLife,
} from './agent-position.ts';
export { type AgentStatus, agentStatuses, type TaskStatus, taskStatuses } from './statuses.ts';
export type {
  AgentSpecInput,
  CoordinationInput,
  HealthPolicyInput,
  ResourcesInput,
  SandboxInput,
  SandboxPaths,
  TaskPolicyInput,
} from './agent-spec-input.ts';
export {
  agentSpec,
  type HealthPolicy,
  type Isolation,
  lifePolicyOf,
  type ParsedAgentSpec,
} from './agent-spec.ts';
export type { BodyExit, BodyInput, BodyLogic } from './body.ts';
export {
  type BudgetAlert,
  type BudgetAmount,
  budgetAmount,
  type BudgetContext,
  type BudgetEffect,
  type BudgetEvent,
  type BudgetInput,
  budgetMachine,
  type BudgetScope,
  type BudgetSpec,
  type BudgetSpecInput,
  budgetSpec,
  budgetSpecs,
  type BudgetUnit,
  budgetUnits,
  budgetUse,
  lackingUnit,
  LOW_SHARE,
  minus,
  plus,
  usedShare,
} from './budget.ts';
export { type BallotRefusal, decideBallot, type VoterEntry } from './ballot.ts';
export {
  type ConsensusContext,
  type ConsensusEffect,
  type ConsensusEvent,
  type ConsensusInput,
  consensusMachine,
  type ConsensusOutput,
  type Outcome,
  type RoundCut,
} from './consensus.ts';
export {
  type AwayReason,
  type CoordinatorContext,
  type CoordinatorEffect,
  type CoordinatorEvent,
  type CoordinatorInput,
  coordinatorMachine,
  type RoundRefusal,
} from './coordinator.ts';
export { durationMs, positiveDurationMs } from './duration.ts';
export type { EffectParams, EffectsOf } from './effect.ts';
export {
  describeExit,
  endStatusOf,
  type EndStatus,
  type ErrorInfo,
  type ExitReason,
  exitReason,
} from './exit-reason.ts';
export {
  type Candidate,
  isLeader,
  type Leadership,
  noLeader,
  precedes,
  withCandidate,
  withoutLeader,
} from './leader.ts';
export {
  type AutoscalerContext,
  type AutoscalerEffect,
  type AutoscalerEvent,
  type AutoscalerInput,
  autoscalerMachine,
  type ScalingAlert,
} from './autoscaler.ts';
export { poolMachine } from './pool.ts';
export type { PoolAlert, PoolEffect } from './pool-effects.ts';
export type { LostFrom, PoolContext, PoolEvent, PoolInput } from './pool-life.ts';
export { type Departure, noMembers, type PoolCounts, sizeOf, totalOf } from './pool-size.ts';
export { type ParsedPoolSpec, poolSpec, type PoolSpecInput } from './pool-spec.ts';
export { type QuestionChartEvent, questionMachine } from './question.ts';
export { questionStatuses, questionStatusAfter, type QuestionStatus } from './question-position.ts';
export { hasEndedForGood, orphanedStop, type ParentRule, parentRule } from './parent-rule.ts';
export {
  type OnStall,
  type ProgressEffect,
  type ProgressEvent,
  type ProgressInput,
  progressMachine,
} from './progress.ts';
export {
  GUESS_MS,
  LONGEST_GUESS_MS,
  type Parked,
  type QuotaContext,
  type QuotaEffect,
  type QuotaEvent,
  type QuotaInput,
  quotaMachine,
  RELEASE_STEP_MS,
} from './quota.ts';
export {
  afterUptime,
  exceedsIntensity,
  type NextRestart,
  nextRestart,
  noRestarts,
  restartDelayMs,
  type RestartHistory,
  type RestartPolicy,
  type RestartPolicyInput,
  restartPolicy,
  sinceLastFailure,
  withRestart,
} from './restart-policy.ts';
export { type Fallback, type RoundTerms, roundTerms, type RoundTermsInput } from './round-terms.ts';
export {
  decideScaling,
  isCoolingDown,
  type MachineStrain,
  neverScaled,
  type PoolLoad,
  type ScalingBounds,
  type ScalingDecision,
  type ScalingHistory,
  type ScalingMetrics,
  type CeilingsInput,
  type GrowthInput,
  type ScalingPolicy,
  type ScalingPolicyInput,
  type ShrinkInput,
  scalingPolicy,
  namedScalingSignal,
  scalingSignal,
  type ScalingSignal,
} from './scaling-decision.ts';
export { ABORT_SHARE, FINISH_SHARE } from './stop-share.ts';
export {
  hasAttemptLeft,
  retryDelayMs,
  retryPolicy,
  type RetryPolicy,
} from './retry-policy.ts';
export {
  hasTaskEnded,
  legalForTask,
  placesAfter,
  type TaskCommand,
  type TaskPlace,
  taskPlaceAfter,
  taskStatusOf,
} from './task-position.ts';
export { type TaskChartEvent, taskMachine } from './task.ts';
export {
  type SupervisorContext,
  type SupervisorEffect,
  type SupervisorEvent,
  type SupervisorInput,
  supervisorMachine,
} from './supervisor.ts';
export {
  type Answer,
  type Ballots,
  type Cast,
  type Division,
  hasQuorum,
  type Rule,
  settledVerdictOf,
  type Tally,
  tallyOf,
  type Verdict,
  verdictOf,
  type VerdictTerms,
  type Vote,
  votedOf,
  weightOf,
  withBallots,
  withoutVoter,
} from './tally.ts';

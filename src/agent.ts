/**
 * What a module of an agent needs, and no more: a child that runs one loads neither charts nor stores.
 */
export {
  type AgentDefinition,
  type AgentLog,
  type ConnectContext,
  defineAgent,
  type DefineAgentOptions,
  type InitContext,
  type Proposal,
  type TaskContext,
  type VariableContext,
  type VariableValues,
  type Vote,
  type VoteContext,
} from './runtime/definition/define-agent.ts';
export type {
  AgentCalls,
  AskedQuestion,
  CalledTask,
  CallTarget,
  SpawnedSpec,
} from './runtime/definition/task-abilities.ts';

/**
 * What a module of an agent needs, and no more: a child that runs one loads neither charts nor stores.
 */
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
  defineAgent,
  type DefineAgentOptions,
} from './runtime/definition/define-agent.ts';
export type {
  AgentCalls,
  AskedQuestion,
  CalledTask,
  CallTarget,
  SpawnedSpec,
  StreamedTask,
} from './runtime/definition/task-abilities.ts';
export { defineVariable, type NamedVariable, variable } from './runtime/coordination/variables/variable.ts';
export type {
  ValuesOf,
  VariableHandle,
  VariableRef,
  VariableValues,
} from './runtime/definition/variable-handle.ts';

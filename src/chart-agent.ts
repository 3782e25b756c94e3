/**
 * What a module of an agent needs whose behaviour is a chart: a child that runs one loads XState, and still neither
 * the charts of a fleet nor stores.
 */
export { agentOf, type ChartAgent } from './runtime/definition/chart-agent/agent-of.ts';
export {
  type AgentEvent,
  type ChartAnswer,
  type ChartEvent,
  type ChartInput,
  type ChartTask,
  type ChartTasks,
  defineChartAgent,
  type DefineChartAgentOptions,
  type Interruption,
  type TaskAnswer,
  type TaskEvent,
  type VoteCast,
} from './runtime/definition/chart-agent/define-chart-agent.ts';
export type { ChartSnapshot, ChildSnapshot } from './runtime/definition/chart-agent/chart-snapshot.ts';
export type {
  ChartMigration,
  SavedBy,
  SavedChart,
} from './runtime/definition/chart-agent/saved-chart.ts';

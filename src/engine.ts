/** What drives charts, for any XState 5 machine: a table compiled from it, XState's interpreter, or pure functions. */
export {
  type Chart,
  type ChartClock,
  type ChartDriverName,
  type ChartEffect,
  type ChartObservation,
  type ChartOptions,
  type ChartSnapshot,
  type ChartStatus,
  type Child,
  type ChildInvocation,
  type ChildReport,
  createChart,
} from './runtime/engine/chart.ts';
export {
  beginChart,
  type PlainEffect,
  type PlainSnapshot,
  type PlainStep,
  stepChart,
} from './runtime/engine/pure-step.ts';
export { ChartRefused } from './runtime/engine/refusal.ts';
export { ChartNeverSettles } from './runtime/engine/settling.ts';
export { compileChart } from './runtime/engine/table/compiled-chart.ts';

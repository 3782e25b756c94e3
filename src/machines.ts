/** All charts, with what they decide by, and the compiler that drives them: for any XState 5 machine. */
export * from './machines/index.ts';
export { ChartRefused } from './runtime/engine/refusal.ts';
export { compileChart } from './runtime/engine/table/compiled-chart.ts';

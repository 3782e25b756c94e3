/** `mabeam/inspector`: the charts of a running system, live, in the Stately inspector. Needs the package `ws`. */
export {
  createInspector,
  type Inspector,
  type InspectorOptions,
} from './runtime/observability/inspector/inspector.ts';
export type { ChartStep } from './runtime/observability/inspector/chart-step.ts';
export type { RelayStatus } from './runtime/observability/inspector/relay.ts';

/** What XState keeps of a chart and its children, as JSON gives it back. */
import type { StateValue } from 'xstate';

/** XState's persisted snapshot of a machine, as JSON gave it back. */
export interface ChartSnapshot {
  readonly status: 'active' | 'done' | 'error' | 'stopped';
  readonly value: StateValue;
  readonly context: Readonly<Record<string, unknown>>;
  readonly children: Readonly<Record<string, ChildSnapshot>>;
  readonly historyValue?: unknown;
  readonly [field: string]: unknown;
}

export interface ChildSnapshot {
  readonly src: string;
  readonly snapshot: Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
}

/** What can drive a chart: models judge the same lives under each. */
import type { AgentSystemOptions } from '../../src/index.ts';
import { chartObserver } from '../../src/runtime/engine/chart-watch.ts';
import type { ChartDriverName } from '../../src/runtime/engine/chart.ts';

/** Who watches the charts of a system, which decides what drives them. */
export type Watching = NonNullable<AgentSystemOptions['inspect']>;

export const drivers = ['table', 'interpreter', 'pure'] as const satisfies readonly ChartDriverName[];

/** Charts driven by that driver, and watched by nobody. */
export function drivenBy(driver: ChartDriverName): Watching {
  return chartObserver(() => {}, driver);
}

/** The drivers of charts: models judge the same lives under each. */
import type { AgentSystemOptions } from '../../src/index.ts';
import { chartObserver } from '../../src/runtime/engine/chart-watch.ts';
import type { ChartDriverName } from '../../src/runtime/engine/chart.ts';

/** Who watches the charts of a system, which decides what drives them. */
export type Watching = NonNullable<AgentSystemOptions['inspect']>;

export const drivers = ['table', 'interpreter', 'pure'] as const satisfies readonly ChartDriverName[];

/** Has charts run by one driver, without an observer. */
export function drivenBy(driver: ChartDriverName): Watching {
  return chartObserver(() => {}, driver);
}

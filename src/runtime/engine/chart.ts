/** The engine: makes a chart that keeps its contract (`chart-contract.ts`, E1 to E6), by one of three drivers. */
import type { AnyStateMachine, InputFrom } from 'xstate';
import type { Chart, ChartOptions } from './chart-contract.ts';
import type { ChartDriver } from './driver.ts';
import { Interpreter } from './interpreter.ts';
import { parentIn } from './parent-state.ts';
import { PureChart } from './pure.ts';
import { ChartRefused } from './refusal.ts';
import { TableChart } from './table.ts';

export type * from './chart-contract.ts';

export type ChartDriverName = 'table' | 'interpreter' | 'pure';

/**
 * Makes a chart and starts it: effects of its start are performed before this returns.
 *
 * @param driver default `table`; with `xstateInspect`, `interpreter`
 * @throws ChartRefused for a definition that the driver cannot drive
 */
export function createChart<Machine extends AnyStateMachine>(
  definition: Machine,
  input: InputFrom<Machine>,
  options: ChartOptions,
  driver: ChartDriverName = options.xstateInspect ? 'interpreter' : 'table',
): Chart<Machine> {
  const parent = options.child === undefined ? parentIn(definition) : undefined;
  if (parent !== undefined)
    throw new ChartRefused(definition.id, parent, 'a child without the option "child"');
  const chart: ChartDriver = drivers[driver](definition, options);
  chart.begin(input);
  return chart as unknown as Chart<Machine>;
}

const drivers: Record<ChartDriverName, (definition: AnyStateMachine, options: ChartOptions) => ChartDriver> =
  {
    table: (definition, options) => new TableChart(definition, options),
    interpreter: (definition, options) => new Interpreter(definition, options),
    pure: (definition, options) => new PureChart(definition, options),
  };

import { expect, it } from 'vitest';
import { endLine } from '../../src/cli/run/drain.ts';

it.each([
  [[], [], undefined, 'No agent was left to stop.'],
  [['a'], [], undefined, '1 agent ended in order.'],
  [['a', 'b'], [], 1, '2 agents ended in order; 1 event could not be kept.'],
  [[], ['c'], undefined, '0 agents ended in order, 1 did not: c.'],
  [['a'], ['b', 'c'], 2, '1 agent ended in order, 2 did not: b, c; 2 events could not be kept.'],
])('stopped %j, abandoned %j, unkept %j: "%s"', (stopped, abandoned, unkeptEvents, line) => {
  expect(endLine({ stopped, abandoned, ...(unkeptEvents && { unkeptEvents }) })).toBe(line);
});

import { expect, it } from 'vitest';
import { rowOf } from '../../src/dashboard/agent-row.ts';
import { running, system } from '../kit/dashboard.ts';

it('how long tasks took is shown once one has run to any of its ends', async () => {
  const fleet = await system();
  await running(fleet, 'a');
  const record = fleet.agents.get('a');
  const latencyMs = { last: 2, mean: 3, max: 4 };
  for (const [done, failed, timedOut] of [
    [0, 0, 0],
    [1, 0, 0],
    [1, 1, 0],
    [1, 0, 1],
    [0, 1, 1],
  ] as const) {
    const metrics = { ...record.metrics, done, failed, timedOut, latencyMs };
    const row = rowOf(
      { ...record, metrics },
      { noted: undefined, alerts: [], cpuShare: undefined, questions: 0 },
    );
    expect(row.latencyMs, `${done} ${failed} ${timedOut}`).toEqual(
      done || failed || timedOut ? { last: 2, mean: 3 } : undefined,
    );
  }
});

/** Laws of the agents' table: what a narrow terminal does without. */
import { expect, it } from 'vitest';
import { agentColumns } from '../../src/cli/agent-list.ts';
import { tableOf } from '../../src/cli/table.ts';
import { agentRow } from './agent-row.ts';

it('leaves out one column after the other as the terminal gets narrower, and never who it is and how it is', () => {
  const agents = [
    agentRow('ada', {
      pool: 'crew',
      latencyMs: { last: 1, mean: 2, max: 3 },
      memoryBytes: 1_000_000,
      cpuShare: 0.5,
      startedAt: 1,
    } as object),
  ];
  const columns = agentColumns(agents, (_, text) => text, 2_000);
  const titles = (width: number) => tableOf(agents, columns, { width })[0]!.split(/ +/);
  const whole = titles(Infinity);
  const gone: string[] = [];
  for (let width = 200, before = whole; width > 0; width -= 1) {
    const shown = titles(width).filter((title) => whole.includes(title));
    const lost = before.filter((title) => !shown.includes(title));
    expect(lost.length).toBeLessThanOrEqual(1);
    gone.push(...lost);
    before = shown;
    if (gone.length === 9) break;
  }
  expect(gone).toEqual(['CPU', 'INC', 'LATENCY', 'MEMORY', 'FAILED', 'DONE', 'QUEUE', 'RESTARTS', 'UP']);
});

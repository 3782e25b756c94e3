/** The chart of a chart agent as people see it: the same from every host, bounded, and only of a chart. */
import { describe, expect, it } from 'vitest';
import { createMachine } from 'xstate';
import type { Isolation } from '../../../src/index.ts';
import { outlineOf } from '../../../src/runtime/definition/chart-agent/chart-outline.ts';
import { agentChart } from '../../../src/runtime/fleet/agent-chart.ts';
import { plain } from '../../fleet/plain.ts';
import { codeOf, rig } from '../../kit/rig.ts';

const module = new URL('../../fixtures/agents/order.ts', import.meta.url);

describe.each<Isolation>(['in-process', 'thread', 'process'])('%s', (isolation) => {
  it('tells its states, the ways between them, and where it stands', async () => {
    const { agents } = await rig();
    const id = await agents.register({ module, isolation });
    expect(await codeOf(agents.chart(id))).toBe('AGENT_NOT_RUNNING');
    await agents.start(id);
    expect(await agents.chart(id)).toEqual({
      id: 'order',
      active: ['draft'],
      transitions: [],
      states: [
        {
          path: 'draft',
          type: 'atomic',
          isInitial: true,
          description: 'Somebody writes it.',
          transitions: [{ on: 'submit', to: ['review'], isGuarded: true }],
        },
        {
          path: 'review',
          type: 'compound',
          transitions: [
            { on: 'approve', to: ['shipping'] },
            { on: 'reject', to: ['draft'] },
          ],
        },
        {
          path: 'review.waiting',
          type: 'atomic',
          isInitial: true,
          transitions: [{ on: 'after 86400000 ms', to: ['review.escalated'] }],
        },
        { path: 'review.escalated', type: 'atomic', transitions: [] },
        { path: 'shipping', type: 'parallel', transitions: [] },
        { path: 'shipping.parcel', type: 'compound', transitions: [] },
        { path: 'shipping.parcel.packed', type: 'atomic', isInitial: true, transitions: [] },
        { path: 'shipping.invoice', type: 'atomic', transitions: [] },
      ],
    });
    await agents.execute(id, { type: 'submit' });
    expect((await agents.chart(id))?.active).toEqual(['review', 'review.waiting']);
    await agents.execute(id, { type: 'approve' });
    expect((await agents.chart(id))?.active).toEqual([
      'shipping',
      'shipping.parcel',
      'shipping.parcel.packed',
      'shipping.invoice',
    ]);
  });
});

it('an agent of functions has no chart, and neither has an unknown agent', async () => {
  const { agents } = await rig();
  const id = await agents.register({ module: plain });
  await agents.start(id);
  expect(await agents.chart(id)).toBeUndefined();
  expect(await codeOf(agents.chart('nobody'))).toBe('AGENT_NOT_FOUND');
});

it('is bounded, whatever the chart', () => {
  const states = Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [`${'s'.repeat(300)}${n}`, {}]));
  const on = Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [`event${n}`, {}]));
  const outline = outlineOf(createMachine({ id: 'large', initial: Object.keys(states)[0]!, states, on }));
  expect(outline.states).toHaveLength(300);
  expect(outline.transitions).toHaveLength(50);
  expect(JSON.stringify(outline).length).toBeLessThan(120_000);
});

it('malformed data is no outline', () => {
  for (const wrong of [undefined, null, 7, {}, { id: 'a', transitions: [], states: [{ path: 1 }] }]) {
    expect(agentChart(wrong, 'draft')).toBeUndefined();
  }
  const outline = { id: 'a', transitions: [], states: [] };
  expect(agentChart(outline, 7)?.active).toEqual([]);
});

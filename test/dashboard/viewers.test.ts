import { expect, it } from 'vitest';
import { type AgentRow, type StreamMessages } from '../../src/dashboard.ts';
import { variable } from '../../src/index.ts';
import order from '../fixtures/agents/order.ts';
import { dashboard, listen, type Listening, running, system, worker } from '../kit/dashboard.ts';
import { eventually } from '../kit/eventually.ts';
import { onlyTimersBelow } from '../kit/short-timers.ts';

/** What a viewer knows of the agents, from all it was told. */
function knownTo(...streams: readonly Listening[]): Map<string, AgentRow> {
  const rows = new Map<string, AgentRow>();
  for (const { name, data } of streams.flatMap(({ messages }) => messages)) {
    if (name !== 'agents') continue;
    const { reset, agents, gone } = data;
    if (reset) rows.clear();
    for (const id of gone) rows.delete(id);
    for (const row of agents) rows.set(row.id, row);
  }
  return rows;
}

const sizeOf = ({ messages }: Listening) => JSON.stringify(messages).length;

const isOf = (id: string, status: string) => (data: StreamMessages['agents']) =>
  data.agents.some((row) => row.id === id && row.status === status);

it('a viewer is told of a crash within a second', async () => {
  onlyTimersBelow(1_000);
  const fleet = await system();
  await running(fleet, 'ada');
  const shown = await dashboard(fleet);
  const viewer = await listen(shown, 'fleet,agents,marks');
  await viewer.until('agents', isOf('ada', 'running'));
  await fleet.agents.kill('ada');
  await viewer.until('agents', isOf('ada', 'crashed'));
  await viewer.until('marks', ({ marks }) => marks.some(({ type }) => type === 'agent.crashed'));
  await viewer.until('fleet', ({ counts }) => counts.crashed === 1);
});

it('a viewer that comes late is told of all that is, and of all that was', async () => {
  const fleet = await system();
  await running(fleet, ...Array.from({ length: 30 }, (_, n) => `a${n}`));
  await fleet.agents.kill('a3');
  await fleet.agents.execute('a4', { type: 'fail' }).catch(() => {});
  const shown = await dashboard(fleet);
  const viewer = await listen(shown, 'fleet,agents,marks,agent:a4');
  await viewer.until('agents', ({ more }) => !more);
  await viewer.until('events');
  const rows = knownTo(viewer);
  expect(rows.size).toBe(30);
  expect(rows.get('a3')).toMatchObject({
    status: 'crashed',
    lastError: { text: 'killed' },
    recentRestarts: 1,
    maxRestarts: 5,
  });
  expect(rows.get('a4')?.lastError?.text).toBe('fail: Error: no luck');
  const { marks } = await viewer.until('marks');
  expect(marks.map(({ type }) => type)).toEqual(['agent.crashed', 'agent.restart_scheduled']);
  const { events } = await viewer.until('events');
  expect(events.map(({ type }) => type)).toContain('task.failed');
});

it('one that comes back with its position is told of what changed meanwhile, and of nothing else', async () => {
  const fleet = await system();
  await running(fleet, 'ada', 'bob', 'eve');
  const shown = await dashboard(fleet);
  const first = await listen(shown, 'fleet,agents,marks,agent:ada');
  await first.until('agents', ({ more }) => !more);
  await first.until('events');
  await first.until('marks');
  first.close();
  await fleet.agents.execute('bob', { type: 'add' });
  await fleet.agents.execute('ada', { type: 'add' });
  await fleet.agents.stop('eve');
  await fleet.agents.forget('eve');
  const second = await listen(shown, 'fleet,agents,marks,agent:ada', first.position);
  const told = await second.until('agents');
  expect(told).not.toHaveProperty('reset');
  await second.until('events', (data) => data.events.some(({ type }) => type === 'task.completed'));
  const names = () => [...knownTo(first, second).keys()].toSorted().join();
  await eventually(names, (now) => now === 'ada,bob');
  const again = second.messages.flatMap(({ name, data }) =>
    name === 'agents' ? data.agents.map(({ id }) => id) : [],
  );
  expect(new Set(again)).toEqual(new Set(['ada', 'bob']));
});

it.each(['', 'nonsense', 'abc.1.2.3.4', '....', 'x.NaN.0.0.0'])(
  'a position %j of another time begins anew',
  async (position) => {
    const fleet = await system();
    await running(fleet, 'ada');
    const viewer = await listen(await dashboard(fleet), 'fleet,agents,marks', position);
    expect((await viewer.until('agents')).reset).toBe(true);
    expect((await viewer.until('marks')).reset).toBe(true);
  },
);

it('a slow viewer misses steps, never the newest, and holds up nobody', async () => {
  const fleet = await system();
  const ids = Array.from({ length: 2_000 }, (_, n) => `a${n}`);
  for (const id of ids) await fleet.agents.register({ id, module: worker });
  const shown = await dashboard(fleet);
  const slow = await listen(shown, 'fleet,agents');
  const quick = await listen(shown, 'fleet,agents');
  await slow.until('agents', ({ more }) => !more);
  slow.pause();
  const last = ids.at(-1)!;
  const quickIsTold = (status: string, incarnation: number) =>
    quick.until('agents', ({ agents }) =>
      agents.some((row) => row.id === last && row.status === status && row.incarnation === incarnation),
    );
  for (let round = 1; round <= 6; round++) {
    for (const id of ids) await fleet.agents.start(id);
    // Enough to fill what waits in the sockets many times over, were it sent.
    await quickIsTold('running', round);
    for (const id of ids) await fleet.agents.stop(id);
    await quickIsTold('stopped', round);
  }
  await fleet.agents.start('a7');
  await quick.until('agents', ({ agents }) =>
    agents.some(({ id, incarnation }) => id === 'a7' && incarnation === 7),
  );
  slow.resume();
  await slow.until('agents', ({ agents }) =>
    agents.some(({ id, incarnation }) => id === 'a7' && incarnation === 7),
  );
  await eventually(
    () => [...knownTo(slow).values()].filter(({ incarnation }) => incarnation < 6).length,
    (count) => count === 0,
  );
  // On a machine that is slow itself both may miss the same.
  expect(sizeOf(slow)).toBeLessThanOrEqual(sizeOf(quick));
  const rows = knownTo(slow);
  expect(rows.size).toBe(2_000);
  expect(rows.get('a7')?.status).toBe('running');
});

it('coordination and pools are told as they change', async () => {
  const fleet = await system();
  const voter = worker;
  await fleet.pools.create({ name: 'crew', spec: { module: voter }, min: 1, max: 3 });
  await fleet.variables.define('rate', variable.float({ min: 0, max: 1, default: 0.5 }));
  const viewer = await listen(await dashboard(fleet), 'coordination,pools');
  await viewer.until('pools', ({ pools }) => pools[0]?.live === 1);
  await viewer.until('coordination', ({ variables }) => variables[0]?.value === 0.5);
  await fleet.variables.set('rate', 0.6, { by: 'ada', why: 'a reason' });
  await viewer.until('coordination', ({ variables }) => variables[0]?.version === 2);
  await fleet.pools.ensureSize('crew', 2);
  await viewer.until('pools', ({ pools }) => pools[0]?.live === 2);
  fleet.coordination.suspend();
  await viewer.until('coordination', ({ status }) => status === 'suspended');
});

it('viewers of one agent are told that it is gone, and that it is there again', async () => {
  const fleet = await system();
  const viewer = await listen(await dashboard(fleet), 'agent:a,b');
  expect((await viewer.until('agent')).detail).toBeNull();
  await running(fleet, 'a,b');
  await viewer.until('agent', ({ detail }) => detail?.agent.status === 'running');
  await fleet.agents.stop('a,b');
  await fleet.agents.forget('a,b');
  await viewer.until('agent', ({ detail }) => detail === null && viewer.messages.length > 3);
});

it('is told when the dashboard closes, and leaves nothing behind', async () => {
  const fleet = await system();
  const shown = await dashboard(fleet);
  const viewer = await listen(shown, 'fleet,agents');
  await viewer.until('agents');
  await shown.close();
  await viewer.ended;
  expect(viewer.messages.at(-1)?.name).toBe('bye');
  expect(shown.viewers()).toBe(0);
  await shown.close();
});

it('the chart that is an agent’s own behaviour is told step by step, as it takes them', async () => {
  // It is looked at again every second besides.
  onlyTimersBelow(250);
  const fleet = await system();
  await fleet.agents.register({ id: 'ada', module: order });
  await fleet.agents.start('ada');
  const shown = await dashboard(fleet);
  const { until } = await listen(shown, 'agent:ada');
  await until('chart', ({ chart }) => chart?.active.join() === 'draft');
  await fleet.agents.execute('ada', { type: 'submit' });
  const { steps } = await until('chart', ({ chart }) => chart?.active.includes('review') === true);
  expect(steps).toMatchObject([{ left: ['draft'], entered: ['review', 'review.waiting'] }]);
  const late = await listen(shown, 'agent:ada');
  expect((await late.until('chart')).steps).toEqual(steps);
});

it('one that looks at an agent is told of an event that comes alone, and of nothing while nothing happens', async () => {
  const fleet = await system();
  await running(fleet, 'ada', 'bob');
  const shown = await dashboard(fleet);
  const viewer = await listen(shown, 'fleet,agent:ada');
  await viewer.until('events');
  for (const shutdownMs of [1_000, 2_000]) {
    await fleet.agents.update('ada', { shutdownMs });
    const newest: number[] = [];
    for await (const { sequence } of fleet.events.read({ agentId: 'ada' })) newest.push(sequence);
    const last = newest.at(-1)!;
    const { events } = await viewer.until('events', (data) => data.events.at(-1)?.sequence === last);
    expect(events).toHaveLength(1);
  }
  expect(viewer.messages.filter(({ name }) => name === 'events')).toHaveLength(3);
});

/** The parts of a system, wired: what each is given of the others. */
import { describe, expect, it } from 'vitest';
import { defineAgent, memoryStore } from '../../src/index.ts';
import { chartObserver } from '../../src/runtime/engine/chart-watch.ts';
import { settled } from '../../src/testing/index.ts';
import { plain } from '../fleet/plain.ts';
import { mortalStore } from '../kit/mortal-store.ts';
import { drivers } from '../kit/drivers.ts';
import { awaited, codeOf, fateOf, gate, rig } from '../kit/rig.ts';
import { failingStore } from '../journal/failing-store.ts';

const asking = defineAgent({
  type: 'asking',
  init: () => ({}),
  tasks: { ask: { run: ({ ask }) => ask({ question: 'sure?' }) } },
});

describe('the end of a system', () => {
  it.each([true, false])(
    'leaves tasks to the next program where its store is durable (%s)',
    async (isDurable) => {
      const { system, agents } = await rig({ store: mortalStore(memoryStore(), { isDurable }) });
      const id = await agents.register({ module: plain });
      const { id: taskId } = await system.tasks.submit(id, { type: 'echo', whenDown: 'wait' });
      const report = await system.close();
      expect(report.leftTasks).toEqual(isDurable ? [taskId] : undefined);
    },
  );

  it('is not begun by the end of an agent: that waits for what asks a person, and abandons it, on a durable store, too', async () => {
    const { system, agents, clock } = await rig({ store: mortalStore(memoryStore(), { isDurable: true }) });
    const id = await agents.register({ module: asking });
    await agents.start(id);
    const output = awaited(agents.execute(id, { type: 'ask' }));
    await settled();
    const stopped = awaited(agents.stop(id, { timeoutMs: 10 }));
    expect(await fateOf(output)).toBe('pending');
    await clock.advance(10);
    expect(await codeOf(output)).toBe('TASK_ABANDONED');
    expect(await stopped).toMatchObject({ status: 'stopped', abandoned: [expect.any(String)] });
    expect(system.questions.list()).toEqual([]);
  });
});

it('a quota is lifted once that is durable', async () => {
  const store = failingStore();
  const appending = gate();
  let isHeld = false;
  const { system, agents } = await rig({
    store: {
      ...store,
      append: async (batch) => {
        if (isHeld) await appending.promise;
        return store.append(batch);
      },
    },
  });
  const module = defineAgent({
    type: 'limited',
    init: () => ({}),
    tasks: { call: { run: ({ park }) => park({ afterMs: 60_000, why: 'full' }) } },
  });
  await agents.start(await agents.register({ module, quota: 'provider' }));
  await system.tasks.submit({ type: 'limited' }, { type: 'call' });
  await settled();
  isHeld = true;
  const lifted = awaited(system.quotas.lift('provider', { by: 'ann' }));
  expect(await fateOf(lifted)).toBe('pending');
  appending.resolve();
  await lifted;
  const told: unknown[] = [];
  for await (const event of system.events.read()) if (event.type === 'quota.lifted') told.push(event);
  expect(told).toMatchObject([{ quota: 'provider', by: 'ann' }]);
});

it.each(drivers)('whoever watches a system by %s has all of its charts driven so', async (driver) => {
  const driven = new Map<string, string>();
  const inspect = chartObserver((told) => {
    if ('definition' in told) driven.set(told.definition.id, told.chart.constructor.name);
  }, driver);
  const { system, agents } = await rig({ inspect });
  system.budgets.define({ name: 'tokens', limits: { tokens: 10 } });
  const module = defineAgent({
    type: 'watched',
    quota: 'shared',
    init: () => ({}),
    tasks: { work: { stalledAfterMs: 1_000, run: () => 1 } },
  });
  await system.pools.create({ name: 'pool', spec: { module }, min: 1, max: 2, scale: {} });
  await system.pools.execute('pool', { type: 'work' });
  expect([...driven.keys()].toSorted()).toEqual([
    'agent',
    'autoscaler',
    'budget',
    'coordinator',
    'pool',
    'progress',
    'quota',
    'supervisor',
  ]);
  expect(new Set(driven.values())).toEqual(
    new Set([{ table: 'TableChart', interpreter: 'Interpreter', pure: 'PureChart' }[driver]]),
  );
  expect(agents.ids()).toHaveLength(1);
});

/** Charts that have changed since the store was written are told of, and known from then on. */
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { createAgentSystem, memoryStore, type Store } from '../../src/index.ts';
import { chartIdentities } from '../../src/runtime/engine/chart-identity.ts';
import { simulatedClock } from '../../src/testing/index.ts';
import { recovering } from './recovering.ts';

it('warns of each chart that another version of it has written, and of no other', async () => {
  const store = memoryStore();
  const lines: unknown[] = [];
  const logger = pino(
    { level: 'warn', name: 'mabeam' },
    { write: (line: string) => lines.push(JSON.parse(line)) },
  );
  const run = async (on: Store) => {
    const system = await createAgentSystem({ store: on, clock: simulatedClock(), logger });
    await system.close();
  };
  await run(store);
  await run(store);
  expect(lines).toEqual([]);
  const { facts } = await store.recover();
  const charts = chartIdentities();
  expect(charts.map(({ name }) => facts.get(name))).toEqual(charts.map(({ hash }) => hash));
  const [changed] = charts;
  await run(recovering(store, (recovery) => ({ facts: new Map(recovery.facts).set(changed!.name, 'old') })));
  expect(lines).toEqual([
    expect.objectContaining({ name: 'mabeam', chart: changed!.name, kept: 'old', hash: changed!.hash }),
  ]);
});

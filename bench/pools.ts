/**
 * Pools of growing size: what a task costs, waited for or not, and what a member costs to come and to go; and what a task
 * for any agent of a type costs, of which all have something to do.
 */
import { pino } from 'pino';
import { createAgentSystem, defineAgent, memoryStore } from '../src/index.ts';
import { counter } from './counter.ts';

const ROUNDS = 5;
const TASKS = 5_000;

export async function benchPools(sizes: readonly number[]): Promise<void> {
  const rows = [];
  for (const size of sizes) rows.push(await pool(size));
  console.log(`Pools: cost of one task (best of ${ROUNDS}) and of one member, by how many there are`);
  console.table(rows);
  const busy = [];
  for (const size of sizes) busy.push(await busyAgents(size));
  console.log(`Busy agents: cost of one submitted task (best of ${ROUNDS}), by how many there are`);
  console.table(busy);
}

/** Each has one task that does not end, and room for another. */
const busyCounter = defineAgent({
  type: 'busy',
  init: () => ({ n: 0 }),
  tasks: { add: { run: ({ state }) => ++state.n }, hang: { run: () => new Promise(() => {}) } },
});

async function busyAgents(size: number): Promise<Record<string, number>> {
  await using system = await createAgentSystem({
    store: memoryStore({ maxEvents: 1_000 }),
    logger: pino({ level: 'silent' }),
  });
  const { agents, tasks } = system;
  const ids = [];
  for (let n = 0; n < size; n++) {
    const id = await agents.register({ module: busyCounter, tasks: { concurrency: 2 }, shutdownMs: 0 });
    await agents.start(id);
    await tasks.submit(id, { type: 'hang' });
    ids.push(id);
  }
  const submitted = (to: string | { readonly type: string }) =>
    best(async () => {
      for (let task = 0; task < TASKS; task++) {
        const { id } = await tasks.submit(to, { type: 'add' });
        await tasks.result(id);
      }
    });
  const anyMs = await submitted({ type: 'busy' });
  const addressedMs = await submitted(ids[0]!);
  return { agents: size, 'to one of them µs': per(addressedMs, TASKS), 'to any µs': per(anyMs, TASKS) };
}

async function pool(size: number): Promise<Record<string, number>> {
  await using system = await createAgentSystem({
    store: memoryStore({ maxEvents: 1_000 }),
    logger: pino({ level: 'silent' }),
  });
  const { pools, agents } = system;
  const spec = { module: counter };
  const name = await pools.create({ name: 'p', min: 0, max: size, target: 0, spec, queueLimit: TASKS });
  const growMs = await timed(() => pools.ensureSize(name, size));
  const addressedMs = await best(async () => {
    for (let task = 0; task < TASKS; task++) await agents.execute('p-1', { type: 'add' });
  });
  // The next one goes to another member each time: to an agent that was not touched for a while.
  const oneMs = await best(async () => {
    for (let task = 0; task < TASKS; task++) await pools.execute(name, { type: 'add' });
  });
  // As many as there are members begin, the others wait in the line.
  const allMs = await best(() =>
    Promise.all(Array.from({ length: TASKS }, () => pools.execute(name, { type: 'add' }))),
  );
  const shrinkMs = await timed(() => pools.ensureSize(name, 0));
  return {
    members: size,
    'addressed task µs': per(addressedMs, TASKS),
    'task µs': per(oneMs, TASKS),
    'task, all at once µs': per(allMs, TASKS),
    'member in µs': per(growMs, size),
    'member out µs': per(shrinkMs, size),
  };
}

async function best(work: () => Promise<unknown>): Promise<number> {
  let least = Infinity;
  for (let round = 0; round < ROUNDS; round++) least = Math.min(least, await timed(work));
  return least;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

function per(ms: number, times: number): number {
  return Number(((ms * 1_000) / times).toFixed(2));
}

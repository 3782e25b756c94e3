/** Fleets of growing size: what one agent costs must not depend on how many there are. */
import { pino } from 'pino';
import { createAgentSystem, memoryStore } from '../src/index.ts';
import { counter } from './counter.ts';

const READS = 100_000;

export async function benchFleets(sizes: readonly number[]): Promise<void> {
  const rows = [];
  for (const size of sizes) rows.push(await fleet(size));
  console.log('Fleets: cost of one agent, by how many there are');
  console.table(rows);
}

async function fleet(size: number): Promise<Record<string, number>> {
  await using system = await createAgentSystem({
    store: memoryStore({ maxEvents: 1_000 }),
    logger: pino({ level: 'silent' }),
  });
  const { agents } = system;
  const heapBefore = heapBytes();
  const spawnedAt = performance.now();
  const ids = Array.from({ length: size }, (_, index) => `agent-${index}`);
  for (const id of ids) {
    await agents.register({ id, module: counter });
    await agents.start(id);
  }
  const spawnMs = performance.now() - spawnedAt;
  const bytes = heapBytes() - heapBefore;
  // What no agent has used while the fleet was spawned, V8 has thrown away: half of the tasks are for it to compile.
  const half = Math.min(1_000, size / 2);
  for (const id of ids.slice(0, half)) await agents.execute(id, { type: 'add' });
  const taskedAt = performance.now();
  const some = ids.slice(half, 2 * half);
  for (const id of some) await agents.execute(id, { type: 'add' });
  const taskMs = performance.now() - taskedAt;
  const readAt = performance.now();
  for (let read = 0; read < READS; read++) agents.get(ids[read % size]!);
  const readMs = performance.now() - readAt;
  const closedAt = performance.now();
  const { stopped } = await system.close();
  const closeMs = performance.now() - closedAt;
  return {
    agents: size,
    'spawn µs': per(spawnMs, size),
    'heap bytes': Math.round(bytes / size),
    'first task µs': per(taskMs, some.length),
    'record µs': per(readMs, READS),
    'stop at close µs': per(closeMs, stopped.length),
  };
}

function heapBytes(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

function per(ms: number, times: number): number {
  return Number(((ms * 1_000) / times).toFixed(2));
}

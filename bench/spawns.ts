/**
 * Fleets of growing size: what one agent costs, in time and in memory, must not depend on how many there are.
 *
 * The first fleet of a program is told apart from the steady state: V8 compiles what a start runs while it runs.
 */
import type { AgentSystem } from '../src/index.ts';
import { idsOf, quietSystem, spawn, specOf, task, warmSystem } from './coder.ts';
import {
  costOf,
  type Emit,
  heapBytes,
  measure,
  type Measurement,
  measurement,
  settledMemory,
  timesOf,
} from './measurement.ts';

/** Agents whose first task is measured. */
const FIRST_TASKS = 1_000;
/** Of a fleet that is started and forgotten before the steady state. */
const FORGOTTEN = 10_000;
const WARM_FLEETS = 20;
const SMALL_FLEETS = 10;

/**
 * A fleet in a program of its own: time, memory, a task of agents that have not done any, and the end of all. Then
 * another such fleet, in the steady state.
 *
 * @param forgotten fleets before that one; by default as many starts as there are lives before the steady ones
 */
export async function benchSpawns(size: number, emit: Emit, forgotten = 8): Promise<void> {
  const system = await warmSystem();
  const ids = idsOf('agent', size);
  const before = await settledMemory();
  const { cost, tookUs } = await spawnTimes(system, ids);
  const perAgent = (bytes: number) => Math.round(bytes / size);
  const heapPerAgent = perAgent(heapBytes() - tookUs.byteLength - before.heapBytes);
  const residentPerAgent = perAgent(process.memoryUsage.rss() - before.residentBytes);
  const after = await settledMemory();
  const more = {
    clients: 1,
    bytes_per_agent: heapPerAgent,
    bytes_per_agent_after_gc: perAgent(after.heapBytes - tookUs.byteLength - before.heapBytes),
    rss_per_agent: residentPerAgent,
    rss_per_agent_after_gc: perAgent(after.residentBytes - before.residentBytes),
  };
  emit(measurement('spawn_1client', { n: size, operations: size, cost, tookUs, more }));
  const tasked = ids.slice(0, FIRST_TASKS);
  const operation = (index: number) => system.agents.execute(tasked[index]!, task);
  emit(await measure('first_task_1client', { times: tasked.length, n: size, operation }));
  const closing = await costOf(() => system.close());
  emit(measurement('close', { n: size, operations: size, cost: closing }));
  emit(await steadyStarts(size, forgotten));
}

/** A fleet in a system that has started others, and forgotten them. */
async function steadyStarts(size: number, forgotten: number): Promise<Measurement> {
  await using system = await quietSystem();
  const { agents } = system;
  const ids = idsOf('forgotten', FORGOTTEN);
  for (let left = forgotten; left > 0; left--) {
    // Not after the last: V8 begins with a small young generation again, which would be measured.
    if (left === 1) globalThis.gc?.();
    await spawn(system, ids);
    for (const id of ids) {
      await agents.stop(id);
      await agents.forget(id);
    }
  }
  const times = await spawnTimes(system, idsOf('agent', size));
  return measurement('spawn_1client_steady', { n: size, operations: size, ...times, more: { clients: 1 } });
}

/**
 * Small fleets and a large one after V8 has compiled what they do: how the cost of an agent grows.
 *
 * Each way of collecting favours one of them. Here it is the small: they follow one another without a collection
 * between, for after one V8 begins with a small young generation again; the large one begins on a clean heap.
 */
export async function benchGrowth(size: number, emit: Emit): Promise<void> {
  const few = Math.min(1_000, size);
  for (let warmed = 0; warmed < WARM_FLEETS; warmed++) await fleet(few);
  const samples = [];
  for (let sample = 0; sample < SMALL_FLEETS; sample++) samples.push(await fleet(few));
  samples.sort((a, b) => a.cost.wallMs - b.cost.wallMs);
  emit(growth(few, samples[SMALL_FLEETS / 2]!));
  globalThis.gc?.();
  emit(growth(size, await fleet(size)));
}

async function fleet(size: number) {
  await using system = await quietSystem();
  return await spawnTimes(system, idsOf('agent', size));
}

function growth(n: number, times: Awaited<ReturnType<typeof fleet>>) {
  return measurement('growth_1client', { n, operations: n, ...times });
}

function spawnTimes({ agents }: AgentSystem, ids: readonly string[]) {
  const operation = async (index: number) => {
    const id = ids[index]!;
    await agents.register(specOf(id));
    await agents.start(id);
  };
  return timesOf({ times: ids.length, operation });
}

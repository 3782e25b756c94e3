/**
 * Tasks on their way to an agent and back: one agent and one caller, 64 callers, and 64 over 1,000 agents.
 *
 * V8 needs some tens of thousands of them before it has compiled all of a task, and young memory takes as many to grow
 * after the collection of the whole heap that comes before each line: the first ones of one caller, and of 1,000 agents,
 * are told apart from the steady state. In the end each agent of a fleet is given its first, and what that leaves is
 * told: an agent holds nothing for tasks before.
 */
import { idsOf, spawn, task, warmSystem } from './coder.ts';
import { type Emit, measure, settledMemory } from './measurement.ts';

const WARM = 5_000;
const CLIENTS = 64;
const AGENTS = 1_000;
const FRESH = 10_000;

export async function benchTasks(times: number, emit: Emit): Promise<void> {
  await using system = await warmSystem();
  const { agents } = system;
  const one = 'agent';
  await spawn(system, [one]);
  for (let warmed = 0; warmed < WARM; warmed++) await agents.execute(one, task);
  const ofOne = () => agents.execute(one, task);
  emit(await measure('task_1agent_1client', { times, operation: ofOne }, { agents: 1 }));
  emit(await measure('task_1agent_64clients', { times, clients: CLIENTS, operation: ofOne }, { agents: 1 }));
  const ids = idsOf('agent', AGENTS);
  await spawn(system, ids);
  // The next one goes to another agent each time: to one that was not touched for a while.
  const ofMany = (index: number) => agents.execute(ids[(index * 7_919) % AGENTS]!, task);
  const many = { times, clients: CLIENTS, operation: ofMany };
  emit(await measure('task_1000agents_64clients', many, { agents: AGENTS }));
  emit(await measure('task_1agent_1client_steady', { times, operation: ofOne }, { agents: 1 }));
  emit(await measure('task_1000agents_64clients_steady', many, { agents: AGENTS }));
  const fresh = idsOf('fresh', FRESH);
  await spawn(system, fresh);
  const before = await settledMemory();
  const first = (index: number) => agents.execute(fresh[index]!, task);
  const firsts = await measure('task_first_of_agent', { times: FRESH, operation: first }, { agents: FRESH });
  const after = await settledMemory();
  emit({ ...firsts, bytes_per_agent_after_gc: Math.round((after.heapBytes - before.heapBytes) / FRESH) });
}

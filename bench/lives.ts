/**
 * Whole lives: register, start, one task, graceful stop; one caller, then 64.
 *
 * V8 needs tens of thousands of them before it has compiled all of a life: the first ones are told apart from the
 * steady state. The reference's stop also takes an agent off its list: that is `forget` here, and measured too.
 */
import type { AgentSystem } from '../src/index.ts';
import { idsOf, live, warmSystem } from './coder.ts';
import { type Emit, measure } from './measurement.ts';

const CLIENTS = 64;
/** Series of each kind between the first ones and the steady state. */
const BETWEEN = 3;

export async function benchLives(times: number, emit: Emit): Promise<void> {
  await using system = await warmSystem();
  emit(await lives(system, 'lifecycle_1client', times, 1));
  emit(await lives(system, 'lifecycle_64clients', times, CLIENTS));
  for (let series = 0; series < BETWEEN; series++) {
    await lives(system, 'between', times, 1);
    await lives(system, 'between', times, CLIENTS);
  }
  emit(await lives(system, 'lifecycle_1client_steady', times, 1));
  emit(await lives(system, 'lifecycle_64clients_steady', times, CLIENTS));
  emit(await livesForgotten(system, times));
}

async function lives(system: AgentSystem, bench: string, times: number, clients: number) {
  const ids = idsOf('life', times);
  const operation = (index: number) => live(system, ids[index]!);
  const measured = await measure(bench, { times, clients, operation });
  for (const id of ids) await system.agents.forget(id);
  return measured;
}

function livesForgotten(system: AgentSystem, times: number) {
  const ids = idsOf('life', times);
  const operation = async (index: number) => {
    const id = ids[index]!;
    await live(system, id);
    await system.agents.forget(id);
  };
  return measure('lifecycle_1client_forgotten_steady', { times, operation });
}

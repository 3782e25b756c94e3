/**
 * Crashes: how soon one is seen, how soon the agent runs again, and a storm of them in a large fleet.
 *
 * The first ones of a program are told apart from the steady state: V8 compiles what they run while they run.
 */
import type { AgentSystem } from '../src/index.ts';
import { idsOf, spawn, warmSystem } from './coder.ts';
import { type Emit, measure } from './measurement.ts';

const atOnce = { policy: 'immediate', delayMs: 0 } as const;
/** Series between the first ones and the steady state. */
const BETWEEN = 5;
const TENTHS = 10;

export async function benchCrashes(times: number, emit: Emit): Promise<void> {
  await using system = await warmSystem();
  emit(await killsSeen(system, 'crash_detect', times));
  emit(await killsUndone(system, 'crash_restart', times));
  for (let series = 0; series < BETWEEN; series++) {
    await killsSeen(system, 'between', times);
    await killsUndone(system, 'between', times);
  }
  emit(await killsSeen(system, 'crash_detect_steady', times));
  emit(await killsUndone(system, 'crash_restart_steady', times));
}

async function killsSeen(system: AgentSystem, bench: string, times: number) {
  const { agents } = system;
  const mortals = idsOf('mortal', times);
  await spawn(system, mortals, { restart: { policy: 'never' } });
  const operation = async (index: number) => {
    const { status } = await agents.kill(mortals[index]!);
    if (status !== 'crashed') throw new Error(`it is ${status}, expected crashed`);
  };
  const measured = await measure(bench, { times, operation });
  for (const id of mortals) await agents.forget(id);
  return measured;
}

/** Each is killed once: more often, and the limit of its restarts would come into it. */
async function killsUndone(system: AgentSystem, bench: string, times: number) {
  const { agents } = system;
  const phoenixes = idsOf('phoenix', times);
  await spawn(system, phoenixes, { restart: atOnce });
  const again = runningAgain(system);
  const operation = async (index: number) => {
    const running = again.wait(1);
    void agents.kill(phoenixes[index]!);
    await running;
  };
  const measured = await measure(bench, { times, operation });
  again.end();
  for (const id of phoenixes) {
    await agents.stop(id);
    await agents.forget(id);
  }
  return measured;
}

/** A tenth of a fleet is killed at once, and another tenth after it has come back. */
export async function benchStorm(killed: number, emit: Emit, rounds = 5): Promise<void> {
  await using system = await warmSystem();
  const { agents } = system;
  const ids = idsOf('agent', killed * TENTHS);
  await spawn(system, ids, { restart: atOnce });
  const again = runningAgain(system);
  let storms = 0;
  const operation = async () => {
    const first = (storms++ % TENTHS) * killed;
    const running = again.wait(killed);
    for (const id of ids.slice(first, first + killed)) void agents.kill(id);
    await running;
  };
  const series = { times: rounds, perOperation: killed, n: killed, operation };
  const more = { rounds, agents: ids.length };
  emit(await measure('crash_storm', series, more));
  for (let storm = rounds; storm < TENTHS; storm++) await operation();
  emit(await measure('crash_storm_steady', series, more));
  again.end();
  if (agents.list({ status: 'running' }).length !== ids.length) throw new Error('not all of them run again');
}

const ignore = (): void => {};

/** Waits until so many agents more have started. */
function runningAgain({ events }: AgentSystem) {
  let left = 0;
  let allRun = ignore;
  const end = events.subscribe(({ type }) => {
    if (type === 'agent.started' && --left === 0) allRun();
  });
  const wait = (starts: number): Promise<void> => {
    left = starts;
    return new Promise((resolve) => {
      allRun = resolve;
    });
  };
  return { wait, end };
}

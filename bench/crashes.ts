/** Crashes: how soon one is seen, how soon the agent runs again, and a storm of them in a large fleet. */
import type { AgentSystem } from '../src/index.ts';
import { idsOf, spawn, warmSystem } from './coder.ts';
import { type Emit, measure } from './measurement.ts';

const atOnce = { policy: 'immediate', delayMs: 0 } as const;

export async function benchCrashes(times: number, emit: Emit): Promise<void> {
  await using system = await warmSystem();
  const { agents } = system;
  const mortals = idsOf('mortal', times);
  await spawn(system, mortals, { restart: { policy: 'never' } });
  const seen = async (index: number) => {
    const { status } = await agents.kill(mortals[index]!);
    if (status !== 'crashed') throw new Error(`it is ${status}, expected crashed`);
  };
  emit(await measure('crash_detect', { times, operation: seen }));

  const phoenixes = idsOf('phoenix', times);
  await spawn(system, phoenixes, { restart: atOnce });
  const again = runningAgain(system);
  const runs = async (index: number) => {
    const running = again.wait(1);
    void agents.kill(phoenixes[index]!);
    await running;
  };
  emit(await measure('crash_restart', { times, operation: runs }));
  again.end();
}

/** A tenth of a fleet is killed at once, and another tenth after it has come back. */
export async function benchStorm(killed: number, emit: Emit, rounds = 5): Promise<void> {
  await using system = await warmSystem();
  const { agents } = system;
  const ids = idsOf('agent', killed * 10);
  await spawn(system, ids, { restart: atOnce });
  const again = runningAgain(system);
  const operation = async (round: number) => {
    const running = again.wait(killed);
    for (const id of ids.slice(round * killed, (round + 1) * killed)) void agents.kill(id);
    await running;
  };
  const series = { times: rounds, perOperation: killed, n: killed, operation };
  emit(await measure('crash_storm', series, { rounds, agents: ids.length }));
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

/**
 * Crashes: how soon one is seen, how soon the agent runs again, and a storm of them in a large fleet.
 *
 * The first ones of a program are told apart from the steady state: V8 compiles what they run while they run. The
 * steady state is measured over many series: V8 collects young memory after 50 MB, which is three series of restarts,
 * and all of the heap after some twenty. Of a single series the figure would say whether a collection fell into it.
 */
import type { AgentSystem } from '../src/index.ts';
import { idsOf, spawn, warmSystem } from './coder.ts';
import { type Emit, measure, measurement, type Times, timesOf, together } from './measurement.ts';

const atOnce = { policy: 'immediate', delayMs: 0 } as const;
/** Series between the first ones and the steady state. */
const BETWEEN = 10;
/** Series of the steady state. */
const STEADY = 20;
const TENTHS = 10;
/** Storms before the steady state, and in it: an agent comes back four times, and its limit is five. */
const STORMS_BEFORE = 20;
const STEADY_STORMS = 20;

export async function benchCrashes(times: number, emit: Emit): Promise<void> {
  await using system = await warmSystem();
  const told = (bench: string, series: readonly Times[]) =>
    emit(measurement(bench, { n: times, operations: times * series.length, ...together(series) }));
  const seen: Times[] = [];
  const undone: Times[] = [];
  for (let series = 0; series <= BETWEEN + STEADY; series++) {
    seen.push(await killsSeen(system, times));
    undone.push(await killsUndone(system, times));
  }
  told('crash_detect', seen.slice(0, 1));
  told('crash_restart', undone.slice(0, 1));
  told('crash_detect_steady', seen.slice(-STEADY));
  told('crash_restart_steady', undone.slice(-STEADY));
}

async function killsSeen(system: AgentSystem, times: number): Promise<Times> {
  const { agents } = system;
  const mortals = idsOf('mortal', times);
  await spawn(system, mortals, { restart: { policy: 'never' } });
  const operation = async (index: number) => {
    const { status } = await agents.kill(mortals[index]!);
    if (status !== 'crashed') throw new Error(`it is ${status}, expected crashed`);
  };
  const measured = await timesOf({ times, operation });
  for (const id of mortals) await agents.forget(id);
  return measured;
}

/** Each is killed once: more often, and the limit of its restarts would come into it. */
async function killsUndone(system: AgentSystem, times: number): Promise<Times> {
  const { agents } = system;
  const phoenixes = idsOf('phoenix', times);
  await spawn(system, phoenixes, { restart: atOnce });
  const again = runningAgain(system);
  const operation = async (index: number) => {
    const running = again.wait(1);
    void agents.kill(phoenixes[index]!);
    await running;
  };
  const measured = await timesOf({ times, operation });
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
  const measured = (bench: string, times: number) => {
    const series = { times, perOperation: killed, n: killed, operation };
    return measure(bench, series, { rounds: times, agents: ids.length });
  };
  emit(await measured('crash_storm', rounds));
  for (let storm = rounds; storm < STORMS_BEFORE; storm++) await operation();
  emit(await measured('crash_storm_steady', STEADY_STORMS));
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

/** Crashes: how soon one is seen, how soon the agent runs again, and a storm of them in a large fleet. */
import { pino } from 'pino';
import { createAgentSystem, memoryStore, type SystemEvent } from '../src/index.ts';
import { counter } from './counter.ts';

const restart = { policy: 'immediate', delayMs: 0, maxRestarts: 1_000_000 } as const;

export async function benchCrashes(): Promise<void> {
  console.log('Crashes');
  console.table([await oneCrash(2_000), await storm(10_000, 1_000)]);
}

async function oneCrash(times: number): Promise<object> {
  await using system = await quietSystem();
  const id = await system.agents.register({ module: counter, restart });
  await system.agents.start(id);
  let seenMs = 0;
  let againMs = 0;
  for (let time = 0; time < times; time++) {
    const again = next(system, (event) => event.type === 'agent.started');
    const killedAt = performance.now();
    await system.agents.kill(id);
    seenMs += performance.now() - killedAt;
    await again;
    againMs += performance.now() - killedAt;
  }
  return { what: 'one agent killed', 'seen µs': us(seenMs, times), 'running again µs': us(againMs, times) };
}

async function storm(size: number, killed: number): Promise<object> {
  await using system = await quietSystem();
  const ids = Array.from({ length: size }, (_, index) => `agent-${index}`);
  for (const id of ids) {
    await system.agents.register({ id, module: counter, restart });
    await system.agents.start(id);
  }
  let left = killed;
  const allAgain = next(system, (event) => event.type === 'agent.started' && --left === 0);
  const killedAt = performance.now();
  for (const id of ids.slice(0, killed)) void system.agents.kill(id);
  await allAgain;
  const againMs = performance.now() - killedAt;
  return { what: `${killed} of ${size} killed`, 'all running again ms': Number(againMs.toFixed(1)) };
}

function quietSystem() {
  return createAgentSystem({ store: memoryStore({ maxEvents: 1_000 }), logger: pino({ level: 'silent' }) });
}

type System = Awaited<ReturnType<typeof quietSystem>>;

async function next(system: System, isIt: (event: SystemEvent) => boolean): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const unsubscribe = system.events.subscribe((event) => {
    if (isIt(event)) resolve();
  });
  await promise;
  unsubscribe();
}

function us(ms: number, times: number): number {
  return Number(((ms * 1_000) / times).toFixed(1));
}

/** When a fleet has done what it is there to do: its own `run` has returned, or nobody is left. */
import type { AgentSystem, Fleet } from '../../index.ts';
import { CommandFailure } from '../failure.ts';
import { livingIn } from './drain.ts';

/** What ends a life, or the hope of another. */
const ENDS = new Set([
  'agent.stopped',
  'agent.completed',
  'agent.crashed',
  'agent.gave_up',
  'agent.forgotten',
]);
/** Many may end together, and whoever ended may come back at once. */
const LOOK_AFTER_MS = 50;

/** Resolves when it has, which may be never. Rejects as the fleet's own `run` does, and for agents that crashed. */
export async function doneBy(
  { run }: Fleet,
  system: AgentSystem,
  { signal, untilDone }: { readonly signal: AbortSignal; readonly untilDone: boolean },
): Promise<void> {
  const ways: Promise<unknown>[] = [new Promise(() => undefined)];
  if (run !== undefined) ways.push((async () => run({ system, signal }))());
  if (untilDone) ways.push(nobodyLeft(system, signal));
  await Promise.race(ways);
}

/** Resolves when no agent is alive, starting or coming back. */
async function nobodyLeft(system: AgentSystem, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let timer: NodeJS.Timeout | undefined;
  const look = () => {
    timer = undefined;
    const isOver =
      system.pools.list().length === 0 &&
      livingIn(system).length === 0 &&
      system.agents.list().every(({ restartAt }) => restartAt === undefined);
    if (isOver) resolve();
  };
  const unsubscribe = system.events.subscribe(({ type }) => {
    if (ENDS.has(type)) timer ??= setTimeout(look, LOOK_AFTER_MS);
  });
  const giveUp = () => resolve();
  signal.addEventListener('abort', giveUp);
  look();
  await promise;
  clearTimeout(timer);
  unsubscribe();
  signal.removeEventListener('abort', giveUp);
  const crashed = system.agents.list({ status: 'crashed' }).map(({ id }) => id);
  if (crashed.length > 0 && !signal.aborted) {
    throw new CommandFailure(`done, but crashed for good: ${crashed.join(', ')}`);
  }
}

/** When a fleet is done: its own `run` has returned, or no agent is left. */
import type { AgentSystem, Fleet } from '../../index.ts';
import { CommandFailure } from '../failure.ts';
import { livingIn } from './drain.ts';

/** Events after which an agent may be down for good. */
const ENDS = new Set([
  'agent.stopped',
  'agent.completed',
  'agent.crashed',
  'agent.gave_up',
  'agent.forgotten',
]);
/** Many agents may end together, and one may be restarted at once. */
const LOOK_AFTER_MS = 50;

/** Resolves when the fleet is done, which may be never. Rejects if its own `run` does, and for agents that crashed. */
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

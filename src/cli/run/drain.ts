/** Ends a system in order, and meanwhile names the agents that still work. */
import { hasBody } from '../../machines/index.ts';
import type { AgentRecord, AgentSystem, CloseReport } from '../../index.ts';
import { plainText } from '../console.ts';
import { count, counted, duration } from '../figures.ts';

/** How often the agents that still work are named; ms. */
const SAY_EVERY_MS = 1_000;
const MAX_NAMES = 8;

export async function drain(
  system: AgentSystem,
  { deadlineMs, say }: { readonly deadlineMs: number | undefined; readonly say: (line: string) => void },
): Promise<CloseReport> {
  const begunAt = performance.now();
  const alive = livingIn(system);
  const grace = deadlineMs ?? Math.max(0, ...alive.map(({ spec }) => spec.shutdownMs));
  if (alive.length > 0) {
    say(
      `Stopping ${counted(alive.length, 'agent')}, ${duration(grace)} at the most. Once more to kill them.`,
    );
  }
  const timer = setInterval(() => {
    const since = duration(performance.now() - begunAt);
    const names = namesOf(livingIn(system));
    if (names !== undefined) say(`After ${since} still working: ${names}`);
  }, SAY_EVERY_MS);
  try {
    return await system.close({ timeoutMs: grace });
  } finally {
    clearInterval(timer);
  }
}

/** How it ended, in a line. */
export function endLine({ stopped, abandoned, unkeptEvents }: CloseReport): string {
  const parts = [
    abandoned.length === 0
      ? stopped.length === 0
        ? 'No agent was left to stop'
        : `${counted(stopped.length, 'agent')} ended in order`
      : `${counted(stopped.length, 'agent')} ended in order, ${count(abandoned.length)} did not: ${short(abandoned)}`,
    ...(unkeptEvents === undefined ? [] : [`${counted(unkeptEvents, 'event')} could not be kept`]),
  ];
  return `${parts.join('; ')}.`;
}

/** Those with a body, with what they have yet to do; `undefined` when there are none. */
export function namesOf(alive: readonly AgentRecord[]): string | undefined {
  if (alive.length === 0) return undefined;
  const names = alive.map(({ id, metrics: { running, waiting } }) => {
    const tasks = running + waiting;
    return tasks === 0 ? id : `${id} (${counted(tasks, 'task')})`;
  });
  return short(names);
}

export function livingIn({ agents }: AgentSystem): readonly AgentRecord[] {
  return agents.list().filter(({ status }) => hasBody(status));
}

function short(names: readonly string[]): string {
  const more = names.length > MAX_NAMES ? ` and ${count(names.length - MAX_NAMES)} more` : '';
  return plainText(names.slice(0, MAX_NAMES).join(', ')) + more;
}

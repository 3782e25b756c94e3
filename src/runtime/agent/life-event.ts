/** What an agent's chart announces, as an event of the stream. */
import type { AgentEffect, EffectParams } from '../../machines/index.ts';
import type { EventDraft } from '../journal/system-event.ts';
import type { SteadyClock } from '../time/clock.ts';

export type Announcement = EffectParams<AgentEffect, 'announce'>;

/**
 * `by` is in it if the caller gave it.
 *
 * @param tasks says which the end left undone
 * @param clock for the time that a restart still has to wait
 */
export function lifeEventOf(
  said: Announcement,
  agentId: string,
  tasks: { readonly abandoned: readonly string[] },
  clock: SteadyClock,
): EventDraft {
  const draft = draftOf(said, agentId, tasks, clock);
  return said.by === undefined ? draft : Object.assign(draft, { by: said.by });
}

function draftOf(
  { event: type, life, misses, reason = 'killed' }: Announcement,
  agentId: string,
  tasks: { readonly abandoned: readonly string[] },
  clock: SteadyClock,
): EventDraft {
  const { incarnation } = life;
  // The journal sets them; they are here so that all events of a type have one shape.
  const sequence = 0;
  const at = 0;
  switch (type) {
    case 'agent.start_failed':
    case 'agent.gave_up':
      return { sequence, at, type, agentId, incarnation, life, reason };
    case 'agent.stopped':
    case 'agent.completed':
    case 'agent.crashed': {
      const { abandoned } = tasks;
      return { sequence, at, type, agentId, incarnation, life, reason, abandoned };
    }
    case 'agent.unresponsive':
      return { sequence, at, type, agentId, incarnation, life, misses };
    case 'agent.restart_scheduled': {
      const now = clock.now();
      const restartAt = life.restartAt ?? now;
      const delayMs = Math.max(0, restartAt - now);
      return { sequence, at, type, agentId, incarnation, life, restartAt, delayMs };
    }
    case 'agent.parked':
      return { ...life.parked!, sequence, at, type, agentId, incarnation, life };
    case 'agent.forgotten':
      return { sequence, at, type, agentId, incarnation };
    default:
      return { sequence, at, type, agentId, incarnation, life };
  }
}

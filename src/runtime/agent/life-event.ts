/** What an agent's chart announces, as an event of the stream. Pure. */
import type { AgentEffect, EffectParams } from '../../machines/index.ts';
import type { EventBody } from '../journal/system-event.ts';

export type Announcement = EffectParams<AgentEffect, 'announce'>;

/** What the runtime adds to an announcement. */
export interface LifeEventDetail {
  readonly agentId: string;
  /** Tasks that the end left undone. */
  readonly abandoned: readonly string[];
  /** Epoch ms. */
  readonly now: number;
}

export function lifeEventOf(
  { event: type, life, misses, reason = 'killed' }: Announcement,
  { agentId, abandoned, now }: LifeEventDetail,
): EventBody {
  const { incarnation } = life;
  switch (type) {
    case 'agent.start_failed':
    case 'agent.gave_up':
      return { type, agentId, incarnation, life, reason };
    case 'agent.stopped':
    case 'agent.completed':
    case 'agent.crashed':
      return { type, agentId, incarnation, life, reason, abandoned };
    case 'agent.unresponsive':
      return { type, agentId, incarnation, life, misses };
    case 'agent.restart_scheduled': {
      const restartAt = life.restartAt ?? now;
      return { type, agentId, incarnation, life, restartAt, delayMs: Math.max(0, restartAt - now) };
    }
    case 'agent.forgotten':
      return { type, agentId, incarnation };
    default:
      return { type, agentId, incarnation, life };
  }
}

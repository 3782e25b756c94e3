/**
 * A store whose program can die: from then on it hears nothing, and what was committed stays for the next.
 */
import type { Store } from '../../../src/index.ts';

export interface MortalStore extends Store {
  /** The program dies at `at`. One of its agents goes with it: the next program does not know it. */
  cut(forgetting: string, at: number): Promise<void>;
}

export function mortalStore(kept: Store): MortalStore {
  let isCut = false;
  return {
    isDurable: kept.isDurable,
    recover: () => kept.recover(),
    append: (batch) => (isCut ? undefined : kept.append(batch)),
    read: (query) => kept.read(query),
    state: (agentId) => kept.state(agentId),
    close: () => kept.close(),
    async cut(agentId, at) {
      isCut = true;
      const { agents, lastSequence } = await kept.recover();
      if (!agents.some(({ registered }) => registered.agentId === agentId)) return;
      const sequence = lastSequence + 1;
      await kept.append({ events: [{ type: 'agent.forgotten', agentId, incarnation: 0, sequence, at }] });
    },
  };
}

/** A store whose program can die, and one of its agents with it. */
import type { Store } from '../../../src/index.ts';
import { mortalStore as dyingStore } from '../../kit/mortal-store.ts';

export interface MortalStore extends Store {
  /** The program dies at `at`. One of its agents goes with it: the next program does not know it. */
  cut(forgetting: string, at: number): Promise<void>;
}

export function mortalStore(kept: Store): MortalStore {
  const store = dyingStore(kept);
  return {
    ...store,
    async cut(agentId, at) {
      store.die();
      const { agents, lastSequence } = await kept.recover();
      if (!agents.some(({ registered }) => registered.agentId === agentId)) return;
      const sequence = lastSequence + 1;
      await kept.append({ events: [{ type: 'agent.forgotten', agentId, incarnation: 0, sequence, at }] });
    },
  };
}

/** A store whose program can die at any time: what it still does then is lost, and the next one finds the rest. */
import { memoryStore, type Store } from '../../src/index.ts';

export function mortalStore(): { readonly store: Store; readonly die: () => Store } {
  const kept = memoryStore();
  let isDead = false;
  const store: Store = {
    isDurable: true,
    recover: () => kept.recover(),
    append: (batch) => (isDead ? undefined : kept.append(batch)),
    read: (query) => kept.read(query),
    state: (agentId) => kept.state(agentId),
    close: () => {},
  };
  return {
    store,
    die: () => {
      isDead = true;
      return kept;
    },
  };
}

import type { Recovery, Store } from '../../src/index.ts';

/** What a store gives back at recovery, changed. */
export function recovering(store: Store, change: (recovery: Recovery) => Partial<Recovery>): Store {
  return {
    isDurable: store.isDurable,
    append: (batch) => store.append(batch),
    read: (query) => store.read(query),
    state: (agentId) => store.state(agentId),
    close: () => store.close(),
    recover: async () => {
      const recovery = await store.recover();
      return { ...recovery, ...change(recovery) };
    },
  };
}

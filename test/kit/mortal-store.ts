/** The store of a program that can die at any time: later writes are lost, and the next program finds the earlier ones. */
import { memoryStore, type Store } from '../../src/index.ts';

export interface MortalStore extends Store {
  /** Kills the program. @returns what it had kept, as the next program's store */
  die(): Store;
}

export function mortalStore(
  kept: Store = memoryStore(),
  { isDurable = kept.isDurable }: { readonly isDurable?: boolean } = {},
): MortalStore {
  let isDead = false;
  return {
    isDurable,
    recover: () => kept.recover(),
    append: (batch) => (isDead ? undefined : kept.append(batch)),
    read: (query) => kept.read(query),
    state: (agentId) => (isDead ? undefined : kept.state(agentId)),
    close: () => (isDead ? undefined : kept.close()),
    die() {
      isDead = true;
      return kept;
    },
  };
}

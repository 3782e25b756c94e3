/** A store as a program has it that can die at any time: what it still writes then is lost, and the next program finds the rest. */
import { memoryStore, type Store } from '../../src/index.ts';

export interface MortalStore extends Store {
  /** The program dies. Returns what it has kept, for the next one. */
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

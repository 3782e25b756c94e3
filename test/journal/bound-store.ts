/** All of a store but `append`, for tests that put one of their own in its place. */
import type { Store } from '../../src/index.ts';

export function bound(store: Store): Omit<Store, 'append'> {
  return {
    isDurable: store.isDurable,
    recover: () => store.recover(),
    read: store.read.bind(store),
    state: store.state.bind(store),
    close: () => store.close(),
  };
}

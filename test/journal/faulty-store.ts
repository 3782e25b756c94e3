/** A store that fails on purpose, at one chosen append. */
import { memoryStore, type Store, type StoreBatch } from '../../src/index.ts';

export type Fault =
  /** Nothing is kept, and it says so. */
  | 'throws'
  | 'rejects'
  /** It never answers, and nothing is kept. */
  | 'hangs'
  /** It does not answer in time, and everything is kept. */
  | 'answers late'
  /** Everything is kept, and then the program is gone. */
  | 'keeps, then the program dies'
  /** The program dies before anything is kept. */
  | 'the program dies';

export interface FaultyStore extends Store {
  readonly appends: number;
  /** What outlives the program. */
  readonly kept: Store;
  readonly isDead: boolean;
  /** Lets a late answer arrive. */
  answer(): void;
}

/** Fails the append with this number, from 1; `times` in a row. */
export function faultyStore(fault: Fault | undefined, at: number, times = 1): FaultyStore {
  const kept = memoryStore();
  let appends = 0;
  let isDead = false;
  let answer: (() => void) | undefined;
  const never = new Promise<void>(() => {});
  const append = (batch: StoreBatch): void | Promise<void> => {
    if (isDead) return never;
    appends += 1;
    if (fault === undefined || appends < at || appends >= at + times) return kept.append(batch);
    switch (fault) {
      case 'throws':
        throw new Error('the disk is full');
      case 'rejects':
        return Promise.reject(new Error('the disk is full'));
      case 'hangs':
        return never;
      case 'answers late': {
        void kept.append(batch);
        const { promise, resolve } = Promise.withResolvers<void>();
        answer = resolve;
        return promise;
      }
      case 'keeps, then the program dies':
        void kept.append(batch);
        isDead = true;
        return never;
      case 'the program dies':
        isDead = true;
        return never;
    }
  };
  return {
    isDurable: true,
    kept,
    recover: () => kept.recover(),
    append,
    read: (query) => kept.read(query),
    state: (agentId) => kept.state(agentId),
    close: () => {},
    answer: () => answer?.(),
    get appends() {
      return appends;
    },
    get isDead() {
      return isDead;
    },
  };
}

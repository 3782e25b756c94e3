/** A store that fails, hangs or comes back as a test says, in front of one that keeps. */
import { memoryStore, type Store, type StoreBatch } from '../../src/index.ts';

export type Trouble =
  /** Keeps nothing, and throws. */
  | 'throws'
  /** Keeps nothing, and rejects. */
  | 'rejects'
  /** Answers when the test lets it: see `answer`. */
  | 'hangs'
  /** Keeps everything, and throws all the same: the answer of a commit was lost. */
  | 'keeps, then throws'
  /** Keeps everything, and rejects all the same. */
  | 'keeps, then rejects';

export interface FailingStore extends Store {
  readonly kept: Store;
  /** What it does from now on; `undefined`: it works. */
  trouble: Trouble | undefined;
  /** Appends it was asked for. */
  readonly appends: number;
  /** Lets every append that hangs be kept or not, and answers them. */
  answer(isKept: boolean): Promise<void>;
}

export function failingStore(kept: Store = memoryStore()): FailingStore {
  const hanging: ((isKept: boolean) => Promise<void>)[] = [];
  return {
    kept,
    trouble: undefined,
    appends: 0,
    isDurable: true,
    recover: () => kept.recover(),
    append(batch: StoreBatch) {
      Object.assign(this, { appends: this.appends + 1 });
      switch (this.trouble) {
        case undefined:
          return kept.append(batch);
        case 'throws':
          throw new Error('the disk is full');
        case 'rejects':
          return Promise.reject(new Error('the disk is full'));
        case 'keeps, then throws':
          void kept.append(batch);
          throw new Error('the answer was lost');
        case 'keeps, then rejects':
          void kept.append(batch);
          return Promise.reject(new Error('the answer was lost'));
        case 'hangs': {
          const { promise, resolve, reject } = Promise.withResolvers<void>();
          hanging.push(async (isKept) => {
            if (isKept) await kept.append(batch);
            if (isKept) resolve();
            else reject(new Error('the disk is full'));
          });
          return promise;
        }
      }
    },
    read: (query) => kept.read(query),
    state: (agentId) => kept.state(agentId),
    close: () => {},
    async answer(isKept) {
      for (const settle of hanging.splice(0)) await settle(isKept);
    },
  };
}

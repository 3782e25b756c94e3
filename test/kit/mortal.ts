/** An agent that counts, and whose tasks end it in every possible way. */
import { defineAgent } from '../../src/index.ts';

/** The calls of an agent's own functions, in order. */
export interface Diary {
  readonly entries: string[];
}

export function mortal(diary: Diary = { entries: [] }) {
  return defineAgent({
    type: 'mortal',
    onTaskError: 'crash',
    init: ({ incarnation, restored }) => {
      diary.entries.push(`init ${incarnation}`);
      return (restored as { count: number } | undefined) ?? { count: 0 };
    },
    tasks: {
      count: {
        run: ({ state }) => {
          state.count += 1;
          return state.count;
        },
      },
      crash: {
        run: () => {
          throw new Error('the end');
        },
      },
      complete: { run: ({ complete }) => complete() },
      hang: { run: () => new Promise<void>(() => {}) },
    },
    save: ({ state }) => {
      diary.entries.push('save');
      return state;
    },
    terminate: () => {
      diary.entries.push('terminate');
    },
  });
}

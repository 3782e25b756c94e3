/** An agent whose tasks are opened from outside, one gate at a time. */
import { z } from 'zod';
import { defineAgent, type TaskContext } from '../../src/index.ts';
import { gate } from '../kit/rig.ts';

export interface Work {
  readonly input: unknown;
  readonly signal: AbortSignal;
  progress(value: unknown): void;
  done(output?: unknown): void;
  fail(thrown: unknown): void;
}

/** A definition, the work that its tasks `held` have begun, and what its tasks `see` were given: oldest first. */
export function worker() {
  const begun: Work[] = [];
  const seen: unknown[] = [];
  const held = (context: TaskContext<unknown, unknown>): Promise<unknown> => {
    const { promise, resolve, reject } = gate<unknown>();
    const { input, signal } = context;
    begun.push({
      input,
      signal,
      progress: (value) => context.progress(value),
      done: (output) => resolve(output),
      fail: reject,
    });
    return promise;
  };
  const module = defineAgent({
    type: 'worker',
    capabilities: ['work'],
    init: ({ restored }): { log: unknown[] } => restored ?? { log: [] },
    tasks: {
      held: { run: held },
      note: {
        input: z.unknown(),
        run: ({ input, state }) => {
          state.log.push(input);
          return state.log.length;
        },
      },
      see: { input: z.unknown(), run: ({ input }) => seen.push(input) },
      read: { run: ({ state }) => [...state.log] },
      fail: {
        run: () => {
          throw new RangeError('too far');
        },
      },
      finish: {
        run: ({ complete }) => {
          complete();
          return 'finished';
        },
      },
      needy: { requires: ['work', 'gpu'], run: () => 1 },
    },
  });
  return { module, begun, seen };
}

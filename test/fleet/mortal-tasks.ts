/** An agent whose tasks leave a line in a file each time that their work is begun. */
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { defineAgent } from '../../src/agent.ts';

interface Asked {
  readonly file: string;
  readonly key: string;
  /** How long its work takes, ms. */
  readonly workMs: number;
  /** It throws at its first attempts. */
  readonly failures: number;
}

async function work(input: unknown, attempt: number): Promise<number> {
  const { file, key, workMs, failures } = input as Asked;
  appendFileSync(file, `${key} ${attempt}\n`);
  if (workMs > 0) await sleep(workMs);
  if (attempt <= failures) throw new Error(`failure ${attempt}`);
  return attempt;
}

export const ATTEMPTS = 3;

export const worker = defineAgent({
  type: 'worker',
  init: ({ restored }): { done: number } => (restored as { done: number } | undefined) ?? { done: 0 },
  tasks: {
    once: {
      run: async ({ input, attempt, state }) => {
        const output = await work(input, attempt);
        state.done += 1;
        return output;
      },
    },
    often: {
      retry: { attempts: ATTEMPTS, backoff: { delayMs: 10, maxDelayMs: 20 } },
      priority: 1,
      run: ({ input, attempt }) => work(input, attempt),
    },
    stepped: {
      retry: 'on_host_loss',
      run: async ({ input, attempt, step, steps }) => {
        const { file, key } = input as Asked;
        // What was kept is never done again.
        const paid = await step('paid', () => {
          appendFileSync(file, `${key}/paid${steps.has('paid') ? '/again' : ''} ${attempt}\n`);
          return attempt;
        });
        return (await work(input, attempt)) >= paid;
      },
    },
    tick: {
      run: ({ input, taskId }) => appendFileSync((input as { readonly file: string }).file, `${taskId} 1\n`),
    },
    again: { retry: 'on_host_loss', concurrency: 1, run: ({ input, attempt }) => work(input, attempt) },
  },
});

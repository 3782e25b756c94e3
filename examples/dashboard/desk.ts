/**
 * An editors' desk: work that waits for people, for a provider, for money and for its time, and some that fails.
 *
 * All that an operator has to look after besides agents that crash.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { type AgentSystem, type AnyAgentDefinition, defineAgent } from '../../src/index.ts';

const editor = defineAgent({
  type: 'editor',
  init: () => ({ published: 0 }),
  tasks: {
    publish: {
      run: async ({ input, ask, state }) => {
        const { verdict } = await ask({
          question: `Publish "${String(input)}"?`,
          details: { title: input, words: 1_840, sources: ['the event log', 'two interviews'] },
          schema: z.object({
            verdict: z.enum(['publish', 'hold', 'reject']),
            note: z.string().max(400).optional().describe('The author is shown this'),
          }),
          deadlineMs: 45 * 60_000,
        });
        if (verdict === 'publish') state.published += 1;
        return verdict;
      },
    },
    spend: {
      run: ({ input, ask }) =>
        ask({ question: `Spend ${String(input)} on pictures?`, schema: z.enum(['yes', 'no']) }),
    },
  },
});

const reader = defineAgent({
  type: 'reader',
  quota: 'provider',
  init: () => ({ read: 0 }),
  tasks: {
    read: {
      run: async ({ state, budget, park, signal }) => {
        state.read += 1;
        const reservation = await budget.reserve({ tokens: 1_200, money: 0.03 });
        await wait(60, undefined, { signal });
        await reservation.settle({ tokens: 900, money: 0.02 });
        if (state.read % 12 === 0) park({ afterMs: 40_000, why: 'out of tokens for this minute' });
        return state.read;
      },
    },
  },
});

const checker = defineAgent({
  type: 'checker',
  init: () => ({}),
  tasks: {
    check: {
      run: ({ input }) => {
        throw new Error(`the source of "${String(input)}" answered with 404`);
      },
    },
    crawl: {
      stalledAfterMs: 4_000,
      run: ({ signal }) => wait(60 * 60_000, undefined, { signal }),
    },
  },
});

const TITLES = ['Why agents crash', 'A chart for every life', 'The night shift'];

/** Opens the desk; it is busy until the system closes, or it is disposed of. */
export async function busyDesk(system: AgentSystem): Promise<AsyncDisposable> {
  const { agents, tasks, budgets } = system;
  budgets.define({ name: 'today', limits: { tokens: 60_000, money: 2 }, everyMs: 86_400_000 });
  budgets.define({ name: 'each', scope: 'agent', limits: { money: 0.4 } });
  const desk: readonly { readonly id: string; readonly module: AnyAgentDefinition }[] = [
    { id: 'editor', module: editor },
    ...['reader-1', 'reader-2', 'reader-3'].map((id) => ({ id, module: reader })),
    ...['checker-1', 'checker-2'].map((id) => ({ id, module: checker })),
  ];
  for (const spec of desk) await agents.start(await agents.register({ ...spec, tasks: { concurrency: 4 } }));
  for (const title of TITLES) await tasks.submit('editor', { type: 'publish', input: title });
  await tasks.submit('editor', { type: 'spend', input: '40 euros' });
  await tasks.submit('checker-2', { type: 'crawl' });
  for (const title of TITLES) await tasks.submit('checker-1', { type: 'check', input: title });
  await tasks.submit('checker-1', { type: 'crawl', delayMs: 15 * 60_000 });
  await tasks.schedule({ name: 'digest', cron: '0 3 * * *', target: 'editor', task: { type: 'publish' } });
  await tasks.schedule({
    name: 'refresh',
    everyMs: 20_000,
    target: { type: 'reader' },
    task: { type: 'read' },
  });

  const stopping = new AbortController();
  const { signal } = stopping;
  const reading = (async () => {
    while (!signal.aborted) {
      await wait(400, undefined, { signal });
      // What fails for want of money is told to its caller, and seen on the page.
      await agents.execute('reader-1', { type: 'read' }).catch(() => undefined);
    }
  })().catch(() => undefined);
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await reading;
    },
  };
}

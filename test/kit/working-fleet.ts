/** A small fleet with a task in every status, for tests that show tasks or act on them. */
import { z } from 'zod';
import { type AgentSystem, defineAgent } from '../../src/index.ts';

/** Waits until it is cancelled. */
function never(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  signal.addEventListener('abort', () => reject(signal.reason as Error));
  return promise;
}

const hand = defineAgent({
  type: 'hand',
  quota: 'provider',
  init: () => ({ failures: 0 }),
  tasks: {
    dig: { run: ({ signal }) => never(signal) },
    stall: { stalledAfterMs: 1, run: ({ signal }) => never(signal) },
    break: {
      run: ({ state, input }) => {
        state.failures += 1;
        if (input !== 'mended') throw new Error('the handle broke');
        return 'whole again';
      },
    },
    call: { run: ({ park }) => park({ afterMs: 600_000, why: 'out of tokens for this minute' }) },
    spend: {
      run: async ({ budget }) => {
        const reservation = await budget.reserve({ tokens: 900 });
        await reservation.settle({ tokens: 900 });
        return { tokens: 900, apiKey: 'key-in-the-output' };
      },
    },
    grow: { run: ({ agents }) => agents.spawn({ id: 'sprout', module: sprout, parent: 'kill' }) },
  },
});

const sprout = defineAgent({ type: 'sprout', init: () => ({}), tasks: {} });

const clerk = defineAgent({
  type: 'clerk',
  init: () => ({}),
  tasks: {
    send: {
      run: ({ ask }) =>
        ask({
          question: 'Send the invoice?',
          schema: z.object({
            verdict: z.enum(['yes', 'no']),
            copies: z.int().min(0).max(9).default(1),
            note: z.string().optional(),
          }),
          details: { amount: 120, apiKey: 'key-in-the-details' },
          deadlineMs: 600_000,
        }),
    },
    read: { run: ({ input }) => input },
  },
});

export interface Work {
  /** Ids of the tasks, by status. */
  readonly running: string;
  readonly waiting: string;
  readonly stalled: string;
  readonly asking: string;
  readonly parked: string;
  readonly failed: string;
  readonly done: string;
  /** Id of the open question. */
  readonly question: string;
}

export async function workingFleet(system: AgentSystem): Promise<Work> {
  const { agents, tasks, budgets, events } = system;
  budgets.define({ name: 'today', limits: { tokens: 1_000, money: 5 }, everyMs: 86_400_000 });
  for (const id of ['digger', 'sleeper', 'breaker', 'spender', 'caller']) {
    await agents.start(await agents.register({ id, module: hand, shutdownMs: 100 }));
  }
  await agents.start(await agents.register({ id: 'clerk', module: clerk, shutdownMs: 100 }));
  const heard = new Set<string>();
  const waiting = new Map<string, () => void>();
  const unsubscribe = events.subscribe((event) => {
    const name = 'taskId' in event ? `${event.type} ${event.taskId}` : event.type;
    heard.add(name);
    waiting.get(name)?.();
  });
  const said = (name: string) =>
    heard.has(name) ? Promise.resolve() : new Promise<void>((resolve) => waiting.set(name, resolve));
  const submit = async (agent: string, type: string, then: string, input?: unknown) => {
    const { id } = await tasks.submit(agent, { type, ...(input === undefined ? {} : { input }) });
    if (then !== 'accepted') await said(`task.${then} ${id}`);
    return id;
  };
  try {
    const running = await submit('digger', 'dig', 'started');
    const queued = await submit('digger', 'dig', 'accepted');
    const stalled = await submit('sleeper', 'stall', 'stalled');
    const failed = await submit('breaker', 'break', 'failed', 'rotten');
    const done = await submit('spender', 'spend', 'completed');
    await agents.execute('spender', { type: 'grow' });
    // A called task: its failure reached the caller, so that it cannot be retried.
    await agents.execute('breaker', { type: 'break' }).catch(() => undefined);
    const asking = await submit('clerk', 'send', 'started');
    await said(`question.asked ${asking}`);
    await tasks.schedule({ name: 'nightly', everyMs: 3_600_000, target: 'clerk', task: { type: 'read' } });
    const parked = await submit('caller', 'call', 'parked');
    const [question] = system.questions.list({ taskId: asking });
    return { running, waiting: queued, stalled, asking, parked, failed, done, question: question!.id };
  } finally {
    unsubscribe();
  }
}

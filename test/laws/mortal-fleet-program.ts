/**
 * A fleet that asks people, spawns children, runs into limits and spends, until its program is killed: a child with the
 * arguments FILE, LEDGER, ROUND and, at the end, `finish`. It goes on with what an earlier one left, and writes a line
 * for all that it was told.
 */
import { appendFileSync } from 'node:fs';
import { pino } from 'pino';
import { AgentSystemError, createAgentSystem, defineAgent } from '../../src/index.ts';
import { sqliteStore } from '../../src/sqlite.ts';
import { seededRandom } from '../../src/testing/index.ts';
import { ASKED, type Finished, LIMIT, USED } from './mortal-fleet.ts';

const [file = '', ledger = '', round = '0', finish] = process.argv.slice(2);
const write = (...words: readonly unknown[]): void => appendFileSync(ledger, `${words.join(' ')}\n`);
const random = seededRandom(Number(round) + 1);
const below = (bound: number) => Math.floor(random() * bound);
const quiet = () => undefined;

const child = defineAgent({ type: 'child', init: () => ({}), tasks: {} });

const clerk = defineAgent({
  type: 'clerk',
  init: () => ({}),
  tasks: {
    approve: {
      run: async ({ taskId, ask, step }) => {
        await step('paid', () => {
          write('paid', taskId);
          return true;
        });
        write('kept', taskId);
        const first = await ask({ question: 'first?' });
        write('heard', `${taskId}/1`, first);
        const second = await ask({ question: 'second?' });
        write('heard', `${taskId}/2`, second);
        return `${String(first)},${String(second)}`;
      },
    },
  },
});

const parent = defineAgent({
  type: 'parent',
  init: () => ({}),
  tasks: {
    grow: {
      retry: 'on_host_loss',
      run: async ({ input, agents }) => {
        const { id, rule } = input as { id: string; rule: 'stop' };
        await agents.spawn({ id, module: child, parent: rule });
        write('spawned', id);
        return id;
      },
    },
  },
});

const caller = defineAgent({
  type: 'caller',
  quota: 'provider',
  init: () => ({}),
  tasks: {
    call: {
      retry: 'on_host_loss',
      run: async ({ taskId, budget, step }) => {
        const reservation = await budget.reserve({ calls: 1, tokens: ASKED }).catch((thrown: unknown) => {
          if (thrown instanceof AgentSystemError && thrown.code === 'BUDGET_EXHAUSTED') return undefined;
          throw thrown;
        });
        if (reservation === undefined) return 'refused';
        write('granted', taskId);
        let isFirst = false;
        await step('limited', () => (isFirst = true));
        if (isFirst) {
          throw Object.assign(new Error('slow down'), { status: 429, headers: { 'retry-after-ms': '4' } });
        }
        await reservation.settle({ tokens: USED });
        write('settled', taskId);
        return 'called';
      },
    },
  },
});

process.send?.('begun');
const system = await createAgentSystem({
  store: sqliteStore(file),
  agents: [child, clerk, parent, caller],
  logger: pino({ level: 'silent' }),
  limits: { maxEndedTasks: 100_000 },
});
const { agents, tasks, questions, budgets } = system;
budgets.define({ name: 'all', limits: { calls: LIMIT } });
write('found', ...questions.list().map(({ id }) => id));
write('known', ...agents.list().map(({ id }) => id));
const answerAll = (): void => {
  for (const { id } of questions.list()) answer(id);
};
function answer(id: string): void {
  const value = `${round}-${below(1_000)}`;
  questions.answer(id, value, { by: 'ann' }).then(() => write('answered', id, value), quiet);
}
system.events.subscribe((event) => {
  if (event.type !== 'question.asked') return;
  write('asked', event.questionId);
  // Some are left to other programs.
  if (finish !== undefined || below(3) > 0) answer(event.questionId);
});
const places = { concurrency: 3 };
await agents.ensure({ id: 'clerk', module: clerk, tasks: places });
for (const id of ['caller-1', 'caller-2']) await agents.ensure({ id, module: caller, tasks: places });
for (const id of ['clerk', 'caller-1', 'caller-2']) if (agents.can(id, 'start')) await agents.start(id);
process.send?.('at work');

async function accepted(target: string, type: string, input?: unknown): Promise<void> {
  const { id } = await tasks.submit(target, { type, ...(input === undefined ? {} : { input }) });
  write('accepted', id);
  await tasks.result(id).catch(quiet);
}

async function forever(work: (turn: number) => Promise<void>): Promise<void> {
  for (let turn = 0; ; turn++) await work(turn);
}

/** A parent, its children, and often its end. */
async function family(id: string): Promise<void> {
  await agents.register({ id, module: parent });
  await agents.start(id);
  for (const rule of ['stop', 'kill', 'detach']) {
    await accepted(id, 'grow', { id: `${rule}-of-${id}`, rule });
  }
  if (below(2) === 0) return;
  write('ending', id);
  await agents.stop(id);
  write('ended', id);
}

if (finish === undefined) {
  void forever(async () => accepted('clerk', 'approve'));
  void forever(async () => accepted('clerk', 'approve'));
  for (const id of ['caller-1', 'caller-2']) void forever(async () => accepted(id, 'call'));
  void forever(async (turn) => family(`parent-${round}-${turn}`));
} else {
  answerAll();
  const ends = tasks.list().map(async ({ id }) => {
    const output = await tasks.result(id).catch((error: AgentSystemError) => error.code);
    return [id, output] as const;
  });
  const outputs = await Promise.all(ends);
  const registered: string[] = [];
  for await (const event of system.events.read()) {
    if (event.type === 'agent.registered') registered.push(event.agentId);
  }
  process.send?.({
    outputs,
    agents: agents.list().map(({ id, status }) => [id, status] as const),
    registered,
    spent: budgets.get('all').spent,
    open: questions.list().length,
  } satisfies Finished);
  await system.close();
  process.disconnect();
}

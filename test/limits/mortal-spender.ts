/**
 * A program whose tasks spend and park until it is killed: a child with the arguments FILE, LEDGER and, at the end,
 * `finish`. It goes on with what an earlier one left.
 */
import { appendFileSync } from 'node:fs';
import { pino } from 'pino';
import { createAgentSystem, defineAgent } from '../../src/index.ts';
import { sqliteStore } from '../../src/sqlite.ts';

const [file = '', ledger = '', finish] = process.argv.slice(2);
const ID = 'spender';
const write = (line: string): void => appendFileSync(ledger, `${line}\n`);

const spender = defineAgent({
  type: 'spender',
  init: () => ({}),
  tasks: {
    spend: {
      retry: 'on_host_loss',
      run: async ({ taskId, budget, park, step }) => {
        const reservation = await budget.reserve({ calls: 1 }).catch(() => undefined);
        if (reservation === undefined) return 'refused';
        write(`granted ${taskId}`);
        let isFirst = false;
        await step('parked', () => {
          isFirst = true;
          return true;
        });
        if (isFirst) park({ afterMs: 3, why: 'a limit' });
        await reservation.settle();
        return 'spent';
      },
    },
  },
});

const system = await createAgentSystem({
  store: sqliteStore(file),
  agents: [spender],
  logger: pino({ level: 'silent' }),
});
system.budgets.define({ name: 'all', limits: { calls: 60 } });
if (system.agents.list().length === 0) {
  await system.agents.register({ id: ID, module: spender, tasks: { concurrency: 2 } });
  await system.agents.start(ID);
} else if (system.agents.get(ID).status !== 'running') {
  await new Promise<void>((resolve) => {
    system.events.subscribe(({ type }) => type === 'agent.started' && resolve());
  });
}
process.send?.('at work');
if (finish === undefined) {
  const forever = async (): Promise<void> => {
    for (;;) {
      const { id } = await system.tasks.submit(ID, { type: 'spend' });
      write(`accepted ${id}`);
      await system.tasks.result(id);
    }
  };
  await Promise.all([forever(), forever(), forever()]);
} else {
  const tasks = system.tasks.list();
  await Promise.all(tasks.map(({ id }) => system.tasks.result(id)));
  const done = system.tasks.list({ status: 'done' }).map(({ id }) => id);
  process.send?.({ done, spent: system.budgets.get('all').spent.calls });
  await system.close();
}

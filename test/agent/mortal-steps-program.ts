/**
 * A program whose agents pay until it is killed: a child with the arguments FILE, LEDGER and ISOLATION. It goes on with
 * what an earlier one left, has three tasks under way all the time, and says by a message when it is at work.
 */
import { pino } from 'pino';
import { createAgentSystem } from '../../src/index.ts';
import { sqliteStore } from '../../src/sqlite.ts';
import payer from './mortal-steps.ts';

const [file = '', ledger = '', isolation = 'in-process'] = process.argv.slice(2);
const module = isolation === 'in-process' ? payer : new URL('./mortal-steps.ts', import.meta.url);
const logger = pino({ level: 'silent' });
const agents = isolation === 'in-process' ? [payer] : [];
const system = await createAgentSystem({ store: sqliteStore(file), agents, logger });
const ID = 'payer';
if (system.agents.list().length === 0) {
  await system.agents.register({
    id: ID,
    module,
    ...(isolation === 'in-process' ? {} : { isolation: isolation as 'thread' }),
    tasks: { concurrency: 3 },
  });
  await system.agents.start(ID);
} else if (system.agents.get(ID).status !== 'running') {
  await new Promise<void>((resolve) => {
    system.events.subscribe(({ type }) => type === 'agent.started' && resolve());
  });
}
process.send?.('at work');
const done = process.argv[5] === 'finish';
const pay = async (): Promise<void> => {
  const { id } = await system.tasks.submit(ID, { type: 'pay', input: ledger });
  await system.tasks.result(id);
};
if (done) {
  const open = system.tasks.list().filter(({ status }) => status === 'waiting' || status === 'running');
  const results = await Promise.all(open.map(({ id }) => system.tasks.result(id)));
  await system.close();
  process.send?.(results);
} else {
  const forever = async (): Promise<void> => {
    for (;;) await pay();
  };
  await Promise.all([forever(), forever(), forever()]);
}

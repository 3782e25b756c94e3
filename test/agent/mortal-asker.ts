/** A program that asks a person, tells its parent what it asked, and waits until it is killed: a child with the argument FILE. */
import { pino } from 'pino';
import { createAgentSystem } from '../../src/index.ts';
import { sqliteStore } from '../../src/sqlite.ts';
import asker from '../fixtures/agents/asker.ts';

const [file = ''] = process.argv.slice(2);
const system = await createAgentSystem({
  store: sqliteStore(file),
  agents: [asker],
  logger: pino({ level: 'silent' }),
});
await system.agents.register({ id: 'a', module: asker, restart: { policy: 'immediate', delayMs: 5 } });
await system.agents.start('a');
system.events.subscribe((event) => {
  if (event.type === 'question.asked') process.send?.({ id: event.questionId, taskId: event.taskId });
});
await system.tasks.submit('a', { type: 'approve', input: 'it' });

/**
 * A program with an MCP server, to be killed: with the arguments FILE and ISOLATION. It goes on with what an earlier one
 * left, and prints the processes of its server.
 */
import { pino } from 'pino';
import { createAgentSystem } from '../../src/index.ts';
import { sqliteStore } from '../../src/sqlite.ts';
import stubborn from './stubborn.ts';

const [file, isolation] = process.argv.slice(2) as [string, 'in-process' | 'process'];
const module = isolation === 'in-process' ? stubborn : new URL('./stubborn.ts', import.meta.url);
const system = await createAgentSystem({
  store: sqliteStore(file),
  agents: isolation === 'in-process' ? [stubborn] : [],
  logger: pino({ level: 'silent' }),
});
const { agents } = system;
const restart = { policy: 'immediate', delayMs: 0 } as const;
if (agents.list().length === 0) {
  await agents.start(await agents.register({ id: 'tools', module, isolation, restart }));
} else if (agents.get('tools').status !== 'running') {
  await new Promise<void>((resolve) => {
    system.events.subscribe(({ type }) => type === 'agent.started' && resolve());
  });
}
const called = await agents.execute('tools', { type: 'tools.call', input: { name: 'pids' } });
const [{ text }] = (called as { content: [{ text: string }] }).content;
console.log(
  JSON.stringify({ pids: JSON.parse(text) as number[], incarnation: agents.get('tools').incarnation }),
);
setInterval(() => {}, 1e6);

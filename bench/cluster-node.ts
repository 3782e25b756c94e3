/** A node of a bench, as a process of its own: `node cluster-node.ts <name> <ingressUrl> <adminUrl>`. */
import { pino } from 'pino';
import { createAgentNode } from '../src/restate.ts';
import { counter } from './cluster-agent.ts';

const [name = '', ingressUrl = '', adminUrl = ''] = process.argv.slice(2);
await createAgentNode({
  name,
  listen: 'http://127.0.0.1:0',
  restate: { ingressUrl, adminUrl },
  agents: [counter],
  logger: pino({ level: 'silent' }),
});
process.send?.('joined');
process.once('disconnect', () => process.exit(0));

/** One of the cluster's nodes, as a process of its own: `node node.ts <name> <ingressUrl> <adminUrl>`. */
import { pino } from 'pino';
import { createAgentNode } from '../../src/restate.ts';

const [name = '', ingressUrl = '', adminUrl = ''] = process.argv.slice(2);
const node = await createAgentNode({
  name,
  listen: 'http://127.0.0.1:0',
  restate: { ingressUrl, adminUrl },
  agents: [{ type: 'trainer', module: new URL('../digits/trainer.ts', import.meta.url) }],
  logger: pino({ name, level: 'error' }, pino.destination(2)),
});
process.send?.('joined');
process.once('disconnect', () => process.exit(0));
process.once('SIGTERM', () => void node.close({ timeoutMs: 3_000 }).then(() => process.exit(0)));
// Ctrl-C is for the program that started it.
process.on('SIGINT', () => {});

/**
 * A node as a process of its own, for tests that kill and freeze it: `node node-program.ts <JSON of options>`.
 *
 * Says `ready` once it has joined. Ends in order when it is asked to by SIGTERM.
 */
import { pino } from 'pino';
import { createAgentNode, type AgentNodeOptions } from '../../src/restate.ts';
import { voter } from './voter.ts';
import { worker } from './worker.ts';

const options = JSON.parse(process.argv[2]!) as Omit<AgentNodeOptions, 'agents'>;
const node = await createAgentNode({
  ...options,
  agents: [worker, voter],
  logger: pino({ level: 'silent' }),
});
process.send?.({ ready: node.url });
process.once('SIGTERM', () => {
  void node.close({ timeoutMs: 5_000 }).then(() => process.exit(0));
});

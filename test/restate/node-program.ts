/**
 * A node as a process of its own, for tests that kill and freeze it: `node node-program.ts <JSON of options> <version of the code>`.
 *
 * Says `ready` once it has joined. Ends in order when it is asked to by SIGTERM.
 */
import { pino } from 'pino';
import { createAgentNode, type AgentNodeOptions } from '../../src/restate.ts';
import { voter } from './voter.ts';
import { worker, workerOfNext } from './worker.ts';

const options = JSON.parse(process.argv[2]!) as Omit<AgentNodeOptions, 'agents'>;
const node = await createAgentNode({
  ...options,
  agents: [process.argv[3] === '2' ? workerOfNext : worker, voter],
  logger: pino({ level: 'silent' }),
});
process.send?.({ ready: node.url });
process.once('SIGTERM', () => {
  void node.close({ timeoutMs: 5_000 }).then(() => process.exit(0));
});

/** What runs first in an agent's thread: it joins the body server to the thread's port, and nothing more. */
import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { BodyServer } from './body-server.ts';
import type { ChildMessage } from './protocol.ts';
import type { ThreadEntryData } from './thread-child.ts';

const port = parentPort!;
const { niceness } = workerData as ThreadEntryData;
// On Linux a priority is a thread's own.
if (niceness !== undefined) setPriority(0, niceness);

const server = new BodyServer({
  reach: 'thread',
  send(message, transfer, sent) {
    port.postMessage(message, transfer);
    sent?.();
  },
  leave: (exitCode) => process.exit(exitCode),
});
process.on('uncaughtException', (thrown) => server.crash(thrown));
process.on('unhandledRejection', (thrown) => server.crash(thrown));
port.on('messageerror', (thrown) => server.crash(thrown));
port.on('message', (message: ChildMessage) => server.receive(message));

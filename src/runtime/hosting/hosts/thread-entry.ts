/** What runs first in an agent's thread: it joins the body server to the thread's port, and nothing more. */
import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { BodyServer } from './body-server.ts';
import { withoutForeignBytes } from './own-bytes.ts';
import { printPromptly } from './prompt-prints.ts';
import { lowerOf } from './session-priority.ts';
import type { WithErrors } from './errors-within.ts';
import type { ChildMessage } from './protocol.ts';
import type { ThreadEntryData } from './thread-child.ts';

const LAST_LINES_MS = 1_000;
const port = parentPort!;
const { niceness } = workerData as ThreadEntryData;
// On Linux a priority is a thread's own.
if (niceness !== undefined) setPriority(0, lowerOf(niceness, 0));

const printLate = [process.stdout, process.stderr].map(printPromptly);
const server = new BodyServer({
  reach: 'thread',
  send(message, transfer, sent) {
    port.postMessage(transfer.length > 0 ? message : withoutForeignBytes(message), transfer);
    sent?.();
  },
  leave,
});
process.on('exit', () => server.flush());
process.on('uncaughtException', (thrown) => server.crash(thrown));
process.on('unhandledRejection', (thrown) => server.crash(thrown));
port.on('messageerror', (thrown) => server.crash(thrown));
port.on('message', (message: WithErrors<ChildMessage>) => server.receive(message));

/** What it printed is on its way until the parent's thread has taken it: an exit would lose that. */
function leave(exitCode: number): void {
  const exit = (): never => process.exit(exitCode);
  setTimeout(exit, LAST_LINES_MS);
  for (const late of printLate) late();
  process.stdout.write('', () => process.stderr.write('', exit));
}

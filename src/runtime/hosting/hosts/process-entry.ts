/** What runs first in an agent's process: it joins the body server to the channel, and sees that no orphan stays. */
import { Worker } from 'node:worker_threads';
import { BodyServer } from './body-server.ts';
import type { ProcessEntryData } from './process-child.ts';
import { type ChildMessage, DISCONNECTED_EXIT_CODE } from './protocol.ts';
import { goTo } from './working-folder.ts';

const { parentPid, worksIn, watch, usageEveryMs } = JSON.parse(process.argv[2] ?? '{}') as ProcessEntryData;
const LAST_WORD_MS = 1_000;
const ignore = (): void => {};
const send = process.send!.bind(process) as (
  message: unknown,
  handle: undefined,
  options: undefined,
  sent: () => void,
) => boolean;

// The parent may have died before this process could be tied to it.
if (process.ppid !== parentPid) process.exit(DISCONNECTED_EXIT_CODE);
if (worksIn !== undefined) goTo(worksIn);
process.on('disconnect', () => process.exit(DISCONNECTED_EXIT_CODE));
// A terminal interrupts the whole group of processes: the parent decides what becomes of its agents.
process.on('SIGINT', ignore);
if (watch) new Worker(new URL(watch.entry), { workerData: watch, env: {}, execArgv: [] }).unref();

const server = new BodyServer({
  send: (message, _, sent = ignore) => void send(message, undefined, undefined, sent),
  leave: (exitCode) => process.exit(exitCode),
});
const crash = (thrown: unknown): void => {
  server.crash(thrown);
  setTimeout(() => process.exit(1), LAST_WORD_MS);
};
process.on('uncaughtException', crash);
process.on('unhandledRejection', crash);
process.on('message', (message: ChildMessage) => server.receive(message));

if (usageEveryMs !== undefined) {
  const tell = (): void => {
    const { user, system } = process.cpuUsage();
    const usage = { memoryBytes: process.memoryUsage.rss(), cpuMs: (user + system) / 1_000 };
    server.tell({ type: 'usage', usage });
  };
  setInterval(tell, usageEveryMs).unref();
}

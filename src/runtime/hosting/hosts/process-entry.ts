/** What runs first in an agent's process: it joins the body server to the channel, and sees that no orphan stays. */
import * as modules from 'node:module';
import { createConnection, type NetConnectOpts, Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { BodyServer } from './body-server.ts';
import { CHANNEL_FD, FrameReader, writeFrame } from './frames.ts';
import type { ProcessEntryData } from './process-child.ts';
import type { WithErrors } from './errors-within.ts';
import { type ChildMessage, DISCONNECTED_EXIT_CODE } from './protocol.ts';
import { goTo } from './working-folder.ts';

const { parentPid, worksIn, watch, usageEveryMs } = JSON.parse(process.argv[2] ?? '{}') as ProcessEntryData;
const FINAL_MESSAGE_MS = 1_000;
const ignore = (): void => {};
const ends = { fd: CHANNEL_FD, readable: true, writable: true };
// In Bun a socket has a descriptor only by connecting to it.
const channel =
  'bun' in process.versions ? createConnection(ends as unknown as NetConnectOpts) : new Socket(ends);
const lost = (): never => process.exit(DISCONNECTED_EXIT_CODE);

// The parent may have died before this process could be tied to it.
if (process.ppid !== parentPid) lost();
if (worksIn !== undefined) goTo(worksIn);
channel.on('error', lost);
channel.on('close', lost);
// A terminal, or a service manager, tells all processes of a program to end: the parent decides what becomes of agents.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, ignore);
if (watch) new Worker(new URL(watch.entry), { workerData: watch, env: {}, execArgv: [] }).unref();

const server = new BodyServer({
  reach: 'process',
  send: (message, _, sent) => writeFrame(channel, message, sent && { sent }),
  leave: (exitCode) => process.exit(exitCode),
  // Where NODE_COMPILE_CACHE asks for it, what was compiled is kept now: a process that is killed keeps nothing. Bun has none.
  loaded: () => (modules as { readonly flushCompileCache?: () => void }).flushCompileCache?.(),
});
const crash = (thrown: unknown): void => {
  server.crash(thrown);
  setTimeout(() => process.exit(1), FINAL_MESSAGE_MS);
};
// What was said before an exit reaches the parent: from here on a write does not return before it is done.
process.on('exit', () => {
  (channel as { readonly _handle?: { setBlocking?(isBlocking: boolean): void } })._handle?.setBlocking?.(
    true,
  );
  server.flush();
});
process.on('uncaughtException', crash);
process.on('unhandledRejection', crash);
const reader = new FrameReader({
  message: (message) => server.receive(message as WithErrors<ChildMessage>),
  fault: (problem) => crash(new Error(`the process was sent ${problem}`)),
});
channel.on('data', (chunk: Buffer) => reader.take(chunk));

if (usageEveryMs !== undefined) {
  const tell = (): void => {
    const { user, system } = process.cpuUsage();
    const usage = { memoryBytes: process.memoryUsage.rss(), cpuMs: (user + system) / 1_000 };
    server.tell({ type: 'usage', usage });
  };
  setInterval(tell, usageEveryMs).unref();
}

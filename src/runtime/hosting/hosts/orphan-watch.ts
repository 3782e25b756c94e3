/**
 * A thread of an agent's process that ends it with its parent, and at its memory limit, where nothing outside can.
 *
 * It runs while the main loop of the process spins. Used where `setpriv`, or `/proc`, is not to be had.
 */
import { writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import type { WatchData } from './process-child.ts';
import { OUT_OF_MEMORY_LINE } from './protocol.ts';

const { parentPid, maxResidentBytes, everyMs } = workerData as WatchData;
const STDERR = 2;

setInterval(() => {
  if (process.ppid !== parentPid) process.kill(process.pid, 'SIGKILL');
  if (maxResidentBytes !== undefined && process.memoryUsage.rss() > maxResidentBytes) {
    writeSync(STDERR, `${OUT_OF_MEMORY_LINE}\n`);
    process.kill(process.pid, 'SIGKILL');
  }
}, everyMs);

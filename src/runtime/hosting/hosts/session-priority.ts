/**
 * The niceness of a process that leads a session of its own.
 *
 * On Linux each thread has its own, and gives it to what it makes. Where the kernel schedules sessions as groups
 * (autogroup), that counts within a session only: against others the session's own counts, and a file sets it.
 *
 * Source: sched(7), "The autogroup feature"; setpriority(2), "C library/kernel differences".
 */
import { readdirSync, writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';

/** The kernel takes one from programs without rights in about 100 ms, of all sessions together. */
const AGAIN_MS = 100;
const TRIES = 100;

/** Of all its threads; what they make later inherits it. */
export function setSessionPriority(pid: number, niceness: number): void {
  if (process.platform !== 'linux') return setPriority(pid, niceness);
  for (const thread of threadsOf(pid)) {
    try {
      setPriority(thread, niceness);
    } catch (thrown) {
      // One of its threads may have ended meanwhile.
      if (thread === pid) throw thrown;
    }
  }
  setOfSession(pid, niceness, TRIES);
}

/** The first alone where others cannot be seen. */
function threadsOf(pid: number): readonly number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number);
  } catch {
    return [pid];
  }
}

function setOfSession(pid: number, niceness: number, tries: number): void {
  try {
    writeFileSync(`/proc/${pid}/autogroup`, String(niceness));
  } catch (thrown) {
    // A kernel without such groups has no such file, and what has ended has none either.
    if ((thrown as NodeJS.ErrnoException).code !== 'EAGAIN' || tries <= 1) return;
    setTimeout(() => setOfSession(pid, niceness, tries - 1), AGAIN_MS * (1 + Math.random())).unref();
  }
}

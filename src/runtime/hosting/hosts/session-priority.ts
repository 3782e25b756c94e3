/**
 * The niceness of a process that leads a session of its own, and of what it has started.
 *
 * On Linux each thread has its own, and gives it to what it makes. Where the kernel schedules sessions as groups
 * (autogroup), that counts within a session only: against others the session's own counts, and a file sets it.
 *
 * Source: sched(7), "The autogroup feature"; setpriority(2), "C library/kernel differences".
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';

/** The kernel takes one from programs without rights in about 100 ms, of all sessions together. */
const AGAIN_MS = 100;
const TRIES = 100;

/**
 * Of all its threads and processes; what they make later inherits it. One that is lower already stays as it is, for
 * raising takes a right.
 *
 * @param isThere whether the process still is: its number may be another's later
 */
export function setSessionPriority(pid: number, asked: number, isThere: () => boolean): void {
  const niceness = lowerOf(asked, pid);
  setPriority(pid, niceness);
  if (process.platform !== 'linux') return;
  setOfThreads(pid, niceness);
  setOfSession(pid, niceness, isThere, TRIES);
}

/** A niceness that is to be `low`, or what the thread has if that is lower. */
export function lowerOf(niceness: number, thread: number): number {
  return niceness > 0 ? Math.max(niceness, getPriority(thread)) : niceness;
}

function setOfThreads(pid: number, niceness: number): void {
  const tasks = `/proc/${pid}/task`;
  unlessGone(() => {
    for (const thread of readdirSync(tasks)) {
      unlessGone(() => {
        setPriority(Number(thread), niceness);
        const children = readFileSync(`${tasks}/${thread}/children`, 'latin1');
        for (const child of children.match(/\d+/g) ?? []) setOfThreads(Number(child), niceness);
      });
    }
  });
}

/** A thread or process may end meanwhile, and a system may not show them. */
function unlessGone(act: () => void): void {
  try {
    act();
  } catch {
    // Then there is nothing more to set.
  }
}

function setOfSession(pid: number, niceness: number, isThere: () => boolean, tries: number): void {
  if (!isThere()) return;
  try {
    writeFileSync(`/proc/${pid}/autogroup`, String(niceness));
  } catch (thrown) {
    // A kernel without such groups has no such file, and what has ended has none either.
    if ((thrown as NodeJS.ErrnoException).code !== 'EAGAIN' || tries <= 1) return;
    const again = (): void => setOfSession(pid, niceness, isThere, tries - 1);
    setTimeout(again, AGAIN_MS * (1 + Math.random())).unref();
  }
}

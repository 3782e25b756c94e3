/**
 * Every program that a run of tests has started, known by a variable of its environment: a server that was put into a
 * group of its own is not ended with the program that started it.
 *
 * Linux only: elsewhere nothing is found, and what the group of the run does not end stays.
 */
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as elapsed } from 'node:timers/promises';

const VARIABLE = 'MABEAM_MUTANTS_RUN';
const LOOK_EVERY_MS = 20;

export interface RunMark {
  /** For the first program of the run: all that it starts inherits it. */
  readonly env: Readonly<Record<string, string>>;
  /**
   * Ids of the programs that bear it and have not ended.
   *
   * @param group those of this one are left out
   */
  pids(group?: number): number[];
  /** Ends each by its id, and what it has started meanwhile; resolves once none is left. */
  end(group?: number): Promise<void>;
}

export function createRunMark(): RunMark {
  const value = randomUUID();
  const sign = `${VARIABLE}=${value}`;
  const pids = (group?: number): number[] =>
    process.platform === 'linux'
      ? readdirSync('/proc')
          .filter((name) => /^\d+$/.test(name) && bears(name, sign, group))
          .map(Number)
      : [];
  return {
    env: { [VARIABLE]: value },
    pids,
    async end(group) {
      for (let left = pids(group); left.length > 0; left = pids(group)) {
        for (const pid of left) endOne(pid);
        await elapsed(LOOK_EVERY_MS);
      }
    },
  };
}

/** Of one that has ended and was not waited for, or is another user's, nothing can be read. */
function bears(pid: string, sign: string, besides: number | undefined): boolean {
  try {
    return (
      readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(sign) && groupOf(pid) !== besides
    );
  } catch {
    return false;
  }
}

function groupOf(pid: string): number {
  // After the name, which may have spaces: state, parent, group.
  return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ')[2]);
}

function endOne(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has just ended.
  }
}

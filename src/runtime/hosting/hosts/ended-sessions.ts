/**
 * Kills what is left of sessions whose leader has ended: jobs of a shell with job control, for example, which are no
 * longer in the group of their agent, but still in its session.
 *
 * Owns the looks through `/proc`, where Linux says to which session each process belongs.
 *
 * I1  One look serves all who have asked before it begins. There is none while nobody asks, and none for a while after
 *     another: several times as long as that took, up to a bound.
 * I2  A look gives the event loop a turn every few milliseconds.
 * I3  Only what is in the session is killed. Linux gives its number to no new process while any member is left: where
 *     there is such a process, the session is another's.
 * I4  Whoever asks is answered within bounded time, also if something is left that cannot be killed.
 */
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { SteadyClock } from '../../time/clock.ts';
import { LoopTurn } from '../../time/loop-turn.ts';
import { killGroup } from './group-guard.ts';

interface Asked {
  readonly session: number;
  readonly untilMs: number;
  answer(): void;
}

/** How long what was killed is waited for. */
const GONE_MS = 250;
/** For how many times as long as a look took there is no other one, and for how long at most. */
const REST = 4;
const MAX_REST_MS = 100;

/** @returns `undefined` where the system has no such files, or those of other processes than this program sees */
export function endedSessions(clock: SteadyClock, folder = '/proc'): EndedSessions | undefined {
  try {
    return readlinkSync(`${folder}/self`) === String(process.pid)
      ? new EndedSessions(clock, folder)
      : undefined;
  } catch {
    return undefined;
  }
}

export class EndedSessions {
  readonly #clock: SteadyClock;
  readonly #folder: string;
  readonly #asked = new Set<Asked>();
  #isLooking = false;
  #restsUntilMs = -Infinity;

  constructor(clock: SteadyClock, folder: string) {
    this.#clock = clock;
    this.#folder = folder;
  }

  /**
   * Kills all that is left in a session whose leader has ended, and has been reaped. Resolves once it is gone, or given
   * up.
   */
  end(session: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#asked.add({ session, untilMs: this.#clock.elapsed() + GONE_MS, answer: resolve });
    if (!this.#isLooking) void this.#lookWhileAsked();
    return promise;
  }

  async #lookWhileAsked(): Promise<void> {
    const clock = this.#clock;
    this.#isLooking = true;
    while (this.#asked.size > 0) {
      const restMs = Math.max(0, this.#restsUntilMs - clock.elapsed());
      await new Promise<unknown>((resolve) =>
        restMs > 0 ? clock.setTimeout(() => resolve(undefined), restMs) : setImmediate(resolve),
      );
      const beganAt = clock.elapsed();
      const asked = [...this.#asked];
      const left = await this.#killAllOf(new Set(asked.map(({ session }) => session)));
      const now = clock.elapsed();
      this.#restsUntilMs = now + Math.min(REST * (now - beganAt), MAX_REST_MS);
      for (const one of asked) {
        if (left.has(one.session) && now < one.untilMs) continue;
        this.#asked.delete(one);
        one.answer();
      }
    }
    this.#isLooking = false;
  }

  /** @returns those of which something was left */
  async #killAllOf(sessions: ReadonlySet<number>): Promise<ReadonlySet<number>> {
    const left = new Set<number>();
    const turn = new LoopTurn();
    for (const pid of this.#processes()) {
      if (turn.isOver(this.#clock.elapsed())) await turn.next();
      const seen = this.#read(pid);
      if (seen === undefined || !sessions.has(seen.session)) continue;
      if (existsSync(`${this.#folder}/${seen.session}`)) continue;
      killGroup(seen.group);
      if (!seen.isOver) left.add(seen.session);
    }
    return left;
  }

  #processes(): string[] {
    try {
      return readdirSync(this.#folder).filter((name) => /^\d/.test(name));
    } catch {
      // As when descriptors run out: nothing is known of any.
      return [];
    }
  }

  /** `undefined` once it is gone. */
  #read(pid: string): { session: number; group: number; isOver: boolean } | undefined {
    try {
      const stat = readFileSync(`${this.#folder}/${pid}/stat`, 'utf8');
      // The name of a program may hold anything, spaces and brackets too: what follows it is counted from there.
      const [state, , group, session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ', 4);
      return { session: Number(session), group: Number(group), isOver: state === 'Z' };
    } catch {
      return undefined;
    }
  }
}

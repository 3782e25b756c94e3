/**
 * Whether this node's clock agrees with the engine's.
 *
 * The engine fires a timer when its own clock says so, and whoever answers for the fleet names that time by a clock of its
 * own. With one that is an hour ahead no deadline comes for an hour, with one that is behind each comes at once. So a node
 * whose clock is wrong does not join, and one whose clock is set wrong later does not answer for the fleet: from the next
 * call on, for a deadline that was named by such a clock stays wrong.
 *
 * I1  What cannot be told is not held against it: the engine tells its time to a second, or its admin interface is away.
 */
import { AgentSystemError } from '../../runtime/values/errors.ts';
import { clockOffsetMs, wasClockSetSince } from '../engine/clock-setting.ts';
import type { EngineAdmin } from '../engine/engine-admin.ts';

/** How far apart they may be, ms. */
const MAX_ERROR_MS = 2_000;
const LOOK_EVERY_MS = 60_000;
/** While it is wrong, or the engine's is, which somebody sets right. */
const LOOK_AGAIN_MS = 1_000;

export class ClockCheck {
  readonly #admin: Pick<EngineAdmin, 'clockAheadMs'>;
  #aheadMs = 0;
  #offsetMs = Number.NaN;
  #lookedAt = -Infinity;

  constructor(admin: Pick<EngineAdmin, 'clockAheadMs'>) {
    this.#admin = admin;
  }

  /** What is wrong, for people; `undefined` where nothing is. */
  get problem(): string | undefined {
    const off = Math.abs(this.#aheadMs);
    if (off <= MAX_ERROR_MS) return undefined;
    const side = this.#aheadMs > 0 ? 'ahead of' : 'behind';
    return `its clock is ${Math.round(off / 1_000)} s ${side} the engine's, expected at most ${MAX_ERROR_MS / 1_000} s`;
  }

  /** Whether there is something to look at: the clock was set, or nobody has looked for a while. */
  get isDue(): boolean {
    const everyMs = this.problem === undefined ? LOOK_EVERY_MS : LOOK_AGAIN_MS;
    return performance.now() - this.#lookedAt > everyMs || this.#wasSet;
  }

  /** Whether it is right, as far as was looked: `false` where it was set since. */
  get isRight(): boolean {
    return this.problem === undefined && !this.#wasSet;
  }

  get #wasSet(): boolean {
    return wasClockSetSince(this.#offsetMs);
  }

  async look(): Promise<void> {
    this.#lookedAt = performance.now();
    const offsetMs = clockOffsetMs();
    this.#aheadMs = await this.#admin.clockAheadMs();
    this.#offsetMs = offsetMs;
  }

  /** @throws AgentSystemError `STORE_FAILED` where it is wrong */
  async refuseWrong(node: string): Promise<void> {
    await this.look();
    const { problem } = this;
    if (problem === undefined) return;
    const details = { node, aheadMs: this.#aheadMs };
    throw new AgentSystemError('STORE_FAILED', `node ${node} could not join: ${problem}`, { details });
  }
}

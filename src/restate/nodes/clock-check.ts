/**
 * Whether this node's clock agrees with the engine's.
 *
 * The engine fires a timer when its own clock says so, and whoever answers for the fleet names that time by a clock of its
 * own. With one that is an hour ahead no deadline comes for an hour, with one that is behind each comes at once. So a node
 * whose clock is wrong does not join, and one whose clock is set wrong later does not answer for the fleet.
 *
 * I1  What cannot be told is not held against it: the engine tells its time to a second, or its admin interface is away.
 */
import { AgentSystemError } from '../../runtime/values/errors.ts';
import type { EngineAdmin } from '../engine/engine-admin.ts';

/** How far apart they may be, ms. */
const MAX_ERROR_MS = 2_000;
/** Where a clock has gone further than a steady one by so much it was set, ms. */
const SET_BY_MS = 1_000;
const LOOK_EVERY_MS = 60_000;

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
    return (
      performance.now() - this.#lookedAt > LOOK_EVERY_MS || Math.abs(offsetMs() - this.#offsetMs) > SET_BY_MS
    );
  }

  async look(): Promise<void> {
    this.#lookedAt = performance.now();
    this.#offsetMs = offsetMs();
    this.#aheadMs = await this.#admin.clockAheadMs();
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

function offsetMs(): number {
  return Date.now() - performance.now();
}

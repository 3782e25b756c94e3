/** What the chart of a pool is given, keeps, and is told. */
import type { PoolCounts } from './pool-size.ts';
import type { RestartHistory, RestartPolicy } from './restart-policy.ts';

export interface PoolInput {
  /** What it is called in pictures. */
  readonly id: string;
  readonly min: number;
  readonly max: number;
  /** The size at first, from `min` to `max`. */
  readonly wanted: number;
  /** When starts that failed are tried again. */
  readonly restart: RestartPolicy;
  /** Time for members to end when the pool cannot open, ms. */
  readonly closeMs: number;
  /** Starts that may be under way at once. */
  readonly maxConcurrentStarts: number;
  /** Members of an earlier program that were found again: the pool then opens without waiting. */
  readonly found?: PoolCounts | undefined;
}

export interface PoolContext extends PoolCounts {
  readonly id: string;
  readonly min: number;
  readonly max: number;
  readonly restart: RestartPolicy;
  readonly maxConcurrentStarts: number;
  readonly isFound: boolean;
  readonly wanted: number;
  /** The size to go back to when growth fails: at most the size that was reached last. */
  readonly grownFrom: number;
  /** Whether the growth under way was asked for by a caller. */
  readonly isAsked: boolean;
  /** Whether a start has failed since one succeeded. */
  readonly isProving: boolean;
  readonly history: RestartHistory;
  readonly retryDelayMs: number;
  /** Epoch ms at which starts are tried again. */
  readonly retryAt: number | undefined;
  /** Time for waiting tasks to be done while the pool closes, ms. */
  readonly finishMs: number;
  /** Time for the whole of a close, ms. */
  readonly closeMs: number;
}

/** The kind of member that was lost. */
export type LostFrom = 'live' | 'down';

export type PoolEvent =
  /** A caller wants another size, from `min` to `max`. */
  | { type: 'pool.resize'; wanted: number; why: string; by?: string }
  /** The autoscaler wants another size, from `min` to `max`. */
  | { type: 'pool.scale'; wanted: number; why: string }
  /** `finishMs` of `closeMs` are for the tasks that wait. */
  | { type: 'pool.close'; finishMs: number; closeMs: number }
  /** The system closes, and will stop the members itself. */
  | { type: 'pool.halt'; finishMs: number }
  | { type: 'queue.finished' }
  | { type: 'member.started' }
  | { type: 'member.recovered' }
  | { type: 'member.fell' }
  | {
      type: 'member.start_failed';
      at: number;
      tick?: number;
      chance: number;
      isExhausted: boolean;
      why: string;
    }
  | {
      type: 'member.lost';
      from: LostFrom;
      at: number;
      tick?: number;
      chance: number;
      /** Whether it counts as a failure of the pool: a crash, or an end before any work. */
      isFailure: boolean;
      why: string;
    }
  | { type: 'member.leaving' }
  | { type: 'member.gone' };

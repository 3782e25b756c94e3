/**
 * Options of one kind of task beside its work: how often it is tried, its priority, and how many
 * of it at once.
 */
import { z } from 'zod';
import { durationMs, positiveDurationMs } from '../../machines/duration.ts';
import type { OnStall } from '../../machines/progress.ts';
import { retryPolicy } from '../../machines/retry-policy.ts';

/** How often a task is tried, and the delays between. */
export interface RetryOptions {
  /** Attempts at most, the first included. */
  readonly attempts: number;
  /** The delay after each attempt that failed. */
  readonly backoff?: {
    /** After the first, in ms; default 1,000. */
    readonly delayMs?: number;
    /** Factor of each further delay; default 2. */
    readonly factor?: number;
    /** The longest delay, in ms; default 60,000. */
    readonly maxDelayMs?: number;
    /** The random share of each delay, 0 to 1; default 0.5. */
    readonly jitter?: number;
  };
  /** Time of one attempt, in ms: a longer one is told to end, and has failed. Default unlimited. */
  readonly attemptTimeoutMs?: number;
}

/** The same of a kind of task, whose definition may look at the error. */
export interface KindRetryOptions extends RetryOptions {
  /**
   * Whether an error is worth another attempt; default every one. It is asked where the agent lives, of what the work
   * threw, or of an error named `TimeoutError` for an attempt that took too long. A throw is a no.
   */
  readonly when?: (error: unknown) => boolean;
}

/** Options of a kind of task beside its schemas and its work. */
export interface TaskKind {
  /** Capabilities that the agent must have; others are refused with `TASK_INCOMPATIBLE`. */
  readonly requires?: readonly string[];
  /**
   * Whether its work may be begun more than once. `on_host_loss`: after the loss of its whole program, and not else.
   * With `attempts`: after each that failed as well, until they are used up. Default never: one that was in flight
   * when the program died is `unknown`. `never` says so where the default is another, as it is for model agents.
   */
  readonly retry?: 'never' | 'on_host_loss' | KindRetryOptions;
  /** Time from acceptance to answer of those that are asked for without a `timeoutMs` of their own, in ms; default none. */
  readonly timeoutMs?: number;
  /** An integer from -10 to 10, higher begins sooner; default 0. */
  readonly priority?: number;
  /** How many of this kind an agent does at once; default as many as its spec's `tasks.concurrency` allows. */
  readonly concurrency?: number;
  /**
   * How long it may run and tell nothing, by `progress` or `emit`, before it has stalled, in ms; default for ever. How
   * long it takes in all is never looked at.
   */
  readonly stalledAfterMs?: number;
  /**
   * What follows: `warn`, an event; `abort`, its signal fires, and it has failed with `TASK_STALLED` unless it has
   * attempts left; `crash`, its agent is killed, and its restart policy decides. Default `warn`.
   */
  readonly onStall?: OnStall;
  /** How often `context.repeated` may be told the same in one task; once more throws `TASK_REPEATED`. Default no limit. */
  readonly maxRepeats?: number;
}

/** Few steps, so that to order by them costs the same however many wait. */
export const taskPriority = z.int().min(-10).max(10);

const aFunction = z.custom((value) => typeof value === 'function', { error: 'expected a function' });

export const taskKindFields = {
  requires: z.array(z.string().min(1)).optional(),
  retry: z
    .union([z.enum(['never', 'on_host_loss']), retryPolicy.extend({ when: aFunction.optional() })], {
      error: "expected 'never', 'on_host_loss' or { attempts, backoff?, attemptTimeoutMs?, when? }",
    })
    .optional(),
  timeoutMs: durationMs.optional(),
  priority: taskPriority.optional(),
  concurrency: z.int().min(1).optional(),
  stalledAfterMs: positiveDurationMs.optional(),
  onStall: z.enum(['warn', 'abort', 'crash']).optional(),
  maxRepeats: z.int().min(1).optional(),
};

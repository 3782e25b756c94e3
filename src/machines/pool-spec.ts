/**
 * What a pool is asked to be: the schema, with every default in one place.
 *
 * Unknown keys are refused by name. `spec` and `scale.signal` are for the runtime to judge.
 */
import { z } from 'zod';
import { restartPolicy } from './restart-policy.ts';
import { scalingPolicy } from './scaling-decision.ts';

const count = z.int().min(0);

export const poolSpec = z
  .strictObject({
    name: z.string().min(1),
    spec: z.custom<object>((value) => typeof value === 'object' && value !== null, {
      error: 'expected the spec of an agent',
    }),
    min: count,
    max: z.int().min(1),
    /** Members at first; default `min`, or as many as were found again. */
    target: count.optional(),
    /** Tasks that may wait while no member is free. */
    queueLimit: count.default(1_000),
    /** Members that may be on their way in at once. */
    maxConcurrentStarts: z.int().min(1).default(16),
    /** How often a task whose member crashed is given to another: only tasks with `retry: 'on_host_loss'`. */
    retryAbandoned: count.default(0),
    /** When starts of members that failed are tried again; each member's own restarts are its spec's. */
    restart: restartPolicy.omit({ policy: true }).prefault({}),
    /** Given, the pool sizes itself between `min` and `max`. */
    scale: scalingPolicy
      .safeExtend({
        signal: z
          .custom<(...given: never) => unknown>((value) => typeof value === 'function', {
            error: 'expected a function',
          })
          .optional(),
      })
      .optional(),
  })
  .superRefine(({ min, max, target }, issues) => {
    const refuse = (field: string, message: string) =>
      issues.addIssue({ code: 'custom', path: [field], message });
    if (min > max) refuse('min', `expected no more than max (${max})`);
    else if (target !== undefined && (target < min || target > max)) {
      refuse('target', `expected ${min} to ${max} (min to max)`);
    }
  });

export type PoolSpecInput = z.input<typeof poolSpec>;
export type ParsedPoolSpec = z.output<typeof poolSpec>;

/**
 * What a pool is asked to be: the schema, with every default in one place.
 *
 * Unknown keys are refused by name. `spec` and `scale.signal` are for the runtime to judge: one program calls a signal's
 * function, a fleet knows it by its name.
 */
import { z } from 'zod';
import { restartPolicy, type RestartPolicyInput } from './restart-policy.ts';
import { namedScalingSignal, scalingPolicy, type ScalingPolicyInput } from './scaling-decision.ts';

const count = z.int().min(0);

export const poolSpec = z
  .strictObject({
    name: z.string().min(1),
    spec: z.custom<object>((value) => typeof value === 'object' && value !== null, {
      error: 'expected the spec of an agent',
    }),
    min: count,
    max: z.int().min(1),
    target: count.optional(),
    queueLimit: count.default(1_000),
    maxConcurrentStarts: z.int().min(1).default(16),
    retryAbandoned: count.default(0),
    restart: restartPolicy.omit({ policy: true }).prefault({}),
    scale: scalingPolicy
      .safeExtend({
        signal: z
          .union([namedScalingSignal.shape.measure, namedScalingSignal, namedScalingSignal.shape.name], {
            error: 'expected a function, or what defineScalingSignal gives',
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

/** A pool as it is written; all but the name, the spec and the bounds has a default. */
export interface PoolSpecInput {
  /** Its name; the ids of its members are this and a number. */
  readonly name: string;
  /** The spec of every member. */
  readonly spec: object;
  /** Fewest members, 0 or more. With 0 and no `scale`, tasks wait until somebody sets a size. */
  readonly min: number;
  /** Most members, 1 or more. */
  readonly max: number;
  /** Members at first; default `min`, or as many as were found again. */
  readonly target?: number | undefined;
  /** Tasks that may wait while no member is free; one more is refused with `TASK_QUEUE_FULL`. Default 1,000. */
  readonly queueLimit?: number | undefined;
  /** Members that may be starting at once; default 16. */
  readonly maxConcurrentStarts?: number | undefined;
  /** How often a task whose member crashed is given to another: only tasks with `retry: 'on_host_loss'`. Default 0. */
  readonly retryAbandoned?: number | undefined;
  /** When starts of members that failed are tried again; each member's own restarts are its spec's. */
  readonly restart?: Omit<RestartPolicyInput, 'policy'> | undefined;
  /** Given, the pool sizes itself between `min` and `max`. */
  readonly scale?:
    | (ScalingPolicyInput & {
        readonly signal?:
          | z.input<typeof namedScalingSignal.shape.measure>
          | z.input<typeof namedScalingSignal>
          | string
          | undefined;
      })
    | undefined;
}
export type ParsedPoolSpec = z.output<typeof poolSpec>;

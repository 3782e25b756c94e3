/**
 * Whether a pool should have more members or fewer: a pure decider over measurements.
 *
 * It does not flap. Thresholds up and down lie apart; a pool never shrinks to a size at which its load, spread over
 * those that stay, would make it grow again; each direction has a cooldown; and a change that is under way is
 * awaited. A pool of no member has no cooldown: nobody else would do the task that waits.
 *
 * The cooldown of a shrink is that of Kubernetes' horizontal autoscaler.
 */
import { z } from 'zod';
import { durationMs, positiveDurationMs } from './duration.ts';

const share = z.number().min(0).max(1);
const step = z.int().min(1);
/** `Infinity` means no limit. */
const positive = z.custom<number>((value) => typeof value === 'number' && value > 0, {
  error: 'expected a number, more than 0',
});

export const scalingPolicy = z
  .strictObject({
    intervalMs: positiveDurationMs.default(30_000),
    up: z
      .strictObject({
        busyShare: share.gt(0).default(0.8),
        waitingPerMember: z.number().positive().default(1),
        step: step.default(1),
        cooldownMs: durationMs.default(30_000),
      })
      .prefault({}),
    down: z
      .strictObject({
        busyShare: share.default(0.3),
        step: step.default(1),
        cooldownMs: durationMs.default(300_000),
      })
      .prefault({}),
    ceilings: z
      .strictObject({
        memoryPressure: share.default(0.1),
        memoryUsed: share.default(0.95),
        cpuPressure: share.default(1),
        loadPerCpu: positive.default(Infinity),
      })
      .prefault({}),
  })
  .superRefine(({ up, down }, issues) => {
    if (down.busyShare >= up.busyShare) {
      issues.addIssue({
        code: 'custom',
        path: ['down', 'busyShare'],
        message: `expected less than up.busyShare (${up.busyShare})`,
      });
    }
  });

/** When a pool grows and shrinks, as it is written; every field has a default. */
export interface ScalingPolicyInput {
  /** Time between two measurements, ms; default 30,000. */
  readonly intervalMs?: number | undefined;
  /** More members, when either threshold is reached. */
  readonly up?: GrowthInput | undefined;
  /** Fewer members, when nothing waits and at most `busyShare` is in use. */
  readonly down?: ShrinkInput | undefined;
  /** Beyond any of these the machine is strained: no pool grows, and members that are not needed are ended. */
  readonly ceilings?: CeilingsInput | undefined;
}

/** When a pool grows. */
export interface GrowthInput {
  /** Share of the members' places that was in use since the last measurement; default 0.8. */
  readonly busyShare?: number | undefined;
  /** Tasks that wait, for each member; default 1. */
  readonly waitingPerMember?: number | undefined;
  /** Members that are added at once; default 1. */
  readonly step?: number | undefined;
  /** Time before it grows again, ms; default 30,000. */
  readonly cooldownMs?: number | undefined;
}

/** When a pool shrinks. */
export interface ShrinkInput {
  /** Share of the members' places that was in use since the last measurement, less than that of `up`; default 0.3. */
  readonly busyShare?: number | undefined;
  /** Members that leave at once; default 1. */
  readonly step?: number | undefined;
  /** Time since its last change of size, ms; default 300,000. */
  readonly cooldownMs?: number | undefined;
}

/** When a machine is strained. */
export interface CeilingsInput {
  /** Share of time in which something stalled for want of memory (`/proc/pressure/memory`); default 0.1. */
  readonly memoryPressure?: number | undefined;
  /** Share of the memory that this program may use and that is in use; default 0.95. */
  readonly memoryUsed?: number | undefined;
  /**
   * Share of time in which something waited for a processor (`/proc/pressure/cpu`). Default 1, no ceiling: members that
   * wait for others' answers need no processor.
   */
  readonly cpuPressure?: number | undefined;
  /** Load average over one minute, for each processor; default `Infinity`, no ceiling. */
  readonly loadPerCpu?: number | undefined;
}

/** A scaling policy with its defaults. */
export type ScalingPolicy = z.output<typeof scalingPolicy>;

const measure = z.number().min(0).optional();

/** How strained the machine is. What is not known, or does not matter, is left out. */
export interface MachineStrain {
  readonly memoryPressure?: number | undefined;
  readonly memoryUsed?: number | undefined;
  readonly cpuPressure?: number | undefined;
  readonly loadPerCpu?: number | undefined;
}

/** What a signal of the user's own may say: of the machine, and in place of what the pool measures itself. */
export const scalingSignal = z.strictObject({
  memoryPressure: measure,
  memoryUsed: measure,
  cpuPressure: measure,
  loadPerCpu: measure,
  /** Tasks that wait, in a queue of the user's own. */
  waiting: measure,
  busyShare: measure,
});
export type ScalingSignal = z.output<typeof scalingSignal>;

/** A signal of the user's own, by its name. */
export const namedScalingSignal = z.strictObject({
  name: z.string().min(1).max(256),
  measure: z.custom<(...given: never) => unknown>((value) => typeof value === 'function', {
    error: 'expected a function',
  }),
});

/** What a pool knows of its own load. */
export interface PoolLoad {
  /** Members that it wants now. */
  readonly size: number;
  /** Tasks that wait for a member. */
  readonly waiting: number;
  /** Share of the members' places that was in use since the last look, from 0 to 1. */
  readonly busyShare: number;
  /** Members that the limits of the system have room for. */
  readonly admissible: number;
  /** Whether all members that it wants are there. */
  readonly isSettled: boolean;
}

/** What a decision depends on. */
export type ScalingMetrics = PoolLoad & MachineStrain;

export interface ScalingBounds {
  readonly min: number;
  readonly max: number;
}

/** When the size last changed, ms on the clock that cooldowns are counted by. */
export interface ScalingHistory {
  readonly upAt: number | undefined;
  readonly downAt: number | undefined;
}

export const neverScaled: ScalingHistory = { upAt: undefined, downAt: undefined };

export type ScalingDecision =
  | { readonly action: 'hold'; readonly why: string }
  /** It should grow, but may not. */
  | { readonly action: 'blocked'; readonly why: string }
  | { readonly action: 'scale'; readonly to: number; readonly why: string };

/** @param now ms on the clock that cooldowns are counted by */
export function decideScaling(
  metrics: ScalingMetrics,
  policy: ScalingPolicy & ScalingBounds,
  history: ScalingHistory,
  now: number,
): ScalingDecision {
  if (!metrics.isSettled) return { action: 'hold', why: 'not all members that it wants are there' };
  return isPressed(metrics, policy)
    ? decideGrowth(metrics, policy, history, now)
    : decideShrink(metrics, policy, history, now);
}

/** For a look that has failed: whether a pool of no member starts its first one. */
export function decideFirst(load: PoolLoad): ScalingDecision {
  const { size, waiting, admissible, isSettled } = load;
  const why = loadOf(load);
  const isWanted = isSettled && size === 0 && waiting > 0 && admissible >= 1;
  return isWanted ? { action: 'scale', to: 1, why } : { action: 'hold', why };
}

/** Whether a cooldown of either direction still runs. */
export function isCoolingDown(policy: ScalingPolicy, { upAt, downAt }: ScalingHistory, now: number): boolean {
  const { up, down } = policy;
  return (
    isWithin(upAt, up.cooldownMs, now) ||
    isWithin(upAt, down.cooldownMs, now) ||
    isWithin(downAt, down.cooldownMs, now)
  );
}

function decideGrowth(
  metrics: ScalingMetrics,
  { up, ceilings, max }: ScalingPolicy & ScalingBounds,
  { upAt }: ScalingHistory,
  now: number,
): ScalingDecision {
  const { size, admissible } = metrics;
  const load = loadOf(metrics);
  if (size >= max) return { action: 'hold', why: `${load}, at its max of ${max}` };
  const strain = strainOf(metrics, ceilings);
  if (strain !== undefined) return { action: 'blocked', why: `${load}, but ${strain}` };
  if (admissible < 1) {
    return { action: 'blocked', why: `${load}, but the limits of the system have room for no more` };
  }
  if (size > 0 && isWithin(upAt, up.cooldownMs, now)) {
    return { action: 'hold', why: `${load}, cooling down` };
  }
  return { action: 'scale', to: Math.min(max, size + up.step, size + Math.floor(admissible)), why: load };
}

function decideShrink(
  metrics: ScalingMetrics,
  { up, down, ceilings, min }: ScalingPolicy & ScalingBounds,
  { upAt, downAt }: ScalingHistory,
  now: number,
): ScalingDecision {
  const { size, waiting, busyShare } = metrics;
  const strain = strainOf(metrics, ceilings);
  const load = loadOf(metrics);
  const isQuiet = waiting === 0 && (busyShare <= down.busyShare || strain !== undefined);
  if (!isQuiet) return { action: 'hold', why: load };
  // With fewer members, what is in use now would make the pool grow again.
  const needed = busyShare === 0 ? 0 : Math.floor((busyShare * size) / up.busyShare + ROUNDING) + 1;
  const to = Math.max(min, size - down.step, needed);
  if (to >= size) return { action: 'hold', why: `${load}, no member to spare` };
  if (isWithin(upAt, down.cooldownMs, now) || isWithin(downAt, down.cooldownMs, now)) {
    return { action: 'hold', why: `${load}, cooling down` };
  }
  return { action: 'scale', to, why: strain === undefined ? load : `${load}, and ${strain}` };
}

/** Rounding error of a division of shares: 0.3 of 8 members is 0.8 of exactly 3. */
const ROUNDING = 1e-9;

function isPressed({ size, waiting, busyShare }: ScalingMetrics, { up }: ScalingPolicy): boolean {
  if (size === 0) return waiting > 0;
  return busyShare >= up.busyShare || waiting >= up.waitingPerMember * size;
}

function strainOf(metrics: MachineStrain, ceilings: ScalingPolicy['ceilings']): string | undefined {
  const { memoryPressure = 0, memoryUsed = 0, cpuPressure = 0, loadPerCpu = 0 } = metrics;
  if (memoryPressure > ceilings.memoryPressure)
    return `memory is short (pressure ${percent(memoryPressure)})`;
  if (memoryUsed > ceilings.memoryUsed) return `memory is short (${percent(memoryUsed)} in use)`;
  if (cpuPressure > ceilings.cpuPressure) return `processors are short (pressure ${percent(cpuPressure)})`;
  if (loadPerCpu > ceilings.loadPerCpu) return `processors are short (load ${loadPerCpu.toFixed(1)} each)`;
  return undefined;
}

function isWithin(since: number | undefined, periodMs: number, now: number): boolean {
  return since !== undefined && now - since < periodMs;
}

function loadOf({ waiting, busyShare }: ScalingMetrics): string {
  return `${percent(busyShare)} busy, ${waiting} waiting`;
}

function percent(part: number): string {
  return `${Math.round(part * 100)} %`;
}

/**
 * What a system may be given: the options of `createAgentSystem`, their defaults, and the check of what came.
 */
import { type Logger } from 'pino';
import { z } from 'zod';
import { type BudgetSpec, type BudgetSpecInput, budgetSpecs, type Isolation } from '../../machines/index.ts';
import type { SecretProvider } from '../agent/agent-secrets.ts';
import { type AgentCode, agentCodeList } from '../definition/module-binding.ts';
import type { Inspect } from '../engine/chart-watch.ts';
import type { Host } from '../hosting/host.ts';
import { type Store, storeShape } from '../journal/store.ts';
import { type TelemetryOptions, telemetryOptions } from '../observability/telemetry.ts';
import type { Clock } from '../time/clock.ts';
import { having, parseInput } from '../values/malformed.ts';

/** What `createAgentSystem` is given; every option has a default. */
export interface AgentSystemOptions {
  /** Where events and states are kept; default `memoryStore()`. */
  readonly store?: Store | undefined;
  /** A pino logger; default one that writes warnings and errors to stderr. */
  readonly logger?: Logger | undefined;
  /**
   * The clock of all waits; default the machine's. A test gives `simulatedClock()`. Its functions may not throw: nothing
   * takes their place.
   */
  readonly clock?: Clock | undefined;
  /** Numbers in [0, 1); default `Math.random`, which also takes the place of one that throws or gives anything else. */
  readonly random?: (() => number) | undefined;
  /**
   * The inspector's `observe`; or what XState takes as `inspect`, a function or an observer with `next`, which is given
   * XState's inspection events: all charts are then driven by XState's interpreter. What it throws, or a promise of it
   * that is rejected, is logged and does no harm.
   */
  readonly inspect?: Inspect | undefined;
  /**
   * OpenTelemetry's tracer and meter; default the global ones, which do nothing until an SDK is there. What they throw
   * is logged once, and changes nothing.
   */
  readonly telemetry?: TelemetryOptions | undefined;
  /** How much may run, wait and be kept at once. */
  readonly limits?: SystemLimits | undefined;
  /**
   * Budgets, each as `budgets.define` takes it. They are defined before the tasks of an earlier program go on, so these
   * never spend without them.
   */
  readonly budgets?: readonly BudgetSpecInput[] | undefined;
  /**
   * Where the code of the store's agents is, by type: a definition of this program, or `{ type, module: URL }`. An
   * agent runs what is given here, wherever its module was when it was registered.
   */
  readonly agents?: readonly AgentCode[] | undefined;
  /**
   * Gives the secrets of `initArgs` that agents were registered with (`secrets` of their spec) and that this program
   * has not given otherwise: called at each start of an agent. If it throws, the start fails; it has `startTimeoutMs` to
   * answer.
   */
  readonly secrets?: SecretProvider | undefined;
  /** Hosts in place of the system's own, by isolation. */
  readonly hosts?: Partial<Record<Isolation, Host>> | undefined;
}

/** How much may run, wait and be kept at once. */
export interface SystemLimits {
  /** Agents with a body at once; default no limit. */
  readonly maxAgents?: number | undefined;
  /** Sum of what running agents reserve by `resources.maxMemoryBytes`; default no limit. */
  readonly maxMemoryBytes?: number | undefined;
  /** Restarts under way at once, default 32; of each type, and of each pool, at least one may be. */
  readonly maxConcurrentRestarts?: number | undefined;
  /** Consensus rounds that may be open at once; default 100. */
  readonly maxOpenRounds?: number | undefined;
  /** Records that are kept of tasks that have ended, and of submitted ones that failed as many besides; default 1,000. */
  readonly maxEndedTasks?: number | undefined;
  /** About how many bytes of inputs, outputs and errors these records may hold, and those of failed ones besides; default 64 MiB. */
  readonly maxEndedTaskBytes?: number | undefined;
}

const isFunction = z.custom((value) => typeof value === 'function', { error: 'expected a function' });
const host = having('refusal', 'describe', 'open', 'close').optional();
/** A whole number; `Infinity` means no limit. */
const limitNumber = z.custom<number>(
  (value) => value === Infinity || (Number.isSafeInteger(value) && (value as number) >= 0),
  { error: 'expected a whole number, 0 or more, or Infinity' },
);
const optionsSchema = z.strictObject({
  store: storeShape.optional(),
  logger: having('child', 'isLevelEnabled', 'debug', 'info', 'warn', 'error').optional(),
  clock: having('now', 'setTimeout', 'clearTimeout').optional(),
  random: isFunction.optional(),
  inspect: z
    .union([isFunction, having('next')], { error: 'expected a function, or an observer with next' })
    .optional(),
  telemetry: telemetryOptions,
  limits: z
    .strictObject({
      maxAgents: limitNumber.default(Infinity),
      maxMemoryBytes: limitNumber.default(Infinity),
      maxConcurrentRestarts: z.int().min(1).default(32),
      maxEndedTasks: z.int().min(0).default(1_000),
      maxEndedTaskBytes: limitNumber.default(64 * 1024 ** 2),
      maxOpenRounds: z.int().min(1).max(1_000).default(100),
    })
    .prefault({}),
  budgets: budgetSpecs.default([]),
  agents: agentCodeList,
  secrets: isFunction.optional(),
  hosts: z.strictObject({ 'in-process': host, thread: host, process: host }).optional(),
});

/** Its limits, each known by now. */
export type KnownLimits = { readonly [Limit in keyof SystemLimits]-?: number };

/** What is read of the options before a system is made: with its defaults. */
export interface SystemSettings {
  readonly limits: KnownLimits;
  readonly budgets: readonly BudgetSpec[];
}

/** @throws AgentSystemError `AGENT_SPEC_INVALID` for invalid options */
export function settingsOf(options: AgentSystemOptions): SystemSettings {
  const { limits, budgets } = parseInput(optionsSchema, options, { what: 'createAgentSystem' });
  return { limits, budgets };
}

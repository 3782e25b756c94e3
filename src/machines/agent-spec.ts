/**
 * What an agent is asked to be: the schema of a spec, with every default in one place. Its fields as callers write them,
 * with what each is for, are in agent-spec-input.ts.
 *
 * Unknown keys are refused by name. Defaults are readable back from what `parse` returns.
 */
import { z } from 'zod';
import { durationMs, positiveDurationMs } from './duration.ts';
import type { LifePolicy } from './agent-life.ts';
import { parentRule } from './parent-rule.ts';
import { restartPolicy } from './restart-policy.ts';

export const isolation = z.enum(['in-process', 'thread', 'process']);
/** Where an agent's code runs: in the program, in a thread of it, or in a process of its own. */
export type Isolation = z.infer<typeof isolation>;

const bytes = z.int().positive();
const path = z.string().min(1);

const sandbox = z.strictObject({
  fs: z.strictObject({ read: z.array(path).default([]), write: z.array(path).default([]) }).prefault({}),
  childProcess: z.boolean().default(false),
  worker: z.boolean().default(false),
  addons: z.boolean().default(false),
  wasi: z.boolean().default(false),
  net: z.literal(false).optional(),
});

/** A name that an environment can hold. */
const variableName = z.string().regex(/^[^=\0]+$/, { error: 'expected the name of a variable' });

const resources = z.strictObject({
  maxMemoryBytes: bytes.optional(),
  cpuPriority: z.enum(['low', 'normal', 'high']).default('normal'),
  maxRuntimeMs: positiveDurationMs.default(Infinity),
  sandbox: sandbox.optional(),
  env: z
    .union([z.enum(['all', 'none']), z.array(variableName)], {
      error: 'expected "all", "none" or a list of names of variables',
    })
    .optional(),
  group: z.string().min(1).optional(),
});

const coordination = z.strictObject({
  participatesInConsensus: z.boolean().default(true),
  leadershipEligible: z.boolean().default(false),
  communicationPattern: z.enum(['async', 'sync']).default('async'),
  voteWeight: z.number().min(0.001).max(1_000_000).default(1),
});

export const healthPolicy = z.strictObject({
  intervalMs: positiveDurationMs.default(30_000),
  timeoutMs: positiveDurationMs.default(5_000),
  failuresBeforeKill: z.int().min(1).default(3),
});
export type HealthPolicy = z.infer<typeof healthPolicy>;

const taskPolicy = z.strictObject({
  concurrency: z.int().min(1).default(1),
  queueLimit: z.int().min(0).default(1_000),
});

/** Keys joined by dots, as `headers.authorization`. */
const secretPath = z.string().regex(/^[^.]+(\.[^.]+)*$/, { error: 'expected keys joined by dots' });

/** A spec but for `module` and `initArgs`, which only the runtime can judge. */
export const agentSpec = z.strictObject({
  id: z.string().min(1).optional(),
  module: z.custom<object>((value) => typeof value === 'object' && value !== null, {
    error: ({ input }) =>
      typeof input === 'string'
        ? 'expected a defineAgent value or a URL, as in new URL("./agent.ts", import.meta.url)'
        : 'expected a defineAgent value or a URL',
  }),
  initArgs: z.unknown().default({}),
  secrets: z.array(secretPath).optional(),
  isolation: isolation.optional(),
  resources: resources.prefault({}),
  coordination: coordination.prefault({}),
  restart: restartPolicy.prefault({}),
  shutdownMs: durationMs.default(5_000),
  startTimeoutMs: positiveDurationMs.default(30_000),
  health: healthPolicy.prefault({}),
  tasks: taskPolicy.prefault({}),
  quota: z.string().min(1).max(256).optional(),
  pool: z.string().min(1).optional(),
  parent: z.strictObject({ id: z.string().min(1), rule: parentRule }).optional(),
});

export type ParsedAgentSpec = z.output<typeof agentSpec>;

/** What the chart of an agent with this spec lives by. Pure. */
export function lifePolicyOf(spec: Omit<ParsedAgentSpec, 'module'>): LifePolicy {
  return {
    restart: spec.restart,
    startTimeoutMs: spec.startTimeoutMs,
    shutdownMs: spec.shutdownMs,
    maxRuntimeMs: spec.resources.maxRuntimeMs,
    failuresBeforeKill: spec.health.failuresBeforeKill,
  };
}

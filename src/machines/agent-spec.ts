/**
 * What an agent is asked to be: the schema of a spec, with every default in one place.
 *
 * Unknown keys are refused by name. Defaults are readable back from what `parse` returns.
 * Source: seed, phase 1 "Agent Specification".
 */
import { z } from 'zod';
import { durationMs, positiveDurationMs } from './duration.ts';
import { restartPolicy } from './restart-policy.ts';

export const isolation = z.enum(['in-process', 'thread', 'process']);
export type Isolation = z.infer<typeof isolation>;

const bytes = z.int().positive();

export const resources = z.strictObject({
  maxMemoryBytes: bytes.optional(),
  cpuPriority: z.enum(['low', 'normal', 'high']).default('normal'),
  maxRuntimeMs: positiveDurationMs.default(Infinity),
});

export const coordination = z.strictObject({
  participatesInConsensus: z.boolean().default(true),
  leadershipEligible: z.boolean().default(false),
  communicationPattern: z.enum(['async', 'sync']).default('async'),
  voteWeight: z.number().positive().default(1),
});

export const healthPolicy = z.strictObject({
  intervalMs: positiveDurationMs.default(30_000),
  timeoutMs: positiveDurationMs.default(5_000),
  failuresBeforeKill: z.int().min(1).default(3),
});
export type HealthPolicy = z.infer<typeof healthPolicy>;

export const taskPolicy = z.strictObject({
  concurrency: z.int().min(1).default(1),
  queueLimit: z.int().min(0).default(1_000),
});

/** A spec but for `module` and `initArgs`, which only the runtime can judge. */
export const agentSpec = z.strictObject({
  id: z.string().min(1).optional(),
  module: z.custom<object>((value) => typeof value === 'object' && value !== null, {
    error: 'expected a defineAgent value or a URL',
  }),
  initArgs: z.unknown().optional(),
  isolation: isolation.optional(),
  resources: resources.prefault({}),
  coordination: coordination.prefault({}),
  restart: restartPolicy.prefault({}),
  shutdownMs: durationMs.default(5_000),
  startTimeoutMs: positiveDurationMs.default(30_000),
  health: healthPolicy.prefault({}),
  tasks: taskPolicy.prefault({}),
});

export type AgentSpecInput = z.input<typeof agentSpec>;
export type ParsedAgentSpec = z.output<typeof agentSpec>;

/** The part of a spec that decides an agent's life; shared by all agents of one spec. */
export interface LifePolicy {
  readonly restart: ParsedAgentSpec['restart'];
  readonly startTimeoutMs: number;
  readonly shutdownMs: number;
  readonly maxRuntimeMs: number;
  readonly failuresBeforeKill: number;
}

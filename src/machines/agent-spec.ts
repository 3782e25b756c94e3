/**
 * What an agent is asked to be: the schema of a spec, with every default in one place.
 *
 * Unknown keys are refused by name. Defaults are readable back from what `parse` returns.
 */
import { z } from 'zod';
import { durationMs, positiveDurationMs } from './duration.ts';
import type { LifePolicy } from './agent-life.ts';
import { parentRule } from './parent-rule.ts';
import { restartPolicy } from './restart-policy.ts';

export const isolation = z.enum(['in-process', 'thread', 'process']);
export type Isolation = z.infer<typeof isolation>;

const bytes = z.int().positive();
const path = z.string().min(1);

/**
 * What the code of an agent in a process of its own may do, by Node's permission model: nothing but what is
 * named. Code can always be loaded from the agent's own folder, from `node_modules` above it, from what packages
 * there are linked to, and from here.
 *
 * A seat belt for code that errs, never a wall against code that attacks. It does not stop: the network (before
 * the Node versions that know `--allow-net`), `node:sqlite` from opening any file, signals to other processes,
 * reading the environment, file descriptors that are open already, or what a permitted worker, child process,
 * addon or WASI module does. Symbolic links are followed out of a permitted folder.
 */
const sandbox = z.strictObject({
  /** Paths, files or folders, that may be read and written; all else is refused with `ERR_ACCESS_DENIED`. */
  fs: z.strictObject({ read: z.array(path).default([]), write: z.array(path).default([]) }).prefault({}),
  childProcess: z.boolean().default(false),
  worker: z.boolean().default(false),
  addons: z.boolean().default(false),
  wasi: z.boolean().default(false),
  /** `false` refuses the network, where Node can; without it the network is open. */
  net: z.literal(false).optional(),
});

/** A name that an environment can hold. */
const variableName = z.string().regex(/^[^=\0]+$/, { error: 'expected the name of a variable' });

const resources = z.strictObject({
  maxMemoryBytes: bytes.optional(),
  cpuPriority: z.enum(['low', 'normal', 'high']).default('normal'),
  maxRuntimeMs: positiveDurationMs.default(Infinity),
  sandbox: sandbox.optional(),
  /**
   * Which variables of the program's environment a process gets: `all`, as it is when left out, `none`, not even
   * `PATH` and `NODE_OPTIONS`, or those that are named.
   */
  env: z
    .union([z.enum(['all', 'none']), z.array(variableName)], {
      error: 'expected "all", "none" or a list of names of variables',
    })
    .optional(),
  /**
   * Agents of one group share one child process, and its end. The limits above are those of the whole group, so
   * its members have to agree on them; `maxRuntimeMs` is each member's own.
   */
  group: z.string().min(1).optional(),
});

const coordination = z.strictObject({
  participatesInConsensus: z.boolean().default(true),
  leadershipEligible: z.boolean().default(false),
  communicationPattern: z.enum(['async', 'sync']).default('async'),
  /** Counted to the thousandth. */
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
  /**
   * Paths within `initArgs` to what is not to be told or kept: in no event, record, log, message or store. A later
   * program has to be given these anew: by `agents.ensure`, or by `createAgentSystem({ secrets })`.
   */
  secrets: z.array(secretPath).optional(),
  isolation: isolation.optional(),
  resources: resources.prefault({}),
  coordination: coordination.prefault({}),
  restart: restartPolicy.prefault({}),
  shutdownMs: durationMs.default(5_000),
  startTimeoutMs: positiveDurationMs.default(30_000),
  health: healthPolicy.prefault({}),
  tasks: taskPolicy.prefault({}),
  /** Name of a limit that agents share, as of a provider: they park together. */
  quota: z.string().min(1).max(256).optional(),
  /** The pool that it is a member of: pools give it to their members, and find them by it again. */
  pool: z.string().min(1).optional(),
  /** The agent that has spawned it, and what becomes of it once that has ended: `context.agents.spawn` gives it. */
  parent: z.strictObject({ id: z.string().min(1), rule: parentRule }).optional(),
});

export type AgentSpecInput = z.input<typeof agentSpec>;
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

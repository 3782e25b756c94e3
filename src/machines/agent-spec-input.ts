/**
 * A spec as callers write it: what each field is for, its unit and its default. agent-spec.ts has the schema that reads
 * it; a type test holds that both have the same fields.
 *
 * Times are milliseconds, sizes bytes. `Infinity` is allowed wherever a time is.
 */
import type { Isolation } from './agent-spec.ts';
import type { ParentRule } from './parent-rule.ts';
import type { RestartPolicyInput } from './restart-policy.ts';

/** What an agent may use, and where it runs with others. */
export interface ResourcesInput {
  /** Limit of its memory, bytes: its heap, its Buffers and wasm. Refused for an in-process agent; soft in a thread. */
  readonly maxMemoryBytes?: number | undefined;
  /** The priority of its process or thread, as a weight: default `normal`. */
  readonly cpuPriority?: 'low' | 'normal' | 'high' | undefined;
  /** Longest life, ms: then it is stopped in order, with the reason `max_runtime`. Default `Infinity`. */
  readonly maxRuntimeMs?: number | undefined;
  /** Starts its process under Node's permission model: nothing is allowed but what is named. Default none. */
  readonly sandbox?: SandboxInput | undefined;
  /**
   * The variables of the program's environment that its process gets: `all` (the default), a list of names, or `none`,
   * which leaves out `PATH` and `NODE_OPTIONS` too.
   */
  readonly env?: 'all' | 'none' | readonly string[] | undefined;
  /**
   * Agents of one group share one child process, and its end. The limits above are those of the whole group, so its
   * members have to agree on them; `maxRuntimeMs` is each member's own.
   */
  readonly group?: string | undefined;
}

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
export interface SandboxInput {
  /** Paths, files or folders, that may be read and written; all else is refused with `ERR_ACCESS_DENIED`. */
  readonly fs?: SandboxPaths | undefined;
  /** Whether it may start processes; default `false`. */
  readonly childProcess?: boolean | undefined;
  /** Whether it may start threads; default `false`. */
  readonly worker?: boolean | undefined;
  /** Whether it may load native addons; default `false`. */
  readonly addons?: boolean | undefined;
  /** Whether it may run WASI modules; default `false`. */
  readonly wasi?: boolean | undefined;
  /** `false` refuses the network, where Node can; without it the network is open. */
  readonly net?: false | undefined;
}

/** Files and folders that a sandboxed agent may use. */
export interface SandboxPaths {
  /** May be read; default none. */
  readonly read?: readonly string[] | undefined;
  /** May be written; default none. */
  readonly write?: readonly string[] | undefined;
}

/** An agent's part in variables, rounds and the election of a leader. */
export interface CoordinationInput {
  /** Whether it votes in rounds over variables of its definition; default `true`. */
  readonly participatesInConsensus?: boolean | undefined;
  /** Whether it may be elected leader; default `false`. */
  readonly leadershipEligible?: boolean | undefined;
  /** `sync`: a change of a variable waits for its acknowledgement. `async` (the default): it is told, and not waited for. */
  readonly communicationPattern?: 'async' | 'sync' | undefined;
  /** What its vote counts under the rule `weighted`, 0.001 to 1,000,000, to the thousandth; default 1. */
  readonly voteWeight?: number | undefined;
}

/** How an agent is checked for being alive. A check does not wait behind tasks. */
export interface HealthPolicyInput {
  /** Time between two checks, ms; default 30,000. */
  readonly intervalMs?: number | undefined;
  /** Time to answer a check, ms; default 5,000. */
  readonly timeoutMs?: number | undefined;
  /** Checks missed in a row after which it is killed, which is a crash; default 3. */
  readonly failuresBeforeKill?: number | undefined;
}

/** How many tasks an agent takes. */
export interface TaskPolicyInput {
  /** Tasks that it works on at once; default 1. */
  readonly concurrency?: number | undefined;
  /** Tasks that may wait in its queue; one more is refused with `TASK_QUEUE_FULL`. Default 1,000. */
  readonly queueLimit?: number | undefined;
}

/** A spec as it is written; every field but `module` has a default. */
export interface AgentSpecInput {
  /** Its name, by which it is found again; default one made of its type and a number. */
  readonly id?: string | undefined;
  /** A `defineAgent` value, or the URL of a module whose default export is one. */
  readonly module: object;
  /** What its definition is given at each start: data, checked by its `initArgs` schema. Default `{}`. */
  readonly initArgs?: unknown;
  /**
   * Paths within `initArgs`, keys joined by dots, to values that nobody else may see: they are in no event, record,
   * log, message or store. A later program gives them anew: by `agents.ensure`, or by `createAgentSystem({ secrets })`.
   */
  readonly secrets?: readonly string[] | undefined;
  /** Where its code runs; default `process` for the URL of a module, else `in-process`. */
  readonly isolation?: Isolation | undefined;
  /** Limits of memory, processor and time; its environment, group and sandbox. A limit that its host cannot keep is refused. */
  readonly resources?: ResourcesInput | undefined;
  /** Its part in variables, rounds and the election of a leader. */
  readonly coordination?: CoordinationInput | undefined;
  /** What happens after a crash. An orderly end is never followed by a restart. */
  readonly restart?: RestartPolicyInput | undefined;
  /** One deadline over a whole stop (drain, save, end), ms: then it is killed. 0 kills at once. Default 5,000. */
  readonly shutdownMs?: number | undefined;
  /** Time for `connect` and `init`, ms, and for its module to load when it is registered. Default 30,000. */
  readonly startTimeoutMs?: number | undefined;
  /** How it is checked for being alive. */
  readonly health?: HealthPolicyInput | undefined;
  /** How many tasks it works on at once, and how many may wait. */
  readonly tasks?: TaskPolicyInput | undefined;
  /** Name of a limit that agents share, as of a provider: they park together. Default its definition's, or none. */
  readonly quota?: string | undefined;
  /** The pool that it is a member of: pools give it to their members, and find them by it again. */
  readonly pool?: string | undefined;
  /** The agent that has spawned it, and what becomes of it once that has ended: `context.agents.spawn` gives it. */
  readonly parent?: { readonly id: string; readonly rule: ParentRule } | undefined;
}

/**
 * A whole fleet as one value: its agents, its store and its work. `mabeam run` takes one from a module; a test starts
 * the same one with another store or clock.
 *
 * Owns no running thing: each `start` makes a system of its own.
 */
import type { BudgetSpecInput } from '../machines/index.ts';
import type { NamedVariable, VariableDefinition } from '../runtime/coordination/variables/variable.ts';
import type { AgentCode } from '../runtime/definition/module-binding.ts';
import type { AgentSpec } from '../runtime/fleet/spec-reading.ts';
import type { Store } from '../runtime/journal/store.ts';
import type { PoolSpec } from '../runtime/pools/pools.ts';
import type { AgentSystem } from '../runtime/system/agent-system.ts';
import type { AgentSystemOptions, SystemLimits } from '../runtime/system/system-options.ts';
import type { AgentSystemError } from '../runtime/values/errors.ts';

/** An agent of a fleet: its spec with an id, by which a later program finds it again. */
export type FleetAgentSpec<Args = unknown> = AgentSpec<Args> & { readonly id: string };

/** A pool of a fleet, as `pools.create` takes it. */
export type FleetPoolSpec<Args = unknown> = PoolSpec<Args>;

/**
 * A fleet as a file: its agents, pools and variables, its store, and its work.
 *
 * @typeParam Args what the agents are initialised with, in the order of `specs`
 * @typeParam PoolArgs what members are initialised with, in the order of `pools`
 */
export interface FleetOptions<
  Args extends readonly unknown[] = readonly unknown[],
  PoolArgs extends readonly unknown[] = readonly unknown[],
> {
  /** The name that people see; default `fleet`. */
  readonly name?: string | undefined;
  /** Gives the store when the fleet starts; default in memory. */
  readonly store?: (() => Store) | undefined;
  // `[]` is a type of its own below: of `flag ? [one] : []` TypeScript would take the shorter one for all.
  /** The agents: registered where the store does not know them, changed where it knows them otherwise, and started. */
  readonly specs?: { readonly [Index in keyof Args]: FleetAgentSpec<Args[Index]> } | [] | undefined;
  /** Pools, created once the agents run. */
  readonly pools?: { readonly [Index in keyof PoolArgs]: FleetPoolSpec<PoolArgs[Index]> } | [] | undefined;
  /** Variables, by name, or what `defineVariable` gives: defined before any agent of the fleet starts, or goes on. */
  readonly variables?: Readonly<Record<string, VariableDefinition>> | readonly NamedVariable[] | undefined;
  /**
   * Where the code of agents is that the store knows, by type: definitions, or `{ type, module: URL }`. Definitions of
   * `specs` and `pools` are known; a module given here goes before them.
   */
  readonly agents?: readonly AgentCode[] | undefined;
  /** Limits of its system: agents at once, memory, restarts. */
  readonly limits?: SystemLimits | undefined;
  /** Budgets, each as `budgets.define` takes it: defined before any task of the fleet begins, or goes on. */
  readonly budgets?: readonly BudgetSpecInput[] | undefined;
  /** One deadline for ending all of it, in ms; default the longest `shutdownMs` of its agents. */
  readonly shutdownMs?: number | undefined;
  /**
   * The fleet's work, begun once it has started. When it resolves or rejects, the fleet ends. `signal` tells it to stop.
   * Without `run` the fleet serves until it is ended.
   */
  readonly run?: ((context: FleetRun) => unknown) | undefined;
}

export interface FleetRun {
  readonly system: AgentSystem;
  readonly signal: AbortSignal;
}

export interface Fleet {
  readonly name: string;
  /** Every definition it knows: those it was given, and those of its agents and pools. */
  readonly definitions: readonly AgentCode[];
  readonly specs: readonly FleetAgentSpec[];
  readonly pools: readonly FleetPoolSpec[];
  readonly variables: Readonly<Record<string, VariableDefinition>>;
  readonly limits: SystemLimits | undefined;
  readonly budgets: readonly BudgetSpecInput[];
  readonly shutdownMs: number | undefined;
  readonly store: (() => Store) | undefined;
  readonly run: FleetOptions['run'];
  /**
   * A system with all of it: budgets and variables defined, agents registered and started, pools created. Agents that completed
   * or gave up in an earlier program stay as they are.
   *
   * @throws AgentSystemError as what could not be done; then nothing is left of it
   */
  start(options?: FleetStartOptions): Promise<AgentSystem>;
}

/** A part that could not be started, and why. */
export interface FleetFault {
  readonly agentId?: string;
  readonly pool?: string;
  readonly error: AgentSystemError;
}

/** Options as of `createAgentSystem`; they override those of the fleet. */
export interface FleetStartOptions extends Omit<AgentSystemOptions, 'agents'> {
  /** Called for each part that could not be started; the fleet starts without it. Default: the start fails. */
  readonly onFault?: ((fault: FleetFault) => void) | undefined;
  /** Given the system before an agent or a pool is brought up: to listen, or to show it while it starts. */
  readonly onSystem?: ((system: AgentSystem) => unknown) | undefined;
  /** Ends the start, and what it has begun; then it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

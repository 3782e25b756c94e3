/**
 * A whole fleet as one value: its agents, its store and its work. `mabeam run` takes one from a module; a test starts
 * the same one with another store or clock.
 *
 * Owns no running thing: each `start` makes a system of its own.
 */
import { z } from 'zod';
import { durationMs } from '../machines/index.ts';
import type { NamedVariable, VariableDefinition } from '../runtime/coordination/variables/variable.ts';
import { isAgentDefinition } from '../runtime/definition/define-agent.ts';
import { type AgentCode, agentCodeList } from '../runtime/definition/module-binding.ts';
import type { AgentSpec, DemandedArgs } from '../runtime/fleet/spec-reading.ts';
import type { Store } from '../runtime/journal/store.ts';
import type { PoolSpec } from '../runtime/pools/pools.ts';
import type { AgentSystem } from '../runtime/system/agent-system.ts';
import type { SystemLimits } from '../runtime/system/system-options.ts';
import { inWords } from '../runtime/values/errors.ts';
import { parseInput } from '../runtime/values/malformed.ts';
import { type FleetStartOptions, startFleet } from './start-fleet.ts';

/** An agent of a fleet: its spec with an id, by which a later program finds it again. */
export type FleetAgentSpec<Args = unknown> = Fitting<AgentSpec<Args>, Args> &
  DemandedArgs<Args> & { readonly id: string };

/** A pool of a fleet, as `pools.create` takes it. */
export type FleetPoolSpec<Args = unknown> = Omit<PoolSpec<Args>, 'spec'> & {
  readonly spec: Fitting<PoolSpec<Args>['spec'], Args> & DemandedArgs<Args>;
};

/** The type of `initArgs` comes from the module. */
type Fitting<Spec, Args> = Omit<Spec, 'initArgs'> & { readonly initArgs?: NoInfer<Args> };

/**
 * @typeParam Args what the agents are initialised with, in the order of `specs`
 * @typeParam PoolArgs what members are initialised with, in the order of `pools`
 */
export interface FleetOptions<
  Args extends readonly unknown[] = readonly unknown[],
  PoolArgs extends readonly unknown[] = readonly unknown[],
> {
  /** The name that people see; default `fleet`. */
  readonly name?: string;
  /** Gives the store when the fleet starts; default in memory. */
  readonly store?: () => Store;
  /** The agents: registered where the store does not know them, changed where it knows them otherwise, and started. */
  readonly specs?: { readonly [Index in keyof Args]: FleetAgentSpec<Args[Index]> };
  /** Pools, created once the agents run. */
  readonly pools?: { readonly [Index in keyof PoolArgs]: FleetPoolSpec<PoolArgs[Index]> };
  /** Variables, defined before any agent starts: by name, or what `defineVariable` gives. */
  readonly variables?: Readonly<Record<string, VariableDefinition>> | readonly NamedVariable[];
  /**
   * Where the code of agents is that the store knows, by type: definitions, or `{ type, module: URL }`. Definitions of
   * `specs` and `pools` are known; a module given here goes before them.
   */
  readonly agents?: readonly AgentCode[];
  readonly limits?: SystemLimits;
  /** One deadline for ending all of it, in ms; default the longest `shutdownMs` of its agents. */
  readonly shutdownMs?: number;
  /**
   * The fleet's work, begun once it has started. When it resolves or rejects, the fleet ends. `signal` tells it to stop.
   * Without `run` the fleet serves until it is ended.
   */
  readonly run?: (context: FleetRun) => unknown;
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
  readonly shutdownMs: number | undefined;
  readonly store: (() => Store) | undefined;
  readonly run: FleetOptions['run'];
  /**
   * A system with all of it: variables defined, agents registered and started, pools created. Agents that completed
   * or gave up in an earlier program stay as they are.
   *
   * @throws AgentSystemError as what could not be done; then nothing is left of it
   */
  start(options?: FleetStartOptions): Promise<AgentSystem>;
}

const MARK = Symbol.for('mabeam.fleet');

const isFunction = <Type>() =>
  z.custom<Type>((value) => typeof value === 'function', { error: 'expected a function' });
const objectWith = <Type>(expected: string, ...texts: readonly string[]) =>
  z.custom<Type>(
    (value) =>
      typeof value === 'object' &&
      value !== null &&
      texts.every((key) => typeof (value as Record<string, unknown>)[key] === 'string'),
    { error: `expected ${expected}` },
  );
const fleetSchema = z.strictObject({
  name: z.string().min(1).max(200).default('fleet'),
  store: isFunction<() => Store>().optional(),
  specs: z
    .array(objectWith<FleetAgentSpec>('a spec with an id', 'id'))
    .default([])
    .superRefine((specs, issues) =>
      noneTwice(
        specs.map(({ id }) => id),
        'agents',
        issues,
      ),
    ),
  pools: z
    .array(objectWith<FleetPoolSpec>('what pools.create takes', 'name'))
    .default([])
    .superRefine((pools, issues) =>
      noneTwice(
        pools.map(({ name }) => name),
        'pools',
        issues,
      ),
    ),
  variables: z.preprocess(byName, z.record(z.string().min(1), z.custom<VariableDefinition>()).default({})),
  agents: agentCodeList,
  limits: objectWith<SystemLimits>('an object').optional(),
  shutdownMs: durationMs.optional(),
  run: isFunction<NonNullable<FleetOptions['run']>>().optional(),
});

/**
 * @throws AgentSystemError `AGENT_SPEC_INVALID` naming the field that was not as expected; what is inside a spec is
 * judged when the fleet starts
 */
export function defineFleet<Args extends readonly unknown[], PoolArgs extends readonly unknown[]>(
  options: FleetOptions<Args, PoolArgs>,
): Fleet {
  const { agents, ...parsed } = parseInput(fleetSchema, options, { what: 'defineFleet' });
  const modules: readonly unknown[] = [
    ...parsed.specs.map(({ module }) => module),
    ...parsed.pools.map(({ spec }) => (spec as { readonly module?: unknown } | undefined)?.module),
  ];
  const bound = new Set(agents.flatMap((code) => (isAgentDefinition(code) ? [] : [code.type])));
  const known = modules.filter(isAgentDefinition).filter(({ type }) => !bound.has(type));
  const definitions = [...new Set([...agents, ...known])];
  parseInput(z.object({ agents: agentCodeList }), { agents: definitions }, { what: 'defineFleet' });
  const fleet: Fleet = Object.freeze({
    ...parsed,
    store: parsed.store,
    limits: parsed.limits,
    shutdownMs: parsed.shutdownMs,
    run: parsed.run,
    definitions: Object.freeze(definitions),
    start: (how: FleetStartOptions = {}) => startFleet(fleet, how),
    [MARK]: true,
  });
  return fleet;
}

/** Whether a value came from `defineFleet`, of whatever copy of this package. */
export function isFleet(value: unknown): value is Fleet {
  return typeof value === 'object' && value !== null && MARK in value;
}

/** Variables that are given as a list, by their names. */
function byName(given: unknown, issues: z.RefinementCtx): unknown {
  if (!Array.isArray(given)) return given;
  const variables = z.array(objectWith<NamedVariable>('what defineVariable gives', 'name')).safeParse(given);
  if (!variables.success) {
    for (const { path, message } of variables.error.issues)
      issues.addIssue({ code: 'custom', path, message });
    return {};
  }
  noneTwice(
    variables.data.map(({ name }) => name),
    'variables',
    issues,
  );
  return Object.fromEntries(variables.data.map((variable) => [variable.name, variable]));
}

function noneTwice(names: readonly string[], what: string, issues: z.RefinementCtx): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) issues.addIssue(`two ${what} called ${inWords(name)}`);
    seen.add(name);
  }
}

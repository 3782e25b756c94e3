/** Makes a fleet from its options, which are checked. */
import { z } from 'zod';
import { budgetSpecs, durationMs } from '../machines/index.ts';
import type { NamedVariable, VariableDefinition } from '../runtime/coordination/variables/variable.ts';
import { isAgentDefinition } from '../runtime/definition/define-agent.ts';
import { agentCodeList } from '../runtime/definition/module-binding.ts';
import type { Store } from '../runtime/journal/store.ts';
import type { SystemLimits } from '../runtime/system/system-options.ts';
import { inWords } from '../runtime/values/errors.ts';
import { parseInput } from '../runtime/values/malformed.ts';
import type { Fleet, FleetAgentSpec, FleetOptions, FleetPoolSpec, FleetStartOptions } from './fleet.ts';
import { startFleet } from './start-fleet.ts';

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
  budgets: budgetSpecs.default([]),
  shutdownMs: durationMs.optional(),
  run: isFunction<NonNullable<FleetOptions['run']>>().optional(),
});

/**
 * Makes a fleet of its options. It runs by `mabeam run`, or by `fleet.start()`.
 *
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

/**
 * Reads what callers hand in as the spec of an agent.
 *
 * I1  A spec of defaults is read by hand, and shares their frozen parts; any other is the schema's to judge. Both come
 *     to the same.
 */
import type { z } from 'zod';
import {
  agentSpec,
  type Isolation,
  type LifePolicy,
  lifePolicyOf,
  type ParsedAgentSpec,
} from '../../machines/index.ts';
import type { KeptSpec } from '../agent/agent-services.ts';
import { type AgentDefinition, isAgentDefinition, type TaskTypes } from '../definition/define-agent.ts';
import { dataCopy, frozenData } from '../values/data-copy.ts';
import { AgentSystemError, inWords } from '../values/errors.ts';
import { parseInput } from '../values/malformed.ts';

/** What is asked for when an agent is registered; all but `module` has a default. */
export type AgentSpec<Args = unknown, Tasks extends TaskTypes = TaskTypes> = Omit<
  z.input<typeof agentSpec>,
  'module' | 'initArgs' | 'pool' | 'parent'
> & {
  /** A `defineAgent` value, or the URL of a module whose default export is one. */
  readonly module: AgentDefinition<Args, Tasks> | URL;
  readonly initArgs?: NoInfer<Args>;
};

/** `initArgs` have to be given where `{}`, their default, is not what the module expects. */
export type DemandedArgs<Args> =
  Record<string, never> extends Args ? unknown : { readonly initArgs: NoInfer<Args> };

const { module: _, ...defaults } = frozenData(agentSpec.parse({ module: {} }));
const defaultPolicy: LifePolicy = Object.freeze(lifePolicyOf(defaults));

/** A spec with its defaults. @throws AgentSystemError `AGENT_SPEC_INVALID` naming the field */
export function readSpec(spec: unknown): ParsedAgentSpec {
  return plainSpec(spec) ?? parsedSpec(spec);
}

export function isolationOf({ isolation, module }: ParsedAgentSpec): Isolation {
  return isolation ?? (module instanceof URL ? 'process' : 'in-process');
}

/** What the chart of an agent with this spec lives by; shared by all that live by the defaults. */
export function policyOf(spec: Omit<ParsedAgentSpec, 'module'>): LifePolicy {
  const isDefault =
    spec.restart === defaults.restart &&
    spec.resources === defaults.resources &&
    spec.health === defaults.health &&
    spec.shutdownMs === defaults.shutdownMs &&
    spec.startTimeoutMs === defaults.startTimeoutMs;
  return isDefault ? defaultPolicy : lifePolicyOf(spec);
}

/**
 * What a registered agent lives by, and what is kept of it: nobody may change it in passing. Data in `initArgs` is a
 * frozen copy of what was given.
 */
export function specToKeep(given: ParsedAgentSpec, id: string, agentType: string): KeptSpec {
  const { module, initArgs } = given;
  if (given.resources !== defaults.resources) frozenData(given.resources);
  if (given.coordination !== defaults.coordination) frozenData(given.coordination);
  if (given.restart !== defaults.restart) frozenData(given.restart);
  if (given.health !== defaults.health) frozenData(given.health);
  if (given.tasks !== defaults.tasks) frozenData(given.tasks);
  return Object.freeze({
    ...given,
    id,
    isolation: isolationOf(given),
    initArgs: initArgs === defaults.initArgs ? initArgs : frozenData(dataCopy(initArgs)),
    module: module instanceof URL ? { url: module.href } : { type: agentType },
  });
}

export function invalidSpec(problem: string, agentId: string | undefined, cause?: unknown): AgentSystemError {
  return new AgentSystemError('AGENT_SPEC_INVALID', `spec: ${problem}`, { agentId, cause });
}

/** One that leaves everything to its defaults; `undefined` for any other. */
function plainSpec(spec: unknown): ParsedAgentSpec | undefined {
  if (typeof spec !== 'object' || spec === null) return undefined;
  try {
    for (const key in spec) if (key !== 'module' && key !== 'id' && key !== 'initArgs') return undefined;
    const { id, module, initArgs = defaults.initArgs } = spec as Partial<ParsedAgentSpec>;
    if (!isAgentDefinition(module) || module instanceof URL) return undefined;
    if (id !== undefined && (typeof id !== 'string' || id === '')) return undefined;
    return id === undefined ? { ...defaults, module, initArgs } : { ...defaults, module, initArgs, id };
  } catch {
    // Whatever throws when it is read is for the schema to tell of.
    return undefined;
  }
}

function parsedSpec(spec: unknown): ParsedAgentSpec {
  const parsed = parseInput(agentSpec, spec, { what: 'spec', agentId: idOf(spec) });
  const { id, module } = parsed;
  if (!(module instanceof URL) && !isAgentDefinition(module)) {
    throw invalidSpec(`module: expected a defineAgent value or a URL, got ${inWords(module)}`, id);
  }
  return parsed;
}

/** The id that a spec names, whatever else may be wrong with it. */
function idOf(spec: unknown): string | undefined {
  try {
    const { id } = spec as { readonly id?: unknown };
    return typeof id === 'string' ? id : undefined;
  } catch {
    return undefined;
  }
}

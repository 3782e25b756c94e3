/**
 * Reads what callers hand in as the spec of an agent.
 *
 * I1  A spec that equals a recent one shares its frozen parts; any other is parsed by the schema. Both give
 *     the same result.
 */
import {
  agentSpec,
  type AgentSpecInput,
  type Isolation,
  type LifePolicy,
  lifePolicyOf,
  type ParsedAgentSpec,
} from '../../machines/index.ts';
import type { KeptSpec } from '../agent/agent-terms.ts';
import {
  type AgentDefinition,
  type AnyAgentDefinition,
  isAgentDefinition,
  type TaskTypes,
} from '../definition/define-agent.ts';
import type { StoredSpec } from '../journal/system-event.ts';
import { dataCopy, frozenCopy, frozenData } from '../values/data-copy.ts';
import { AgentSystemError, inWords } from '../values/errors.ts';
import { parseInput, readInput, unreadable } from '../values/malformed.ts';
import { RecentSpecs } from './recent-specs.ts';

/**
 * The spec of an agent; every field but `module` has a default. Of a definition that demands `initArgs`,
 * `AgentSpec<Args>` demands them too; `AgentSpec` is a spec of any definition.
 */
export type AgentSpec<Args = unknown, Tasks extends TaskTypes = TaskTypes> = SpecFields<Args, Tasks> &
  DemandedArgs<Args>;

/** The fields of a spec, none of them demanded but the module. */
export type SpecFields<Args = unknown, Tasks extends TaskTypes = TaskTypes> = Omit<
  AgentSpecInput,
  'module' | 'initArgs' | 'pool' | 'parent'
> & {
  /** A `defineAgent` value, or the URL of a module whose default export is one. */
  readonly module: AgentDefinition<Args, Tasks> | URL;
  /** What the definition is given at each start: data, checked by its `initArgs` schema. Default `{}`. */
  readonly initArgs?: NoInfer<Args>;
};

/** `initArgs` have to be given where `{}`, their default, is not what the module expects. */
export type DemandedArgs<Args> =
  Record<string, never> extends Args ? unknown : { readonly initArgs: NoInfer<Args> };

const recent = new RecentSpecs();
/** The default `initArgs`, shared by all agents. */
const noArgs = Object.freeze({});
/** By restart policy, which most agents share. */
const policies = new WeakMap<object, LifePolicy>();

/** A spec with its defaults. @throws AgentSystemError `AGENT_SPEC_INVALID` naming the field */
export function readSpec(spec: unknown): ParsedAgentSpec {
  return knownSpec(spec) ?? parsedSpec(spec);
}

/** The stored spec; fields that newer versions have added get their defaults. */
export function storedSpec(
  stored: StoredSpec,
  id: string,
  module: AnyAgentDefinition | URL,
): ParsedAgentSpec & { readonly id: string } {
  const spec = parseInput(
    agentSpec,
    { ...stored, module },
    { what: `stored spec of agent ${id}`, code: 'STORE_FAILED' },
  );
  return { ...spec, id };
}

export function isolationOf({ isolation, module }: ParsedAgentSpec): Isolation {
  return isolation ?? (module instanceof URL ? 'process' : 'in-process');
}

/** The policy of an agent's chart; equal policies are one object. */
export function policyOf(spec: Omit<ParsedAgentSpec, 'module'>): LifePolicy {
  const known = policies.get(spec.restart);
  if (known !== undefined && isPolicyOf(known, spec)) return known;
  const policy = Object.freeze(lifePolicyOf(spec));
  policies.set(spec.restart, policy);
  return policy;
}

/**
 * The spec of a registered agent, as it is stored: frozen. `initArgs` is a
 * frozen copy of the given data.
 */
export function specToKeep(given: ParsedAgentSpec, id: string, agentType: string): KeptSpec {
  const { module, initArgs } = given;
  freezeParts(given);
  return Object.freeze({
    ...given,
    id,
    isolation: isolationOf(given),
    initArgs: initArgs === noArgs ? initArgs : argsRead(initArgs, frozenCopy, id),
    module: module instanceof URL ? Object.freeze({ url: module.href }) : moduleOf(agentType),
  });
}

/** What stands for the code of the agent that was registered last: agents of one type often follow each other. */
let newestModule: { readonly type: string } = Object.freeze({ type: '' });

function moduleOf(type: string): { readonly type: string } {
  if (newestModule.type !== type) newestModule = Object.freeze({ type });
  return newestModule;
}

/** @throws AgentSystemError `AGENT_SPEC_INVALID` for a spec with a getter that throws */
export function argsCopy(initArgs: unknown, agentId: string | undefined): unknown {
  return argsRead(initArgs, dataCopy, agentId);
}

function argsRead(initArgs: unknown, copy: (data: unknown) => unknown, agentId: string | undefined): unknown {
  try {
    return copy(initArgs);
  } catch (thrown) {
    throw unreadable(thrown, { what: 'spec: initArgs', agentId });
  }
}

/** Parts of specs that are frozen: most fleets share a few, and `Object.isFrozen` looks at every field. */
const frozenParts = new WeakSet<object>();
/** Those that were frozen last: agents with the same parts often follow each other. */
let newestFrozen:
  | Pick<ParsedAgentSpec, 'resources' | 'coordination' | 'restart' | 'health' | 'tasks'>
  | undefined;

function freezeParts({ resources, coordination, restart, health, tasks }: ParsedAgentSpec): void {
  const newest = newestFrozen;
  const isKnown =
    newest !== undefined &&
    newest.resources === resources &&
    newest.coordination === coordination &&
    newest.restart === restart &&
    newest.health === health &&
    newest.tasks === tasks;
  if (isKnown) return;
  freezeOnce(resources);
  freezeOnce(coordination);
  freezeOnce(restart);
  freezeOnce(health);
  freezeOnce(tasks);
  newestFrozen = { resources, coordination, restart, health, tasks };
}

function freezeOnce(part: object): void {
  if (frozenParts.has(part)) return;
  frozenParts.add(frozenData(part));
}

/** Refuses fields that only the runtime may set. @param known as it has set them */
export function assertOwn(
  { id, pool, parent }: Pick<ParsedAgentSpec, 'id' | 'pool' | 'parent'>,
  known: Pick<ParsedAgentSpec, 'pool' | 'parent'> = {},
): void {
  if (pool !== known.pool) {
    throw invalidSpec('pool: agents become members of a pool by pools.create alone', id);
  }
  if (parent !== known.parent) {
    throw invalidSpec('parent: agents become children of an agent by its context.agents.spawn alone', id);
  }
}

export function invalidSpec(problem: string, agentId: string | undefined, cause?: unknown): AgentSystemError {
  return new AgentSystemError('AGENT_SPEC_INVALID', `spec: ${problem}`, { agentId, cause });
}

/** The parsed spec if it equals a recent one, else `undefined`. */
function knownSpec(spec: unknown): ParsedAgentSpec | undefined {
  if (typeof spec !== 'object' || spec === null) return undefined;
  try {
    const shared = recent.find(spec);
    if (shared === undefined) return undefined;
    const { id, module, initArgs = noArgs } = spec as Partial<ParsedAgentSpec>;
    if (!(module instanceof URL) && !isAgentDefinition(module)) return undefined;
    if (id === undefined) return { ...shared, module, initArgs };
    return typeof id === 'string' && id !== '' ? { ...shared, module, initArgs, id } : undefined;
  } catch {
    // A getter that throws is reported by the schema.
    return undefined;
  }
}

function parsedSpec(spec: unknown): ParsedAgentSpec {
  if (isAgentDefinition(spec)) {
    throw invalidSpec(
      `expected { module, … }, got the definition of "${spec.type}": it is the module of a spec`,
      undefined,
    );
  }
  const parsed = parseInput(agentSpec, spec, { what: 'spec', agentId: idOf(spec) });
  const { id, module, initArgs } = parsed;
  if (
    !readInput(() => module instanceof URL || isAgentDefinition(module), {
      what: 'spec: module',
      agentId: id,
    })
  ) {
    throw invalidSpec(`module: expected a defineAgent value or a URL, got ${inWords(module)}`, id);
  }
  const shared = recent.remember(spec as object, parsed);
  return id === undefined ? { ...shared, module, initArgs } : { ...shared, module, initArgs, id };
}

/** The id of a spec that may be invalid. */
function idOf(spec: unknown): string | undefined {
  try {
    const { id } = spec as { readonly id?: unknown };
    return typeof id === 'string' ? id : undefined;
  } catch {
    return undefined;
  }
}

/** Whether `lifePolicyOf` would make the same of it. */
function isPolicyOf(
  policy: LifePolicy,
  { restart, startTimeoutMs, shutdownMs, resources, health }: Omit<ParsedAgentSpec, 'module'>,
): boolean {
  return (
    policy.restart === restart &&
    policy.startTimeoutMs === startTimeoutMs &&
    policy.shutdownMs === shutdownMs &&
    policy.maxRuntimeMs === resources.maxRuntimeMs &&
    policy.failuresBeforeKill === health.failuresBeforeKill
  );
}

/** Specs of a fleet's agents: reads what callers give, has modules described where they would run, and shows what is kept. */
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { Isolation, ParsedAgentSpec } from '../../machines/index.ts';
import type { AgentRecord } from '../../runtime/agent/agent-record.ts';
import type { AnyAgentDefinition, TaskTypes } from '../../runtime/definition/define-agent.ts';
import { type AgentManifest, manifestOf } from '../../runtime/definition/manifest.ts';
import type { BoundCode } from '../../runtime/definition/module-binding.ts';
import type { SecretProvider } from '../../runtime/agent/agent-secrets.ts';
import { DescriptionTime } from '../../runtime/fleet/description-time.ts';
import {
  lateSchema,
  lateSecrets,
  secretsIn,
  undescribed,
  withoutTextsIn,
  withSecrets,
} from '../../runtime/fleet/spec-check.ts';
import { outermostPaths, splitSecrets } from '../../runtime/values/secret-paths.ts';
import { changedSpec } from '../../runtime/fleet/spec-change.ts';
import { specChanges } from '../../runtime/fleet/spec-difference.ts';
import {
  type AgentSpec,
  invalidSpec,
  isolationOf,
  readSpec,
  specToKeep,
} from '../../runtime/fleet/spec-reading.ts';
import type { Host } from '../../runtime/hosting/host.ts';
import type { SpecChange } from '../../runtime/journal/system-event.ts';
import { steadyClock, systemClock } from '../../runtime/time/clock.ts';
import type { AgentSystemError } from '../../runtime/values/errors.ts';
import { hasFields } from '../../runtime/values/instances.ts';
import { jsonProblemOf } from '../../runtime/values/json-survey.ts';
import { parseInput } from '../../runtime/values/malformed.ts';
import { judge } from '../../runtime/values/schema.ts';
import type { PlacementWish } from '../nodes/placement.ts';

/** A spec, and which node its agent may run on: one by name, or any that has all these labels. */
export type PlacedAgentSpec<Args = unknown, Tasks extends TaskTypes = TaskTypes> = AgentSpec<Args, Tasks> & {
  /** Where it may run: a node by name, or nodes with these labels. Default any. */
  readonly placement?: PlacementWish;
};

/** A spec that was read. */
export interface PlacedSpec {
  readonly read: ParsedAgentSpec;
  readonly placement: PlacementWish | undefined;
}

const placementSchema = z.strictObject({
  node: z.string().min(1).optional(),
  labels: z.record(z.string(), z.string()).optional(),
});

/** @throws AgentSystemError `AGENT_SPEC_INVALID` naming the field */
export function placedSpec(spec: unknown): PlacedSpec {
  if (!hasFields(spec)) return { read: readSpec(spec), placement: undefined };
  const { placement, ...rest } = spec as { readonly placement?: unknown };
  const read = readSpec(rest);
  if (read.pool !== undefined) {
    throw invalidSpec('pool: agents become members of a pool by pools.create alone', read.id);
  }
  if (read.parent !== undefined) {
    throw invalidSpec(
      'parent: agents become children of an agent by its context.agents.spawn alone',
      read.id,
    );
  }
  return { read, placement: readPlacement(placement, read.id) };
}

/** The whole spec with the change in it. @throws AgentSystemError `AGENT_SPEC_INVALID` naming the field */
export function changedPlacedSpec(known: AgentRecord['spec'], id: string, change: unknown): PlacedSpec {
  const { placement, ...spec } = known as AgentRecord['spec'] & { readonly placement?: PlacementWish };
  if (!hasFields(change)) {
    return { read: changedSpec({ ...spec, id }, change), placement };
  }
  const { placement: wish, ...rest } = change as { readonly placement?: unknown };
  const read = changedSpec({ ...spec, id }, rest);
  return { read, placement: 'placement' in change ? readPlacement(wish, id) : placement };
}

function readPlacement(placement: unknown, agentId: string | undefined): PlacementWish | undefined {
  if (placement === undefined) return undefined;
  return parseInput(placementSchema, placement, { what: 'spec.placement', agentId });
}

/** As the agent's object keeps it: without its secrets. */
export function keptSpecOf({ read, placement }: PlacedSpec, id: string, type: string) {
  const kept = specToKeep(shownSpec(read), id, type);
  return placement === undefined ? kept : { ...kept, placement };
}

/** In which fields two specs differ, and where their agents may run. */
export function placedChanges(
  known: AgentRecord['spec'],
  { read, placement }: PlacedSpec,
): readonly SpecChange[] {
  const { placement: was, ...spec } = known as AgentRecord['spec'] & { readonly placement?: PlacementWish };
  // A value that becomes a secret is hidden in the old spec too.
  const before = { ...spec, initArgs: splitSecrets(spec.initArgs, read.secrets ?? []).shown };
  const changes = specChanges(before, shownSpec(read));
  if (isDeepStrictEqual(was, placement)) return changes;
  const from = was === undefined ? {} : { from: was };
  const to = placement === undefined ? {} : { to: placement };
  return [...changes, { field: 'placement', ...from, ...to }];
}

/** With `[redacted]` in place of its secrets. */
function shownSpec(read: ParsedAgentSpec): ParsedAgentSpec {
  if (read.secrets === undefined) return read;
  const paths = outermostPaths(read.secrets);
  return { ...read, secrets: [...paths], initArgs: secretsIn(read, paths).shown };
}

export interface FleetSpecsOptions {
  readonly code: ReadonlyMap<string, BoundCode>;
  /** The describers of modules, by isolation: a module is loaded where it would run, never in this thread. */
  readonly hosts: ReadonlyMap<Isolation, Host>;
  /** Gives the secrets that a spec leaves out, for its check. */
  readonly secrets?: SecretProvider | undefined;
}

const GIVERS = 'the spec, or of connectFleet({ secrets })';

export class FleetSpecs {
  readonly #options: FleetSpecsOptions;
  readonly #time = new DescriptionTime(steadyClock(systemClock()));

  constructor(options: FleetSpecsOptions) {
    this.#options = options;
  }

  /** The manifest of an agent with this spec. @throws AgentSystemError `AGENT_SPEC_INVALID` naming the field */
  async manifestOf(spec: ParsedAgentSpec): Promise<AgentManifest> {
    if (spec.secrets === undefined) return this.#described(spec);
    const { secrets: provider } = this.#options;
    const whole = await this.#time.within(
      { timeoutMs: spec.startTimeoutMs, late: () => lateSecrets(spec) },
      () => withSecrets(spec, { provider, givers: GIVERS }),
    );
    return withoutTextsIn(() => this.#described(whole.spec), whole.texts);
  }

  /** Refuses callers that wait for a manifest. */
  giveUp(why: AgentSystemError): void {
    this.#time.giveUpAll(why);
  }

  async #described(spec: ParsedAgentSpec): Promise<AgentManifest> {
    const { id, module, initArgs, resources, startTimeoutMs: timeoutMs } = spec;
    const isolation = isolationOf(spec);
    const host = this.#options.hosts.get(isolation);
    if (host === undefined) throw invalidSpec(`isolation: there is no host for "${isolation}"`, id);
    const refusal = host.refusal(spec);
    if (refusal !== undefined) throw invalidSpec(refusal, id);
    const problem = jsonProblemOf(initArgs);
    if (problem !== undefined) {
      throw invalidSpec(`initArgs: ${problem}, expected data that a durable store can keep as JSON`, id);
    }
    if (module instanceof URL) {
      try {
        return await host.describe(module, initArgs, resources);
      } catch (thrown) {
        throw undescribed(thrown, id);
      }
    }
    const definition = module as AnyAgentDefinition;
    const said = judge(definition.initArgs, initArgs);
    const late = () => lateSchema(spec);
    const verdict = said instanceof Promise ? await this.#time.within({ timeoutMs, late }, () => said) : said;
    if ('problem' in verdict) throw invalidSpec(`initArgs: ${verdict.problem}`, id);
    return manifestOf(definition);
  }

  /** A record whose module is this program's definition, or a URL. */
  shown(record: AgentRecord): AgentRecord {
    const kept = record.spec.module as { readonly url?: string };
    const module = kept.url === undefined ? (this.#options.code.get(record.type) ?? kept) : new URL(kept.url);
    return Object.freeze({ ...record, spec: Object.freeze({ ...record.spec, module }) });
  }
}

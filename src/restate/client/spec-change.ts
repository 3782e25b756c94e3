/**
 * Changes the spec of one agent of a fleet: works the change out from the kept spec, and puts it in its place.
 *
 * I1  A change replaces the very spec that it was worked out from. When somebody else changed that spec meanwhile, the
 *     change is worked out again from theirs.
 */
import { isAgentDefinition } from '../../runtime/definition/define-agent.ts';
import type { AgentManifest } from '../../runtime/definition/manifest.ts';
import type { AgentRecord } from '../../runtime/agent/agent-record.ts';
import { isOfBody } from '../../runtime/agent/pending-fields.ts';
import { invalidSpec } from '../../runtime/fleet/spec-reading.ts';
import type { SpecChange } from '../../runtime/journal/system-event.ts';
import { inWords } from '../../runtime/values/errors.ts';
import type { Look } from '../engine/names.ts';
import type { FleetCommands } from './fleet-commands.ts';
import { type FleetSpecs, keptSpecOf, placedChanges, type PlacedSpec } from './fleet-specs.ts';

type UpdateCommand = Extract<Parameters<FleetCommands['give']>[1], { readonly type: 'update' }>;

export interface SpecChangeOptions {
  readonly commands: FleetCommands;
  readonly specs: FleetSpecs;
  /** The spec that is wanted, given the one that is kept. */
  readonly wantedOf: (known: AgentRecord['spec']) => PlacedSpec;
  /** Who changes it. */
  readonly by: string | undefined;
}

/** @throws AgentSystemError `AGENT_NOT_FOUND`, `AGENT_SPEC_INVALID` naming the field, `SYSTEM_CLOSED` */
export async function changeSpec(id: string, options: SpecChangeOptions): Promise<'updated' | 'none'> {
  const { commands } = options;
  for (;;) {
    const update = await updateOf(id, await commands.look(id), options);
    if (update === undefined) return 'none';
    if (await commands.give<boolean>(id, update)) return 'updated';
  }
}

/** The command that makes the change; `undefined` where nothing differs. */
async function updateOf(
  id: string,
  { record, manifest, revision }: Look,
  { specs, wantedOf, by }: SpecChangeOptions,
): Promise<UpdateCommand | undefined> {
  const known = specs.shown(record).spec;
  const asked = wantedOf(known);
  const { pool, parent } = known;
  const read = {
    ...asked.read,
    ...(pool === undefined ? {} : { pool }),
    ...(parent === undefined ? {} : { parent }),
  };
  const wanted = { ...asked, read };
  const changes = placedChanges(withKnownCode(known, read.module, record.type), wanted);
  if (changes.length === 0) return undefined;
  if (pool !== undefined) {
    throw invalidSpec(`pool: agent ${id} is a member of pool ${inWords(pool)}, and as that has it`, id);
  }
  const next = needsNewBody(changes) ? await specs.manifestOf(read) : manifest;
  assertSameType(id, manifest, next);
  return {
    type: 'update',
    spec: keptSpecOf(wanted, id, next.type),
    manifest: next,
    changes,
    revision,
    by,
  };
}

/** A definition that this program does not know is known by its type: what runs is what the nodes have. */
function withKnownCode<Spec extends { readonly module: object }>(
  known: Spec,
  given: object,
  type: string,
): Spec {
  const isUnknown = !(known.module instanceof URL) && !isAgentDefinition(known.module);
  return isUnknown && isAgentDefinition(given) && given.type === type ? { ...known, module: given } : known;
}

function needsNewBody(changes: readonly SpecChange[]): boolean {
  return changes.some(({ field }) => isOfBody(field));
}

function assertSameType(id: string, known: AgentManifest, next: AgentManifest): void {
  if (next.type === known.type) return;
  throw invalidSpec(`module: expected an agent of type "${known.type}", got "${next.type}"`, id);
}

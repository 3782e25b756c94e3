/** Applies a change to a spec: given fields replace the old ones, all others stay. */
import type { ParsedAgentSpec } from '../../machines/index.ts';
import { inWords } from '../values/errors.ts';
import { hasFields } from '../values/instances.ts';
import { readInput } from '../values/malformed.ts';
import { assertOwn, invalidSpec, readSpec, type SpecFields } from './spec-reading.ts';

/** Fields of a spec to be changed. One that is `undefined` goes back to its default. */
export type AgentSpecChange<Args = unknown> = Partial<Omit<SpecFields<Args>, 'id'>>;

/** Objects of which fields that are not given stay too. */
const policies = ['resources', 'coordination', 'restart', 'health', 'tasks'] as const;

/**
 * The whole spec with the change in it. Pure.
 *
 * @throws AgentSystemError `AGENT_SPEC_INVALID` naming the field
 */
export function changedSpec(
  known: ParsedAgentSpec & { readonly id: string },
  change: unknown,
): ParsedAgentSpec {
  const { id } = known;
  if (!readInput(() => hasFields(change), { what: 'spec', agentId: id })) {
    throw invalidSpec(`expected the fields to change, got ${inWords(change)}`, id);
  }
  return readSpec(mergedInto(known, change as object));
}

function mergedInto(known: ParsedAgentSpec & { readonly id: string }, change: object): object {
  const { id } = known;
  const merged = readInput(
    () => {
      const fields: Record<string, unknown> = { ...known, ...change };
      for (const policy of policies) {
        const given = (change as Partial<ParsedAgentSpec>)[policy] as unknown;
        if (hasFields(given)) fields[policy] = { ...known[policy], ...given };
      }
      return fields;
    },
    { what: 'spec', agentId: id },
  );
  if (merged['id'] !== id) throw invalidSpec(`id: an agent keeps its id, got ${inWords(merged['id'])}`, id);
  assertOwn(merged, known);
  // `module` has no default.
  return { ...merged, module: merged['module'] ?? known.module };
}

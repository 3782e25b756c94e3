/** In which fields two specs differ. Defaults count as given, and a field that is `undefined` as left out. */
import { isDeepStrictEqual } from 'node:util';
import type { ParsedAgentSpec } from '../../machines/index.ts';
import { type AnyAgentDefinition, isAgentDefinition } from '../definition/define-agent.ts';
import { manifestOf } from '../definition/manifest.ts';
import { jsonProblemOf } from '../values/json-survey.ts';
import { isolationOf } from './spec-reading.ts';

const fields = [
  'initArgs',
  'isolation',
  'resources',
  'coordination',
  'restart',
  'shutdownMs',
  'startTimeoutMs',
  'health',
  'tasks',
  'pool',
] as const satisfies readonly (keyof ParsedAgentSpec)[];

/** Names of the fields, `module` first. Pure. */
export function changedFields(known: ParsedAgentSpec, given: ParsedAgentSpec): readonly string[] {
  const wanted = { ...given, isolation: isolationOf(given) };
  const changed = fields.filter((field) => !isSameData(known[field], wanted[field]));
  return isSameModule(known.module, given.module) ? changed : ['module', ...changed];
}

function isSameModule(known: object, given: object): boolean {
  if (known === given) return true;
  if (known instanceof URL || given instanceof URL) {
    return known instanceof URL && given instanceof URL && known.href === given.href;
  }
  return isAgentDefinition(known) && isAgentDefinition(given) && hashOf(known) === hashOf(given);
}

function hashOf(definition: AnyAgentDefinition): string {
  return manifestOf(definition).hash;
}

/** A store gives data back as JSON does. */
function isSameData(known: unknown, given: unknown): boolean {
  if (isDeepStrictEqual(known, given)) return true;
  if (jsonProblemOf(known) !== undefined || jsonProblemOf(given) !== undefined) return false;
  return isDeepStrictEqual(asJson(known), asJson(given));
}

function asJson(data: unknown): unknown {
  return JSON.parse(JSON.stringify(data) ?? 'null');
}

/** The fields in which two specs differ. Defaults count as given, and a field that is `undefined` as left out. */
import { isDeepStrictEqual } from 'node:util';
import { agentSpec, type ParsedAgentSpec } from '../../machines/index.ts';
import { type AnyAgentDefinition, isAgentDefinition } from '../definition/define-agent.ts';
import { manifestOf } from '../definition/manifest.ts';
import type { SpecChange } from '../journal/system-event.ts';
import { jsonProblemOf } from '../values/json-survey.ts';
import { urlInWords } from '../values/url-in-words.ts';
import { isolationOf } from './spec-reading.ts';

/** All but its name, and its code, which is compared apart. */
const fields = (Object.keys(agentSpec.shape) as (keyof ParsedAgentSpec)[]).filter(
  (field) => field !== 'id' && field !== 'module',
);

/** The differences field by field, `module` first; for an object each of its own fields. Pure. */
export function specChanges(known: ParsedAgentSpec, given: ParsedAgentSpec): readonly SpecChange[] {
  const wanted = { ...given, isolation: isolationOf(given) };
  const changes = fields.flatMap((field) => changesOf(field, known[field], wanted[field]));
  if (isSameModule(known.module, given.module)) return changes;
  return [{ field: 'module', from: codeOf(known.module), to: codeOf(given.module) }, ...changes];
}

function changesOf(field: string, from: unknown, to: unknown): readonly SpecChange[] {
  if (isSameData(from, to)) return [];
  if (!isPlain(from) || !isPlain(to)) return [changeOf(field, from, to)];
  const keys = new Set([...Object.keys(from), ...Object.keys(to)]);
  return [...keys]
    .filter((key) => !isSameData(from[key], to[key]))
    .map((key) => changeOf(`${field}.${key}`, from[key], to[key]));
}

/** Leaves undefined fields out, as a store does. */
function changeOf(field: string, from: unknown, to: unknown): SpecChange {
  return {
    field,
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  };
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function isSameModule(known: object, given: object): boolean {
  if (known === given) return true;
  if (known instanceof URL && given instanceof URL) return known.href === given.href;
  return isAgentDefinition(known) && isAgentDefinition(given) && hashOf(known) === hashOf(given);
}

/** Code as an event tells it: by its address, or by the version of its definition. */
function codeOf(module: object): string {
  if (module instanceof URL) return urlInWords(module);
  const { type } = module as AnyAgentDefinition;
  return isAgentDefinition(module) ? `${type} ${hashOf(module)}` : type;
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

/**
 * Tells one version of an agent definition from another: what it declares and the text of its functions. What those
 * functions call is not seen.
 */
import { createHash } from 'node:crypto';
import type { AnyAgentDefinition } from './define-agent.ts';
import { isSchema, type Schema } from '../values/schema.ts';

/** The hash of a definition; to be kept by whoever asks, for it is not cheap. */
export function definitionHash(definition: AnyAgentDefinition): string {
  const text = JSON.stringify(definition, (_, value: unknown) =>
    isSchema(value) ? schemaText(value) : textOf(value),
  );
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

/** What a schema shows of itself: much with zod, little with a library whose schemas are closures. */
function schemaText(schema: Schema): string {
  try {
    return JSON.stringify(schema, (_, value: unknown) => textOf(value));
  } catch {
    return schema['~standard'].vendor;
  }
}

function textOf(value: unknown): unknown {
  return typeof value === 'function' ? Function.prototype.toString.call(value) : value;
}

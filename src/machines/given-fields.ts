/** Fields that are given: one that is `undefined` counts as left out, as everywhere in the API. Pure. */
import { z } from 'zod';

/** A schema of the same objects that leaves out fields which are `undefined`. */
export function givenFields<Schema extends z.ZodType>(schema: Schema): Schema {
  return z.preprocess(withoutUndefined, schema) as z.ZodType as Schema;
}

function withoutUndefined(came: unknown): unknown {
  if (typeof came !== 'object' || came === null || Array.isArray(came)) return came;
  const fields = Object.entries(came);
  const given = fields.filter(([, value]) => value !== undefined);
  return given.length === fields.length ? came : Object.fromEntries(given);
}

/**
 * Values by a JSON Schema, for fast-check: as many as it takes to find faults, all of the kinds that schemas of task
 * inputs use. What it does not know (`not`, `if`, `contains`) is left to a filter by the schema itself. Pure.
 */
import type { Arbitrary } from 'fast-check';
import type * as FastCheck from 'fast-check';

export type JsonSchema = boolean | { readonly [keyword: string]: unknown };

/** How deep a schema that contains itself is followed. */
const MAX_DEPTH = 4;

export function arbitraryOf(fc: typeof FastCheck, schema: JsonSchema): Arbitrary<unknown> {
  return new Builder(fc, schema).of(schema, 0);
}

class Builder {
  readonly #fc: typeof FastCheck;
  readonly #root: JsonSchema;

  constructor(fc: typeof FastCheck, root: JsonSchema) {
    this.#fc = fc;
    this.#root = root;
  }

  of(schema: JsonSchema, depth: number): Arbitrary<unknown> {
    const fc = this.#fc;
    if (typeof schema === 'boolean') return this.#anything();
    if (typeof schema['$ref'] === 'string') return this.of(this.#resolved(schema['$ref']), depth + 1);
    if ('const' in schema) return fc.constant(schema['const']);
    if (Array.isArray(schema['enum'])) return fc.constantFrom(...(schema['enum'] as unknown[]));
    const alternatives = schema['anyOf'] ?? schema['oneOf'];
    if (Array.isArray(alternatives)) return this.#oneOf(alternatives as JsonSchema[], depth);
    if (Array.isArray(schema['allOf']))
      return this.of(merged(schema, schema['allOf'] as JsonSchema[]), depth);
    const { type } = schema;
    if (Array.isArray(type))
      return fc.oneof(...type.map((one) => this.of({ ...schema, type: one as string }, depth)));
    switch (type ?? impliedType(schema)) {
      case 'null':
        return fc.constant(null);
      case 'boolean':
        return fc.boolean();
      case 'integer':
        return this.#integer(schema);
      case 'number':
        return this.#number(schema);
      case 'string':
        return this.#string(schema);
      case 'array':
        return this.#array(schema, depth);
      case 'object':
        return this.#object(schema, depth);
      default:
        return this.#anything();
    }
  }

  #anything(): Arbitrary<unknown> {
    return this.#fc.jsonValue({ maxDepth: 1 });
  }

  #resolved(ref: string): JsonSchema {
    let found: unknown = this.#root;
    for (const part of ref.replace(/^#\/?/, '').split('/')) {
      const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
      if (key !== '') found = isRecord(found) ? found[key] : undefined;
    }
    return isRecord(found) ? found : true;
  }

  /** Past the depth only what ends by itself. */
  #oneOf(alternatives: readonly JsonSchema[], depth: number): Arbitrary<unknown> {
    const shallow = alternatives.filter((one) => !JSON.stringify(one).includes('"$ref"'));
    const taken = depth >= MAX_DEPTH && shallow.length > 0 ? shallow : alternatives;
    return this.#fc.oneof(...taken.map((one) => this.of(one, depth)));
  }

  #integer(schema: Readonly<Record<string, unknown>>): Arbitrary<number> {
    const step = numberOf(schema['multipleOf']) ?? 1;
    const over = numberOf(schema['exclusiveMinimum']);
    const under = numberOf(schema['exclusiveMaximum']);
    const min = Math.max(
      Math.ceil(numberOf(schema['minimum']) ?? -Infinity),
      over === undefined ? -Infinity : over + 1,
    );
    const max = Math.min(
      Math.floor(numberOf(schema['maximum']) ?? Infinity),
      under === undefined ? Infinity : under - 1,
    );
    const low = Math.max(min, Number.MIN_SAFE_INTEGER);
    const high = Math.min(max, Number.MAX_SAFE_INTEGER);
    const from = Math.max(low, Math.min(-100, high - 200));
    const near = this.#fc.integer({ min: from, max: Math.min(high, Math.max(100, from + 200)) });
    const all = this.#fc.oneof({ weight: 3, arbitrary: near }, this.#fc.integer({ min: low, max: high }));
    return step === 1 ? all : all.map((n) => n - (n % step), unmapped).filter((n) => n >= low && n <= high);
  }

  #number(schema: Readonly<Record<string, unknown>>): Arbitrary<number> {
    const fc = this.#fc;
    const step = numberOf(schema['multipleOf']);
    if (step !== undefined) return this.#integer({ ...schema, multipleOf: 1 }).map((n) => n * step);
    const over = numberOf(schema['exclusiveMinimum']);
    const under = numberOf(schema['exclusiveMaximum']);
    const min = over ?? numberOf(schema['minimum']) ?? -Infinity;
    const max = under ?? numberOf(schema['maximum']) ?? Infinity;
    const double = fc.double({
      noNaN: true,
      noDefaultInfinity: true,
      ...(Number.isFinite(min) ? { min, minExcluded: over !== undefined } : {}),
      ...(Number.isFinite(max) ? { max, maxExcluded: under !== undefined } : {}),
    });
    const whole = this.#integer({
      minimum: Number.isFinite(min) ? min : undefined,
      maximum: Number.isFinite(max) ? max : undefined,
    });
    const hasWhole = Math.ceil(min) <= Math.floor(max);
    return hasWhole ? fc.oneof({ weight: 2, arbitrary: whole }, double) : double;
  }

  #string(schema: Readonly<Record<string, unknown>>): Arbitrary<string> {
    const fc = this.#fc;
    const known = this.#format(schema['format']);
    if (known) return known;
    const bounds = {
      ...(numberOf(schema['minLength']) === undefined ? {} : { minLength: numberOf(schema['minLength'])! }),
      ...(numberOf(schema['maxLength']) === undefined ? {} : { maxLength: numberOf(schema['maxLength'])! }),
    };
    if (typeof schema['pattern'] === 'string') return this.#matching(schema['pattern']);
    return fc.oneof({ weight: 4, arbitrary: fc.string(bounds) }, fc.string({ ...bounds, unit: 'grapheme' }));
  }

  #matching(pattern: string): Arbitrary<string> {
    try {
      return this.#fc.stringMatching(new RegExp(pattern));
    } catch {
      return this.#fc.string();
    }
  }

  #format(format: unknown): Arbitrary<string> | undefined {
    const fc = this.#fc;
    const moment = fc
      .date({ noInvalidDate: true, min: new Date(0), max: new Date('2100-01-01') })
      .map((date) => date.toISOString());
    switch (format) {
      case 'date-time':
        return moment;
      case 'date':
        return moment.map((text) => text.slice(0, 10));
      case 'time':
        return moment.map((text) => text.slice(11, 19));
      case 'email':
        return fc.tuple(word(fc), word(fc)).map(([name, host]) => `${name}@${host}.example`);
      case 'uuid':
        return fc.uuid();
      case 'uri':
      case 'url':
        return fc.webUrl();
      case 'ipv4':
        return fc.ipV4();
      case 'ipv6':
        return fc.ipV6();
      case 'hostname':
        return fc.domain();
      default:
        return undefined;
    }
  }

  #array(schema: Readonly<Record<string, unknown>>, depth: number): Arbitrary<unknown[]> {
    const fc = this.#fc;
    const first = (Array.isArray(schema['prefixItems']) ? schema['prefixItems'] : []) as JsonSchema[];
    const items = schema['items'];
    const minLength = numberOf(schema['minItems']) ?? 0;
    // Past the depth only what has to be there: a schema that contains itself would never end.
    if (depth >= MAX_DEPTH && first.length === 0 && minLength === 0) return fc.constant([]);
    const maxLength = Math.min(
      numberOf(schema['maxItems']) ?? Infinity,
      depth >= MAX_DEPTH ? minLength : minLength + 10,
    );
    const isClosed = items === false || (items === undefined && first.length > 0);
    const tuple = fc.tuple(...first.map((one) => this.of(one, depth + 1)));
    if (isClosed) return tuple;
    const item = this.of(isRecord(items) ? items : true, depth + 1);
    const rest = {
      minLength: Math.max(0, minLength - first.length),
      maxLength: Math.max(0, maxLength - first.length),
    };
    const array =
      schema['uniqueItems'] === true
        ? fc.uniqueArray(item, { ...rest, selector: (one) => JSON.stringify(one) })
        : fc.array(item, rest);
    return first.length === 0 ? array : fc.tuple(tuple, array).map(([head, tail]) => [...head, ...tail]);
  }

  #object(schema: Readonly<Record<string, unknown>>, depth: number): Arbitrary<object> {
    const fc = this.#fc;
    const properties = (isRecord(schema['properties']) ? schema['properties'] : {}) as Record<
      string,
      JsonSchema
    >;
    const required = new Set(Array.isArray(schema['required']) ? (schema['required'] as string[]) : []);
    // Past the depth only what has to be there.
    const names = Object.keys(properties).filter((name) => required.has(name) || depth < MAX_DEPTH);
    const model = Object.fromEntries(names.map((name) => [name, this.of(properties[name]!, depth + 1)]));
    const known = fc.record(model, {
      requiredKeys: names.filter((name) => required.has(name)),
    } as never) as Arbitrary<object>;
    const others = schema['additionalProperties'];
    if (!isRecord(others) || names.length > 0 || depth >= MAX_DEPTH) return known;
    const keys = isRecord(schema['propertyNames'])
      ? this.#string(schema['propertyNames'])
      : fc.string({ minLength: 1 });
    return fc.dictionary(
      keys.filter((key) => key !== '__proto__'),
      this.of(others, depth + 1),
      { maxKeys: 5 },
    );
  }
}

function word(fc: typeof FastCheck): Arbitrary<string> {
  return fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'x', 'y', 'z'), minLength: 1, maxLength: 8 });
}

/** What a number was before it was brought to its step, as far as anybody can tell. */
function unmapped(value: unknown): number {
  if (typeof value !== 'number') throw new TypeError('expected a number');
  return value;
}

/** All parts of an `allOf` in one, as far as objects go: a filter by the schema does the rest. */
function merged(schema: Readonly<Record<string, unknown>>, parts: readonly JsonSchema[]): JsonSchema {
  const { allOf: _, ...own } = schema;
  let all: Record<string, unknown> = own;
  for (const part of parts) {
    if (typeof part === 'boolean') continue;
    const properties = {
      ...(all['properties'] as object | undefined),
      ...(part['properties'] as object | undefined),
    };
    const required = [
      ...((all['required'] as string[] | undefined) ?? []),
      ...((part['required'] as string[] | undefined) ?? []),
    ];
    all = { ...all, ...part, ...(Object.keys(properties).length > 0 ? { properties, required } : {}) };
  }
  return all;
}

function impliedType(schema: Readonly<Record<string, unknown>>): string | undefined {
  if ('properties' in schema || 'additionalProperties' in schema) return 'object';
  return 'items' in schema || 'prefixItems' in schema ? 'array' : undefined;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

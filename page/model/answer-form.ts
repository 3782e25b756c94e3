/** What a form asks for, from the JSON Schema of an answer, and the answer from what was filled in. Pure. */

export type Schema = Readonly<Record<string, unknown>>;

/** One value that is asked for. */
export type Field =
  | (Asked & { readonly kind: 'choice'; readonly options: readonly unknown[] })
  | (Asked & { readonly kind: 'several'; readonly options: readonly unknown[] })
  | (Asked & { readonly kind: 'boolean' })
  | (Asked & {
      readonly kind: 'number';
      readonly isWhole: boolean;
      readonly min?: number;
      readonly max?: number;
    })
  | (Asked & {
      readonly kind: 'text';
      readonly isLong: boolean;
      readonly minLength?: number;
      readonly maxLength?: number;
    })
  /** For schemas without a field of their own: JSON as text. */
  | (Asked & { readonly kind: 'json' });

interface Asked {
  /** Of an object; empty for an answer that is one value. */
  readonly name: string;
  readonly title: string;
  readonly help?: string;
  readonly isRequired: boolean;
  /** What is filled in at first. */
  readonly initial: Filled;
}

/** The content of a field: text of an input, index of an option, or nothing yet. */
export type Filled = string | boolean | readonly number[] | undefined;

export interface AnswerForm {
  readonly fields: readonly Field[];
  /** Whether the answer is an object of the fields, or the value of the only one. */
  readonly isObject: boolean;
}

/** A text that is longer than this is written in more than a line. */
const LINE = 120;
const MAX_OPTIONS = 60;

export function formOf(schema: Schema | undefined): AnswerForm {
  const whole = resolved(schema ?? {}, schema ?? {});
  const properties = whole['properties'];
  const known = isRecord(properties) ? Object.entries(properties) : [];
  if (whole['type'] !== 'object' || known.length === 0) {
    return { fields: [fieldOf('', whole, true, schema === undefined)], isObject: false };
  }
  const required = new Set(Array.isArray(whole['required']) ? (whole['required'] as unknown[]) : []);
  const fields = known.map(([name, property]) => {
    const one = resolved(isRecord(property) ? property : {}, schema!);
    // A field with a default need not be filled in, even if the schema requires it of the result.
    return fieldOf(name, one, required.has(name) && !('default' in one), false);
  });
  return { fields, isObject: true };
}

/** The answer, or what is wrong with it, by field. */
export function answerOf(
  { fields, isObject }: AnswerForm,
  filled: Readonly<Record<string, Filled>>,
): { readonly answer: unknown } | { readonly problems: Readonly<Record<string, string>> } {
  const values: Record<string, unknown> = {};
  const problems: Record<string, string> = {};
  for (const field of fields) {
    const read = valueOf(field, filled[field.name]);
    if ('problem' in read) problems[field.name] = read.problem;
    else if (read.value !== undefined) {
      Object.defineProperty(values, field.name, { value: read.value, enumerable: true });
    }
  }
  if (Object.keys(problems).length > 0) return { problems };
  return { answer: isObject ? values : values[''] };
}

type Read = { readonly value: unknown } | { readonly problem: string };

function valueOf(field: Field, filled: Filled): Read {
  const isEmpty = filled === undefined || filled === '';
  if (isEmpty && field.kind !== 'text' && field.kind !== 'several') {
    return field.isRequired ? { problem: 'expected an answer' } : { value: undefined };
  }
  switch (field.kind) {
    case 'choice':
      return { value: field.options[Number(filled)] };
    case 'several':
      return { value: (Array.isArray(filled) ? filled : []).map((place: number) => field.options[place]) };
    case 'boolean':
      return { value: filled === true || filled === 'true' };
    case 'number':
      return numberOf(field, String(filled));
    case 'json':
      try {
        return { value: JSON.parse(String(filled)) };
      } catch {
        return { problem: 'expected JSON, as "a text", 12 or {"a": 1}' };
      }
    default:
      return textOf(field, String(filled ?? ''));
  }
}

function numberOf({ isWhole, min, max }: Extract<Field, { kind: 'number' }>, text: string): Read {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) return { problem: 'expected a number' };
  if (isWhole && !Number.isInteger(value)) return { problem: 'expected a whole number' };
  if (min !== undefined && value < min) return { problem: `expected ${min} or more` };
  if (max !== undefined && value > max) return { problem: `expected ${max} at the most` };
  return { value };
}

function textOf(
  { isRequired, minLength = 0, maxLength }: Extract<Field, { kind: 'text' }>,
  text: string,
): Read {
  if (text === '' && !isRequired) return { value: undefined };
  if (text.length < minLength) {
    return { problem: minLength === 1 ? 'expected a text' : `expected ${minLength} characters or more` };
  }
  if (maxLength !== undefined && text.length > maxLength)
    return { problem: `expected ${maxLength} characters at the most` };
  return { value: text };
}

function fieldOf(name: string, schema: Schema, isRequired: boolean, isUnknown: boolean): Field {
  const { title, description } = schema;
  const asked = {
    name,
    title: typeof title === 'string' ? title : name,
    ...(typeof description === 'string' ? { help: description } : {}),
    isRequired,
  };
  const { default: given } = schema;
  const options = optionsOf(schema);
  if (options) return { ...asked, kind: 'choice', options, initial: placeIn(options, given) };
  const { items } = schema;
  const several = schema['type'] === 'array' && isRecord(items) ? optionsOf(items) : undefined;
  if (several) {
    const chosen = Array.isArray(given)
      ? given.map((one) => several.indexOf(one)).filter((at) => at >= 0)
      : [];
    return { ...asked, kind: 'several', options: several, initial: chosen };
  }
  switch (schema['type']) {
    case 'boolean':
      return { ...asked, kind: 'boolean', initial: typeof given === 'boolean' ? given : undefined };
    case 'number':
    case 'integer': {
      const isWhole = schema['type'] === 'integer';
      // Bounds that a library states for every whole number.
      const [min, max] = [bound(schema['minimum']), bound(schema['maximum'])];
      return {
        ...asked,
        kind: 'number',
        isWhole,
        ...(min === undefined ? {} : { min }),
        ...(max === undefined ? {} : { max }),
        initial: typeof given === 'number' ? String(given) : '',
      };
    }
    case 'string': {
      const { minLength, maxLength } = schema;
      return {
        ...asked,
        kind: 'text',
        isLong: typeof maxLength !== 'number' || maxLength > LINE,
        ...(typeof minLength === 'number' ? { minLength } : {}),
        ...(typeof maxLength === 'number' ? { maxLength } : {}),
        initial: typeof given === 'string' ? given : '',
      };
    }
    default:
      // An answer without a schema is most often a text.
      if (isUnknown) return { ...asked, kind: 'text', isLong: true, initial: '' };
      return { ...asked, kind: 'json', initial: given === undefined ? '' : JSON.stringify(given) };
  }
}

/** What there is to choose from, where a schema says that. */
function optionsOf(schema: Schema): readonly unknown[] | undefined {
  if (Array.isArray(schema['enum']) && schema['enum'].length <= MAX_OPTIONS) return schema['enum'];
  if ('const' in schema) return [schema['const']];
  for (const key of ['anyOf', 'oneOf']) {
    const ways = schema[key];
    if (!Array.isArray(ways) || ways.length === 0 || ways.length > MAX_OPTIONS) continue;
    const options = ways.map((way) => (isRecord(way) ? optionsOf(way) : undefined));
    if (options.every((one) => one !== undefined)) return options.flat();
  }
  return undefined;
}

function placeIn(options: readonly unknown[], value: unknown): string | undefined {
  const place = value === undefined ? -1 : options.indexOf(value);
  return place === -1 ? undefined : String(place);
}

/** The schema that a reference within the whole leads to. */
function resolved(schema: Schema, whole: Schema, depth = 0): Schema {
  const { $ref: reference } = schema;
  if (typeof reference !== 'string' || !reference.startsWith('#/') || depth > 8) return schema;
  let here: unknown = whole;
  for (const key of reference.slice(2).split('/')) here = isRecord(here) ? here[key] : undefined;
  return isRecord(here) ? resolved(here, whole, depth + 1) : schema;
}

function bound(value: unknown): number | undefined {
  return typeof value === 'number' && Math.abs(value) < Number.MAX_SAFE_INTEGER ? value : undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

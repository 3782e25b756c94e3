/**
 * Events as JSON text that gives back what went in, or a refusal that says where it could not.
 *
 * JSON has no Infinity, NaN, -0 or undefined, and no objects without a prototype: these are written as an object
 * with the key `$`. Data that has such a key itself is wrapped likewise, so that nothing is ever mistaken.
 *
 * I1  `decodeEvent(encodeEvent(event))` equals the event, but that fields which are undefined are left out.
 * I2  What cannot be kept so (functions, cycles, class instances, bigints, symbols, holes …) is an error.
 */
import { inWords } from '../../../values/errors.ts';
import { JsonSurvey } from '../../../values/json-survey.ts';
import type { SystemEvent } from '../../system-event.ts';

/** @throws TypeError that names the event's type, the path of the field, and what is there */
export function encodeEvent(event: SystemEvent): string {
  const survey = new JsonSurvey();
  const problem = survey.problemOf(event);
  if (problem !== undefined) {
    throw new TypeError(
      `event ${event.type}: ${survey.path} is ${problem}, expected data that JSON can hold`,
    );
  }
  return JSON.stringify(survey.isPlain ? event : tagged(event));
}

/** @throws SyntaxError when the text is no JSON, TypeError when it is not of an event */
export function decodeEvent(text: string): SystemEvent {
  const parsed: unknown = JSON.parse(text);
  if (typeof parsed !== 'object' || parsed === null || !('sequence' in parsed) || !('type' in parsed)) {
    throw new TypeError(`expected an event, got ${inWords(parsed)}`);
  }
  return (text.includes('"$":') ? untagged(parsed) : parsed) as SystemEvent;
}

type Fields = Record<string, unknown>;

function tagged(value: unknown): unknown {
  if (typeof value === 'number') {
    return Number.isFinite(value) && !Object.is(value, -0)
      ? value
      : { $: Object.is(value, -0) ? '-0' : String(value) };
  }
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value))
    return value.map((item) => (item === undefined ? { $: 'undefined' } : tagged(item)));
  // fromEntries, for a field named `__proto__` is a field like any other.
  const fields = Object.fromEntries(Object.entries(value).map(([key, field]) => [key, tagged(field)]));
  if (Object.getPrototypeOf(value) === null) return { $: 'bare', of: fields };
  return Object.hasOwn(value, '$') ? { $: 'plain', of: fields } : fields;
}

function untagged(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(untagged);
  if (!Object.hasOwn(value, '$')) return untaggedFields(value);
  const { $: tag, of } = value as { readonly $: unknown; readonly of?: object };
  switch (tag) {
    case 'undefined':
      return undefined;
    case '-0':
    case 'NaN':
    case 'Infinity':
    case '-Infinity':
      return Number(tag);
    case 'plain':
      return untaggedFields(of ?? {});
    case 'bare':
      return Object.setPrototypeOf(untaggedFields(of ?? {}), null);
    default:
      throw new TypeError(`expected a tag of this format, got ${inWords(tag)}`);
  }
}

function untaggedFields(value: object): Fields {
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, untagged(field)]));
}

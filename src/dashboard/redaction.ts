/**
 * What of the users' own data may leave the program: bounded, as plain JSON, and redacted.
 *
 * I1  Nothing under a redacted path leaves, in no answer and in no event. Neither does a text or a number under a key that
 *     names a secret, at any depth.
 * I2  Any value can be given: a cycle, a class instance, a getter that throws. The result is JSON.
 * I3  The answer is bounded in depth, length and size, whatever was given.
 */
import { z } from 'zod';
import type { SpecChange, SystemEvent } from '../index.ts';
import { isSecretFigure, isSecretKey, REDACTED, secretKeyOf } from '../runtime/values/secrets.ts';
import { urlInWords } from '../runtime/values/url-in-words.ts';
import type { ShownEvent } from './protocol.ts';

/**
 * Where a path begins: `initArgs` of an agent, `input` of a task, its `output` and the `details` of its questions, the
 * saved `state`, the `detail` of a health check, `variables.NAME`, a `log` line's fields.
 */
export type Root = 'initArgs' | 'input' | 'output' | 'details' | 'state' | 'detail' | 'variables' | 'log';

const ROOTS: readonly Root[] = [
  'initArgs',
  'input',
  'output',
  'details',
  'state',
  'detail',
  'variables',
  'log',
];

const MAX_DEPTH = 12;
const MAX_ENTRIES = 200;
const MAX_TEXT = 4_000;
/** Values in one answer. */
const MAX_VALUES = 4_000;

/** Paths, and what they have to begin with. `*` stands for any one key. */
export const redactedPaths = z.array(
  z.string().refine((path) => ROOTS.some((root) => path === root || path.startsWith(`${root}.`)), {
    error: `expected a path that begins with one of ${ROOTS.join(', ')}`,
  }),
);

type Paths = readonly (readonly string[])[];

export class Redaction {
  readonly #paths: Paths;

  constructor(paths: readonly string[]) {
    this.#paths = paths.map((path) => path.split('.'));
  }

  /** `value` as it may be shown. @param keys where it is under its root */
  shown(root: Root, value: unknown, ...keys: readonly string[]): unknown {
    let paths: Paths = this.#paths;
    for (const key of [root, ...keys]) {
      paths = under(paths, key);
      if (isEnd(paths)) return REDACTED;
    }
    return new Copy().of(value, paths, secretKeyOf(keys) ?? keys.at(-1) ?? root, 0);
  }

  /** An event as it may be shown: its users' data redacted, and long lists cut. */
  event(event: SystemEvent): ShownEvent {
    const shown: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(event)) shown[key] = this.#field(event, key, value);
    return shown as unknown as ShownEvent;
  }

  #field(event: SystemEvent, key: string, value: unknown): unknown {
    if (value === undefined) return undefined;
    if (key === 'input' || key === 'output') return this.shown(key, value);
    // A person's answer may be as confidential as the task's output.
    if (key === 'answer' && event.type === 'question.answered') return this.shown('output', value);
    if (key === 'value' && event.type === 'variable.changed')
      return this.shown('variables', value, event.name);
    if (key === 'value' && event.type === 'round.opened')
      return this.shown('variables', value, event.variable);
    if (event.type === 'agent.registered' || event.type === 'agent.updated') {
      if (key === 'spec') return this.spec(event.spec);
    }
    if (key === 'task' && event.type === 'schedule.set') {
      const { input, ...task } = event.task;
      return { ...task, ...(input === undefined ? {} : { input: this.shown('input', input) }) };
    }
    if (key === 'changes' && event.type === 'agent.updated') {
      return event.changes.map((change) => this.#change(change));
    }
    return plain(value);
  }

  /** A change of a spec, as `initArgs.apiKey`. */
  #change({ field, ...values }: SpecChange): unknown {
    const [root, ...keys] = field.split('.');
    const shownValue = (value: unknown) =>
      root === 'initArgs' ? this.shown('initArgs', value, ...keys) : plain(value);
    const shown = Object.entries(values).map(([end, value]) => [end, shownValue(value)] as const);
    return { field, ...Object.fromEntries(shown) };
  }

  /** A spec, whose `initArgs` are the user's own. */
  spec(spec: object): unknown {
    const shown: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(spec)) {
      if (key === 'initArgs') shown[key] = this.shown('initArgs', value);
      else shown[key] = key === 'module' ? moduleOf(value) : plain(value);
    }
    return shown;
  }
}

/** What is not the users' own, bounded. */
export function plain(value: unknown): unknown {
  return new Copy().of(value, [], '', 0, false);
}

/** A module by its address, or by the type of the agents that it defines. */
function moduleOf(module: unknown): unknown {
  if (module instanceof URL) return { url: urlInWords(module) };
  if (typeof module !== 'object' || module === null) return undefined;
  if ('url' in module && typeof module.url === 'string') return { url: urlInWords(module.url) };
  return 'type' in module && typeof module.type === 'string' ? { type: module.type } : undefined;
}

/** Of the paths, those that go on under `key`, without it. */
function under(paths: Paths, key: string): Paths {
  return paths.filter(([first]) => first === key || first === '*').map((path) => path.slice(1));
}

function isEnd(paths: Paths): boolean {
  return paths.some((path) => path.length === 0);
}

function entriesOf(value: object): readonly (readonly [string, unknown])[] {
  if (value instanceof Map) return [...value].map(([name, one]) => [String(name), one]);
  if (value instanceof Set) return [...value].map((one, place) => [String(place), one]);
  if (value instanceof Error) return Object.entries({ name: value.name, message: value.message });
  return Object.entries(value);
}

function primitiveOf(value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  return typeof value === 'function' || typeof value === 'symbol' ? `[${typeof value}]` : value;
}

/** @param isOwn it is the users' own: its key may say that it is a secret */
function textOf(text: string, key: string, isOwn: boolean): string {
  return isOwn && isSecretKey(key) ? REDACTED : cut(text);
}

function cut(text: string): string {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}… (${text.length} characters)`;
}

/** One copy, and what of its bounds is left. */
class Copy {
  readonly #around: object[] = [];
  #left = MAX_VALUES;

  of(value: unknown, paths: Paths, key: string, depth: number, isOwn = true): unknown {
    this.#left -= 1;
    if (typeof value === 'string') return textOf(value, key, isOwn);
    if (typeof value === 'number' || typeof value === 'bigint') {
      return isOwn && isSecretFigure(key) ? REDACTED : primitiveOf(value);
    }
    if (typeof value !== 'object' || value === null) return primitiveOf(value);
    if (this.#left <= 0) return '[left out: too much]';
    if (this.#around.includes(value)) return '[circular]';
    if (depth >= MAX_DEPTH) return '[left out: too deep]';
    this.#around.push(value);
    try {
      return this.#object(value, paths, key, depth, isOwn);
    } catch {
      return '[cannot be read]';
    } finally {
      this.#around.pop();
    }
  }

  #object(value: object, paths: Paths, key: string, depth: number, isOwn: boolean): unknown {
    if (Array.isArray(value)) return this.#array(value, paths, key, depth, isOwn);
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
    if (value instanceof URL) return textOf(value.href, key, isOwn);
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
    const entries = entriesOf(value);
    const shown: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
    for (const [name, one] of entries.slice(0, MAX_ENTRIES)) {
      const inner = under(paths, name);
      shown[name] = isEnd(inner)
        ? REDACTED
        : this.of(one, inner, secretKeyOf([key, name]) ?? name, depth + 1, isOwn);
    }
    if (entries.length > MAX_ENTRIES) shown['…'] = `${entries.length - MAX_ENTRIES} more`;
    return shown;
  }

  #array(values: readonly unknown[], paths: Paths, key: string, depth: number, isOwn: boolean): unknown {
    const shown = values.slice(0, MAX_ENTRIES).map((one, place) => {
      const inner = under(paths, String(place));
      return isEnd(inner) ? REDACTED : this.of(one, inner, key, depth + 1, isOwn);
    });
    if (values.length > MAX_ENTRIES) shown.push(`… ${values.length - MAX_ENTRIES} more`);
    return shown;
  }
}

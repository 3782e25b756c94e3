/** The reference tables, read from the sources: events with their fields, error codes with who throws them, defaults. Pure. */
import { agentSpec } from '../../src/machines/index.ts';
import { errorCodes, type SystemEventType } from '../../src/index.ts';
import { ALERT_WORDS, ERROR_WORDS, EVENT_WORDS } from './words.ts';

/** One source file, and what its public methods are called under; nothing where they are functions. */
export interface ApiSource {
  readonly under: string;
  readonly text: string;
  /** Methods that are called under something else. */
  readonly names?: Readonly<Record<string, string>>;
}

/** @param source text of system-event.ts */
export function eventTable(source: string): string {
  const rows = Object.entries(EVENT_WORDS).map(([type, words]) => [
    code(type),
    words,
    fieldsOf(source, type as SystemEventType)
      .map(code)
      .join(', '),
  ]);
  return table(['event', 'means', 'fields'], rows);
}

export function alertTable(): string {
  return table(
    ['alert', 'means'],
    Object.entries(ALERT_WORDS).map(([alert, words]) => [code(alert), words]),
  );
}

export function errorTable(sources: readonly ApiSource[]): string {
  const throwers = throwersIn(sources);
  const rows = errorCodes.map((name) => [
    code(name),
    ERROR_WORDS[name],
    (throwers.get(name) ?? []).map(code).join(', '),
  ]);
  return table(['code', 'means', 'thrown by'], rows);
}

/** Every field of a spec that has a default, with it. */
export function defaultsTable(): string {
  const { module: _, initArgs: __, ...defaults } = agentSpec.parse({ module: {} });
  return table(
    ['field', 'default'],
    leavesOf(defaults).map(([path, value]) => [code(path), code(valueWords(value))]),
  );
}

/** The names of the fields of one event in the interface `EventFields`, optional ones with a `?`. */
function fieldsOf(source: string, type: SystemEventType): readonly string[] {
  const body = bodyOf(source, 'interface EventFields');
  const start = body.indexOf(`'${type}':`);
  if (start < 0) throw new Error(`no fields of ${type}`);
  const expression = upToSemicolon(body.slice(start + type.length + 3));
  const shared = [...inBraces(expression, 0).matchAll(/\b[A-Z]\w+\b/g)].flatMap(([name]) =>
    interfaceFields(source, name),
  );
  return [...shared, ...namesIn(inBraces(expression, 1))];
}

function interfaceFields(source: string, name: string): readonly string[] {
  const [, around] = new RegExp(`interface ${name} extends (\\w+)`).exec(source) ?? [];
  const body = bodyOf(source, `interface ${name}`);
  return [...(around === undefined ? [] : interfaceFields(source, around)), ...namesIn(inBraces(body, 0))];
}

/** The fields that are declared in `text`, optional ones with their `?`. */
function namesIn(text: string): readonly string[] {
  return [...text.matchAll(/readonly (\w+\??):/g)].map(([, name = '']) => name);
}

function bodyOf(source: string, head: string): string {
  const start = source.indexOf('{', source.indexOf(`${head} `));
  let depth = 0;
  for (let at = start; at < source.length; at++) {
    depth += source[at] === '{' ? 1 : source[at] === '}' ? -1 : 0;
    if (depth === 0) return source.slice(start + 1, at);
  }
  throw new Error(`${head} does not end`);
}

function upToSemicolon(text: string): string {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    depth += text[at] === '{' ? 1 : text[at] === '}' ? -1 : 0;
    if (text[at] === ';' && depth === 0) return text.slice(0, at);
  }
  return text;
}

/** Of `source`, without its comments, the text that stands in exactly `depth` pairs of braces. */
function inBraces(source: string, depth: number): string {
  const text = source.replaceAll(/\/\*\*?[^]*?\*\//g, '');
  let now = 0;
  let kept = '';
  for (const sign of text) {
    now += sign === '{' ? 1 : sign === '}' ? -1 : 0;
    if (now === depth && sign !== '}') kept += sign;
  }
  return kept;
}

/** For each code, the methods whose `@throws` names it; `as start` stands for what that throws. */
function throwersIn(sources: readonly ApiSource[]): ReadonlyMap<string, readonly string[]> {
  const codesOf = new Map<string, ReadonlySet<string>>();
  for (const { under, text, names = {} } of sources) {
    for (const [, comment = '', isFunction, name = ''] of text.matchAll(
      /\/\*\*((?:(?!\*\/)[^])*)\*\/\s*(?:export )?(?:async )?(?:readonly )?(function )?([a-z]\w*)(?:: )?(?:<[^(]*>)?\(/g,
    )) {
      // What is called under a name is a method; functions beside it are the runtime's own.
      if (comment.includes('@internal') || (isFunction !== undefined && under !== '')) continue;
      const said = /@throws AgentSystemError([^]*?)(?=\n\s*\*\s*(?:@|Source:)|$)/.exec(comment)?.[1] ?? '';
      const full = names[name] ?? (under === '' ? name : `${under}.${name}`);
      const [, others = ''] = /\bas ((?:`[\w.]+`(?:, | and )?)+)/.exec(said) ?? [];
      const like = [...others.matchAll(/`([\w.]+)`/g)].flatMap(([, same = '']) => [
        ...(codesOf.get(same) ?? codesOf.get(`${under}.${same}`) ?? []),
      ]);
      const codes = [...said.matchAll(/`([A-Z_]{5,})`/g)].map(([, found = '']) => found);
      if (codes.length + like.length > 0) codesOf.set(full, new Set([...like, ...codes]));
    }
  }
  const throwers = new Map<string, string[]>();
  for (const [method, codes] of codesOf) {
    for (const name of codes) throwers.set(name, [...(throwers.get(name) ?? []), method]);
  }
  return throwers;
}

function leavesOf(value: object, path = ''): [string, unknown][] {
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]): [string, unknown][] => {
    const here = path === '' ? key : `${path}.${key}`;
    return typeof inner === 'object' && inner !== null ? leavesOf(inner, here) : [[here, inner]];
  });
}

function valueWords(value: unknown): string {
  return typeof value === 'number' && Number.isFinite(value) ? value.toLocaleString('en') : String(value);
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  return [heads, heads.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function code(text: string): string {
  return `\`${text}\``;
}

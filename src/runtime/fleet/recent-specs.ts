/**
 * Recently parsed specs: most agents of a fleet are registered with one of a few.
 *
 * Of a spec here `id`, `module` and `initArgs`, which differ between agents, are empty. Equal specs share the frozen
 * parts of the first one.
 *
 * I1  What is found equals the schema's result for the spec: only own fields of plain objects are compared, and all
 *     of them.
 */
import type { ParsedAgentSpec } from '../../machines/index.ts';
import { dataCopy, frozenData } from '../values/data-copy.ts';

/** A spec of which the fields that differ between agents are empty. */
export type SharedSpec = Omit<ParsedAgentSpec, 'id' | 'module' | 'initArgs'> &
  Readonly<Record<'id' | 'module' | 'initArgs', undefined>>;

type Fields = Readonly<Record<string, unknown>>;

interface Recent {
  readonly said: Fields;
  readonly spec: SharedSpec;
}

const MAX_RECENT = 8;

export class RecentSpecs {
  private readonly recent: Recent[] = [];
  private next = 0;

  /** @throws what a getter of the spec throws */
  find(spec: object): SharedSpec | undefined {
    if (!isPlain(spec)) return undefined;
    for (const recent of this.recent) if (isSame(spec as Fields, recent.said, true)) return recent.spec;
    return undefined;
  }

  /** Returns it, to be shared by equal specs: its parts are frozen. It is not, for V8 copies what is frozen slowly. */
  remember(spec: object, parsed: ParsedAgentSpec): SharedSpec {
    const shared = { ...frozenData(sharedSpecOf(parsed)) };
    if (!isPlain(spec)) return shared;
    const said = Object.fromEntries(Object.entries(spec).filter(([key]) => !isOwn(key)));
    this.recent[this.next] = { said: dataCopy(said), spec: shared };
    this.next = (this.next + 1) % MAX_RECENT;
    return shared;
  }
}

/** All fields that most specs have, or get, are written here: V8 keeps those that come later in a list of their own. */
function sharedSpecOf(parsed: ParsedAgentSpec): SharedSpec {
  const { id: _id, module: _module, initArgs: _initArgs, isolation, resources, ...others } = parsed;
  const { coordination, restart, shutdownMs, startTimeoutMs, health, tasks, ...rare } = others;
  return {
    id: undefined,
    module: undefined,
    initArgs: undefined,
    isolation,
    resources,
    coordination,
    restart,
    shutdownMs,
    startTimeoutMs,
    health,
    tasks,
    ...rare,
  };
}

/** @param ofAll whether these are whole specs, of which some fields differ between agents */
function isSame(value: Fields, other: Fields, ofAll: boolean): boolean {
  let left = 0;
  for (const _ in other) left += 1;
  for (const key in value) {
    if (ofAll && isOwn(key)) continue;
    if (!Object.hasOwn(other, key)) return false;
    const said = value[key];
    const known = other[key];
    if (typeof said === 'object' ? !isEqual(said, known) : !Object.is(said, known)) return false;
    left -= 1;
  }
  return left === 0;
}

function isEqual(value: unknown, other: unknown): boolean {
  if (typeof value !== 'object' || value === null) return Object.is(value, other);
  if (typeof other !== 'object' || other === null) return false;
  if (Array.isArray(value)) {
    if (!Array.isArray(other) || value.length !== other.length) return false;
    return value.every((item, at) => isEqual(item, other[at]));
  }
  return isPlain(value) && isPlain(other) && isSame(value as Fields, other as Fields, false);
}

/** Whether a field of a spec differs between agents. */
function isOwn(key: string): boolean {
  return key === 'id' || key === 'module' || key === 'initArgs';
}

function isPlain(value: object): boolean {
  return Object.getPrototypeOf(value) === Object.prototype;
}

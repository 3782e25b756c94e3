/**
 * What specs said lately, and what the schema made of it: most agents of a fleet are registered with a few.
 *
 * A spec here is without `id`, `module` and `initArgs`, which are each agent's own. Whoever says the same shares the
 * frozen parts of the one that said it first.
 *
 * I1  What is found is what the schema would make of the spec: only own fields of plain objects are compared, and all
 *     of them.
 */
import type { ParsedAgentSpec } from '../../machines/index.ts';
import { dataCopy, frozenData } from '../values/data-copy.ts';

/** A spec without what is each agent's own. */
export type SharedSpec = Omit<ParsedAgentSpec, 'id' | 'module' | 'initArgs'>;

type Fields = Readonly<Record<string, unknown>>;

interface Recent {
  readonly said: Fields;
  readonly spec: SharedSpec;
}

const MAX_RECENT = 8;

export class RecentSpecs {
  readonly #recent: Recent[] = [];
  #next = 0;

  /** @throws whatever a getter of the spec throws */
  find(spec: object): SharedSpec | undefined {
    if (!isPlain(spec)) return undefined;
    for (const recent of this.#recent) if (isSame(spec as Fields, recent.said, true)) return recent.spec;
    return undefined;
  }

  /** Gives it back frozen, for all that say the same. */
  remember(
    spec: object,
    { id: _id, module: _module, initArgs: _initArgs, ...parsed }: ParsedAgentSpec,
  ): SharedSpec {
    const shared = frozenData(parsed);
    if (!isPlain(spec)) return shared;
    const said = Object.fromEntries(Object.entries(spec).filter(([key]) => !isOwn(key)));
    this.#recent[this.#next] = { said: dataCopy(said), spec: shared };
    this.#next = (this.#next + 1) % MAX_RECENT;
    return shared;
  }
}

/** @param ofAll whether these are specs, of which some fields are each agent's own */
function isSame(value: Fields, other: Fields, ofAll: boolean): boolean {
  let left = 0;
  for (const _ in other) left += 1;
  for (const key in value) {
    if (ofAll && isOwn(key)) continue;
    if (!Object.hasOwn(other, key) || !isEqual(value[key], other[key])) return false;
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

/** Whether a field of a spec is each agent's own. */
function isOwn(key: string): boolean {
  return key === 'id' || key === 'module' || key === 'initArgs';
}

function isPlain(value: object): boolean {
  return Object.getPrototypeOf(value) === Object.prototype;
}

/**
 * Events as listeners outside of the runtime get them: frozen, so that no listener can change what others get.
 *
 * The runtime leaves its events as they are, for to freeze each would cost more than to make it. An event is frozen,
 * through and through, when it is given to the first one outside.
 *
 * I1  An event that is frozen was handed out, and holds no JSON data that could be changed.
 * I2  What the runtime or its user holds besides is not frozen under their hands: the event gets a copy of it.
 * I3  What is no JSON data (a client in the initArgs of an in-process agent, say) stays what it is, by reference.
 */
import type { AgentLife, RestartHistory } from '../../machines/index.ts';
import { frozenData } from '../values/data-copy.ts';
import type { SystemEvent } from './system-event.ts';

/** Deeper than this, data is left as it is. */
const MAX_DEPTH = 500;

/** Data of which it is known that it is frozen through and through. */
const immutable = new WeakSet<object>();

/** The very event, from now on immutable. */
export function handOut(event: SystemEvent): SystemEvent {
  if (Object.isFrozen(event)) return event;
  const fields = event as unknown as Record<string, unknown>;
  for (const key in fields) {
    const field = fields[key];
    if (typeof field !== 'object' || field === null) continue;
    const kept = key === 'life' ? frozenLife(field as AgentLife) : immutableOf(field);
    if (kept !== field) fields[key] = kept;
  }
  return Object.freeze(event);
}

/** The one that was frozen last: the events of a restart share theirs, and to freeze it again costs as much. */
let frozenHistory: RestartHistory | undefined;

/** A life belongs to the events that tell of it, and what it shares with its chart never changes: it takes no copy. */
function frozenLife(life: AgentLife): AgentLife {
  const { history, reason, paused, parked } = life;
  if (history !== frozenHistory) {
    Object.freeze(history.recent);
    Object.freeze(history);
    frozenHistory = history;
  }
  if (typeof reason === 'object') frozenData(reason);
  if (paused !== undefined) Object.freeze(paused);
  if (parked !== undefined) Object.freeze(parked);
  return Object.freeze(life);
}

function immutableOf(data: object): object {
  if (immutable.has(data)) return data;
  try {
    return immutableCopy(data, new Map(), 0);
  } catch {
    // A getter that throws, say: no JSON data.
    return data;
  }
}

/** The data itself where it is immutable, else a copy that is. */
function immutableCopy(data: object, copies: Map<object, object>, depth: number): object {
  if (immutable.has(data) || depth === MAX_DEPTH || !isPlain(data)) return data;
  const known = copies.get(data);
  if (known !== undefined) return known;
  const copy: object = Array.isArray(data) ? [] : (Object.create(Object.getPrototypeOf(data)) as object);
  copies.set(data, copy);
  let isImmutable = Object.isFrozen(data);
  for (const key of Object.keys(data)) {
    const value = (data as Record<string, unknown>)[key];
    let kept = value;
    if (typeof value === 'object' && value !== null) {
      kept = immutableCopy(value, copies, depth + 1);
      if (kept !== value) isImmutable = false;
    }
    if (key === '__proto__') Object.defineProperty(copy, key, { value: kept, enumerable: true });
    else (copy as Record<string, unknown>)[key] = kept;
  }
  const result = isImmutable ? data : Object.freeze(copy);
  copies.set(data, result);
  immutable.add(result);
  return result;
}

function isPlain(value: object): boolean {
  if (Array.isArray(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/**
 * An event, or a state, that a store can keep, of one that it cannot: what it could not hold is told in words.
 *
 * What goes into them is judged where it comes from. Should something have passed all the same, a store refuses the
 * whole append, every time, and with it whatever comes after. Better to lose one field than the store. Pure.
 */
import type { SavedState } from '../definition/saved-state.ts';
import { errorInfoOf, inWords } from '../values/errors.ts';
import { jsonProblemOf } from '../values/json-survey.ts';
import type { SystemEvent } from './system-event.ts';

/** The very event, unless it holds what is no JSON data. */
export function keepableEvent(event: SystemEvent): SystemEvent {
  if (jsonProblemOf(event) === undefined) return event;
  const fields = Object.entries(event).map(([name, value]) => [name, keepable(name, value)] as const);
  return Object.fromEntries(fields) as unknown as SystemEvent;
}

/** The very state, unless its text is not well-formed, as no JSON is. */
export function keepableState(state: SavedState | null): SavedState | null {
  return state === null || state.json.isWellFormed() ? state : { ...state, json: state.json.toWellFormed() };
}

function keepable(name: string, value: unknown): unknown {
  if (jsonProblemOf(value) === undefined) return value;
  return name === 'error' ? errorInfoOf(value) : inWords(value);
}

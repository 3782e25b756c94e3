/**
 * Constructors of the events that are frequent. What they make is a plain object, as by a literal.
 *
 * V8 decides of each object literal, once, whether what it makes is old from birth: it is, if nearly all of it outlived
 * the first collections of young memory. While a program is young its heap is small, and the events that a store keeps
 * outlive all of these. From then on each event, once dropped, waits for a collection of the whole heap. For what a
 * constructor makes V8 decides nothing of the kind.
 */
import type { DraftOf, EventDraft } from './system-event.ts';

/** @param fill sets the fields, in order; a `function`, for it becomes the constructor */
export function eventConstructor<Type extends EventDraft['type'], Given extends readonly unknown[]>(
  fill: (this: DraftOf<Type>, ...given: Given) => void,
): new (
  ...given: Given
) => DraftOf<Type> {
  fill.prototype = Object.prototype;
  return fill as unknown as new (
    ...given: Given
  ) => DraftOf<Type>;
}

/**
 * The newest events of a store: `events.read` reads forward from a sequence, and a page wants the end.
 *
 * The end is searched for in ever larger pieces, so that the length of the history does not matter.
 */
import type { SystemEvent } from '../index.ts';
import type { WatchedEvents } from './watched-system.ts';

const FIRST_PIECE = 2_000;
const GROWTH = 8;
/** Events that are read in one go, before the event loop gets a turn. */
const SLICE = 1_000;

export interface TailQuery {
  readonly agentId?: string;
  /** The newest event that may be in it. */
  readonly until: number;
  readonly limit: number;
}

/** The newest `limit` events up to `until`, oldest first. @throws AgentSystemError `STORE_FAILED` */
export async function tailOf(
  events: WatchedEvents,
  { agentId, until, limit }: TailQuery,
): Promise<SystemEvent[]> {
  const who = agentId === undefined ? {} : { agentId };
  for (let piece = FIRST_PIECE; ; piece *= GROWTH) {
    const after = Math.max(0, until - piece);
    const tail: SystemEvent[] = [];
    let looked = 0;
    for await (const event of events.read({ ...who, after })) {
      if (event.sequence > until) break;
      tail.push(event);
      if (tail.length >= limit * 2) tail.splice(0, tail.length - limit);
      looked += 1;
      if (looked % SLICE === 0) await new Promise(setImmediate);
    }
    if (tail.length >= limit || after === 0) return tail.slice(-limit);
  }
}

/**
 * The sequence of the newest kept event, 0 if there is none; it can only be found by reading.
 *
 * @param from an event that is known to be there: what is looked at is beyond it
 */
export async function newestSequence(events: WatchedEvents, from = 0): Promise<number> {
  const isBeyond = async (after: number) => {
    for await (const _ of events.read({ after, limit: 1 })) return true;
    return false;
  };
  if (!(await isBeyond(from))) return from;
  // Beyond `some` there is an event, beyond `none` there is not.
  let [some, none] = [from, from + 1];
  while (await isBeyond(none)) [some, none] = [none, none + (none - from) * 2];
  while (none - some > 1) {
    const middle = Math.floor((some + none) / 2);
    if (await isBeyond(middle)) some = middle;
    else none = middle;
  }
  return none;
}

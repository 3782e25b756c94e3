/**
 * Reads the events of a store, a page at a time: reading a long history does not block the program.
 *
 * I1  What is read are the events up to the newest at the moment of the call, in order, each once.
 * I2  The event loop has a turn every few milliseconds.
 */
import { z } from 'zod';
import type { SteadyClock } from '../time/clock.ts';
import { LoopTurn, owedTurn } from '../time/loop-turn.ts';
import { AgentSystemError, errorInfoOf, inWords } from '../values/errors.ts';
import { handOut } from './handed-out-event.ts';
import type { EventQuery, Store } from './store.ts';
import type { SystemEvent } from './system-event.ts';

/** Which events are read. */
export interface ReadOptions {
  /** Events of this agent. */
  readonly agentId?: string | undefined;
  /** Only events with a greater sequence; default 0, all that are kept. */
  readonly after?: number | undefined;
  /** At the most so many; default all. */
  readonly limit?: number | undefined;
}

export const readSchema = z.strictObject({
  agentId: z.string().optional(),
  after: z.int().min(0).default(0),
  limit: z
    .custom<number>(
      (value) => value === Infinity || (Number.isSafeInteger(value) && (value as number) >= 0),
      {
        error: 'expected a whole number, 0 or more, or Infinity',
      },
    )
    .default(Infinity),
});

/** About a millisecond of a durable store's work. */
const PAGE = 200;

/**
 * @param newest sequence of the last event to read
 * @throws AgentSystemError `STORE_FAILED`
 */
export async function* readEvents(
  { store, clock }: { readonly store: Store; readonly clock: SteadyClock },
  { agentId, after, limit }: z.output<typeof readSchema>,
  newest: number,
): AsyncGenerator<SystemEvent, void, undefined> {
  await owedTurn(clock);
  const turn = new LoopTurn();
  for (let from = after, left = limit; left > 0; ) {
    const asked = Math.min(PAGE, left);
    const page = await pageOf(store, { agentId, after: from, limit: asked });
    for (const event of page) {
      if (event.sequence > newest) return;
      if (turn.isOver(clock.elapsed())) await turn.next();
      yield handOut(event);
    }
    const last = page.at(-1);
    if (last === undefined || page.length < asked) return;
    from = last.sequence;
    left -= page.length;
  }
}

async function pageOf(store: Store, query: EventQuery): Promise<readonly SystemEvent[]> {
  try {
    const page = await store.read(query);
    if (Array.isArray(page)) return page;
    throw new TypeError(`expected a list of events from the store, got ${inWords(page)}`);
  } catch (thrown) {
    throw new AgentSystemError('STORE_FAILED', `events could not be read: ${errorInfoOf(thrown).message}`, {
      cause: thrown,
    });
  }
}

/** `mabeam events`: what happened, and with `--follow` what happens, of a running system or of a store. */
import { setTimeout as wait } from 'node:timers/promises';
import type { EventPage } from '../../dashboard/protocol.ts';
import { apiOf, type Call, type JsonOption, storeOf, type TargetOptions } from '../call.ts';
import { type AnyEvent, eventLine } from '../event-line.ts';
import { usageFailure } from '../failure.ts';
import { type FleetApi, part } from '../fleet-api.ts';
import { readingStore, requireAgent } from '../stored-fleet.ts';

export interface EventsOptions extends TargetOptions, JsonOption {
  readonly agent?: string;
  /** Beginning of the types that are shown. */
  readonly type?: string;
  readonly after?: number;
  readonly limit?: number;
  readonly follow?: boolean;
}

const PIECE = 1_000;
/** Wait before a broken connection is resumed; ms. */
const AGAIN_MS = 250;
const DEFAULT_LIMIT = 100;

export async function events(call: Call, options: EventsOptions): Promise<void> {
  const { console } = call;
  const { type, limit, follow } = options;
  const store = storeOf(options);
  if (store !== undefined && follow)
    throw usageFailure('--follow: nothing happens in a store that no program has open');
  const fits = (event: AnyEvent) =>
    type === undefined || event.type === type || event.type.startsWith(`${type}.`);
  const show = (event: AnyEvent) => {
    console.out(options.json ? JSON.stringify(event) : eventLine(event, console.paint));
  };
  if (store !== undefined) {
    for (const event of await ofStore(store, options, fits)) show(event);
    return;
  }
  const api = apiOf(call, options);
  const path = options.agent === undefined ? 'events' : `agents/${part(options.agent)}/events`;
  const read = async (query: { readonly after?: number | undefined; readonly limit: number }) =>
    (await api.get<EventPage>(path, query)).events;

  let { after } = options;
  let left = limit ?? (follow || after !== undefined ? Infinity : DEFAULT_LIMIT);
  if (after === undefined) {
    const newest = await read({
      limit: follow ? (limit ?? 10) : Math.min(PIECE * 10, type === undefined ? left : PIECE * 10),
    });
    const shown = newest.filter(fits).slice(-Math.min(left, newest.length));
    shown.forEach(show);
    after = newest.at(-1)?.sequence ?? 0;
    if (!follow) return;
    left = Infinity;
  }
  const pieces = follow ? followed(call, api, options.agent, after) : pieced(read, after);
  for await (const piece of pieces) {
    for (const event of piece.filter(fits)) {
      if (left <= 0) return;
      show(event);
      left -= 1;
    }
    if (left <= 0) return;
  }
}

/** All that is there beyond a place. */
async function* pieced(
  read: (query: { readonly after: number; readonly limit: number }) => Promise<readonly AnyEvent[]>,
  after: number,
): AsyncGenerator<readonly AnyEvent[]> {
  for (let at = after; ; ) {
    const piece = await read({ after: at, limit: PIECE });
    yield piece;
    if (piece.length < PIECE) return;
    at = piece.at(-1)!.sequence;
  }
}

/** All further events. A connection that breaks off is resumed where it was, for as long as the server answers. */
async function* followed(
  { signal }: Call,
  api: FleetApi,
  agent: string | undefined,
  after: number,
): AsyncGenerator<readonly AnyEvent[]> {
  for (let at = after; ; ) {
    const stream = await api.stream('events/stream', { after: at, agent }, signal);
    try {
      for await (const { event, data } of stream) {
        if (event !== 'events') continue;
        const { events } = JSON.parse(data) as EventPage;
        yield events;
        at = events.at(-1)?.sequence ?? at;
      }
    } catch {
      signal.throwIfAborted();
    }
    await wait(AGAIN_MS, undefined, { signal });
  }
}

/** The newest that fit, or the first beyond `after`. */
async function ofStore(
  path: string,
  { agent, after, limit = after === undefined ? DEFAULT_LIMIT : Infinity }: EventsOptions,
  fits: (event: AnyEvent) => boolean,
): Promise<readonly AnyEvent[]> {
  return readingStore(path, async (fleet) => {
    const found: AnyEvent[] = [];
    const query = {
      ...(agent === undefined ? {} : { agentId: agent }),
      ...(after === undefined ? {} : { after }),
    };
    for await (const event of fleet.events(query)) {
      if (!fits(event)) continue;
      found.push(event);
      if (after !== undefined && found.length >= limit) break;
      if (after === undefined && found.length > limit * 2) found.splice(0, found.length - limit);
    }
    if (agent !== undefined && found.length === 0) await requireAgent(fleet, agent);
    return after === undefined ? found.slice(-limit) : found;
  });
}

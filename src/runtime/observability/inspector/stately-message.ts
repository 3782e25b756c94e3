/**
 * Charts as messages of the Stately inspector's protocol (`@statelyai/inspect` 0.7). Pure, and never throws.
 *
 * A snapshot that is no JSON, or too much of it, is sent without what makes it so, and says that.
 */
import { errorInfoOf } from '../../values/errors.ts';
import type { ChartStep } from './chart-step.ts';

/** One actor as the relay last saw it. */
export interface SeenActor {
  /** Tells actors apart. */
  readonly sessionId: string;
  /** Of the actor that its own is part of; its own where it is part of none. */
  readonly rootId: string;
  /** What its parent calls it. */
  readonly ownId: string | undefined;
  readonly definition: ChartStep['definition'];
  readonly firstSeenAt: number;
  lastSeenAt: number;
  /** The event that led to the newest snapshot. */
  event: ChartStep['event'];
  snapshot: ChartStep['snapshot'];
}

/** Viewers tell the protocol's messages from others by this field. */
const PROTOCOL_VERSION = '0.7.2';
const MAX_SNAPSHOT_CHARACTERS = 100_000;

/** Says who an actor is: its name, its definition and how it stands. */
export function actorMessage(actor: SeenActor): string {
  const { sessionId, rootId, firstSeenAt } = actor;
  return JSON.stringify({
    type: '@xstate.actor',
    name: nameOf(actor),
    sessionId,
    rootId,
    ...(sessionId === rootId ? {} : { parentId: rootId }),
    definition: definitionOf(actor),
    snapshot: plainSnapshotOf(actor),
    id: null,
    createdAt: String(firstSeenAt),
    _version: PROTOCOL_VERSION,
  });
}

/** Says how an actor stands now, and which event led there. */
export function snapshotMessage(actor: SeenActor): string {
  const { sessionId, rootId, lastSeenAt, event } = actor;
  return JSON.stringify({
    type: '@xstate.snapshot',
    sessionId,
    rootId,
    snapshot: plainSnapshotOf(actor),
    event: plainOf(event) ?? { type: event.type },
    id: null,
    createdAt: String(lastSeenAt),
    _version: PROTOCOL_VERSION,
  });
}

/**
 * The chart of an agent's life is called as its agent, the agent's own as both, any other as its definition, and
 * what has none as it was spawned.
 */
function nameOf({ sessionId, ownId, definition, snapshot }: SeenActor): string {
  const id = fieldOf(snapshot.context, 'id');
  if (typeof id === 'string') return id;
  const definitionId = fieldOf(definition?.config, 'id');
  const isNamed = ownId !== undefined && ownId !== sessionId && ownId !== definitionId;
  if (typeof definitionId === 'string') return isNamed ? `${ownId}: ${definitionId}` : definitionId;
  return ownId ?? sessionId;
}

const definitions = new WeakMap<object, string>();

/** The definition as text, made once for all actors that share it. */
function definitionOf(actor: SeenActor): string {
  const config = actor.definition?.config;
  if (config === undefined) return JSON.stringify({ id: nameOf(actor) });
  let text = definitions.get(config);
  if (text === undefined) {
    const plain = plainOf(config, (_, value: unknown) =>
      typeof value === 'function' ? { type: value.name || 'inline' } : value,
    );
    text = JSON.stringify(plain ?? { id: fieldOf(config, 'id') });
    definitions.set(config, text);
  }
  return text;
}

/** What XState has in the snapshot of a chart, and the engine in none. */
const BESIDE = { historyValue: {}, children: {}, tags: [] };

function plainSnapshotOf({ definition, snapshot }: SeenActor): unknown {
  const { status, value } = snapshot;
  const bare = value === undefined ? { status } : { ...BESIDE, status, value };
  try {
    const text = JSON.stringify(snapshot);
    if (text.length <= MAX_SNAPSHOT_CHARACTERS)
      return { ...(definition === undefined ? {} : BESIDE), ...(JSON.parse(text) as object) };
    return {
      ...bare,
      context: { leftOut: `${text.length} characters, at most ${MAX_SNAPSHOT_CHARACTERS} are sent` },
    };
  } catch (thrown) {
    return { ...bare, context: { leftOut: errorInfoOf(thrown).message } };
  }
}

function plainOf(value: object, replacer?: (key: string, value: unknown) => unknown): unknown {
  try {
    const text = JSON.stringify(value, replacer);
    return text === undefined || text.length > MAX_SNAPSHOT_CHARACTERS ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

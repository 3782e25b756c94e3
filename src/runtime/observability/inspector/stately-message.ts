/**
 * Charts as messages of the Stately inspector's protocol (`@statelyai/inspect` 0.7). Pure, and never throws.
 *
 * A snapshot that is no JSON, or too much of it, is sent without what makes it so, and says that.
 */
import type { ChartInspectionEvent } from '../../engine/chart.ts';
import { errorInfoOf } from '../../values/errors.ts';

export type InspectedRef = ChartInspectionEvent['actorRef'];

/** One actor as the relay last saw it. */
export interface SeenActor {
  readonly ref: InspectedRef;
  readonly rootId: string;
  readonly firstSeenAt: number;
  lastSeenAt: number;
  /** The event that led to the newest snapshot. */
  event: { readonly type: string };
  snapshot: unknown;
}

/** Viewers tell the protocol's messages from others by this field. */
const PROTOCOL_VERSION = '0.7.2';
const MAX_SNAPSHOT_CHARACTERS = 100_000;

/** Says who an actor is: its name, its definition and how it stands. */
export function actorMessage(actor: SeenActor): string {
  const { ref, rootId, firstSeenAt } = actor;
  return JSON.stringify({
    type: '@xstate.actor',
    name: nameOf(actor),
    sessionId: ref.sessionId,
    rootId,
    ...(ref.sessionId === rootId ? {} : { parentId: rootId }),
    definition: definitionOf(actor),
    snapshot: plainSnapshotOf(actor),
    id: null,
    createdAt: String(firstSeenAt),
    _version: PROTOCOL_VERSION,
  });
}

/** Says how an actor stands now, and which event led there. */
export function snapshotMessage(actor: SeenActor): string {
  const { ref, rootId, lastSeenAt, event } = actor;
  return JSON.stringify({
    type: '@xstate.snapshot',
    sessionId: ref.sessionId,
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
function nameOf({ ref, snapshot }: SeenActor): string {
  const context = fieldOf(snapshot, 'context');
  const id = fieldOf(context, 'id');
  if (typeof id === 'string') return id;
  const definitionId = fieldOf(configOf(ref), 'id');
  const own = fieldOf(ref, 'id');
  const isNamed = typeof own === 'string' && own !== ref.sessionId && own !== definitionId;
  if (typeof definitionId === 'string') return isNamed ? `${own}: ${definitionId}` : definitionId;
  return typeof own === 'string' ? own : ref.sessionId;
}

const definitions = new WeakMap<object, string>();

/** The definition as text, made once for all actors that share it. */
function definitionOf(actor: SeenActor): string {
  const config = configOf(actor.ref);
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

function plainSnapshotOf({ snapshot }: SeenActor): unknown {
  const [status, value] = [fieldOf(snapshot, 'status') ?? 'active', fieldOf(snapshot, 'value')];
  const bare = value === undefined ? { status } : { status, value };
  try {
    const text = JSON.stringify(snapshot);
    if (text === undefined) return bare;
    if (text.length <= MAX_SNAPSHOT_CHARACTERS) return JSON.parse(text);
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

function configOf(ref: InspectedRef): object | undefined {
  const config = fieldOf(fieldOf(ref, 'logic'), 'config');
  return typeof config === 'object' && config !== null ? config : undefined;
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

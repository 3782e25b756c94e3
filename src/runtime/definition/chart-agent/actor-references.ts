/**
 * What refers to an actor in the data of a chart, as data: by the path that leads there.
 *
 * XState keeps the id alone, and finds again what is a child of the actor that holds the reference. A parent, a
 * sibling or a child that has ended would be `undefined` in the next life, and what is sent to `undefined` XState sends
 * to the sender itself.
 *
 * I1  In the next life a reference leads to the actor that it led to, wherever that stands in the tree.
 * I2  One to an actor that has ended leads to one that has ended: whatever it is sent is dropped.
 */
import { type AnyActorRef, createActor, fromTransition } from 'xstate';
import { type ActorPath, nameOf, pathsOf } from './actor-paths.ts';
import type { ChartSnapshot, ChildSnapshot } from './chart-snapshot.ts';
import { replaced } from './plain-data.ts';

/** Of the form that XState gives one, with the path; `null` where the actor has ended. */
interface Reference {
  readonly xstate$$type: 1;
  readonly id: string;
  readonly path?: ActorPath | null;
}

/** A reference in a snapshot: who holds it, and under which keys. */
interface Held {
  readonly holder: ActorPath;
  readonly at: readonly string[];
  readonly reference: Reference;
}

/** Whether a value is an actor, as XState tells. */
export function isActor(value: object): value is AnyActorRef {
  return 'sessionId' in value && 'send' in value && 'ref' in value;
}

export function isReference(value: object): value is Reference {
  return 'xstate$$type' in value && 'id' in value && typeof value.id === 'string';
}

/** Makes references of the actors of one chart. */
export function referencesOf(root: AnyActorRef): (actor: AnyActorRef) => Reference {
  let paths: ReturnType<typeof pathsOf> | undefined;
  return (actor) => {
    paths ??= pathsOf(root);
    return { xstate$$type: 1, id: actor.id, path: paths.get(actor) ?? null };
  };
}

/** A persisted snapshot with its contexts as they are, in which actors are not yet replaced by their ids. */
export function withActors(snapshot: ChartSnapshot, actor: AnyActorRef): ChartSnapshot {
  const { context, children } = actor.getSnapshot() as {
    readonly context: ChartSnapshot['context'];
    readonly children: Readonly<Record<string, AnyActorRef>>;
  };
  const below = Object.entries(snapshot.children).map(([id, child]) => {
    const isChart = 'children' in child.snapshot;
    return [
      id,
      isChart ? { ...child, snapshot: withActors(child.snapshot as never, children[id]!) } : child,
    ] as const;
  });
  return { ...snapshot, context, children: Object.fromEntries(below) as Record<string, ChildSnapshot> };
}

/** To be asked before XState is given the snapshot, for it writes into it. */
export function heldReferences(snapshot: ChartSnapshot): readonly Held[] {
  const found: Held[] = [];
  const walk = (chart: ChildSnapshot['snapshot'], holder: ActorPath): void => {
    const { children = {}, ...own } = chart as Partial<ChartSnapshot>;
    const look = (value: unknown, at: readonly string[]): void => {
      if (typeof value !== 'object' || value === null) return;
      if (isReference(value)) found.push({ holder, at, reference: value });
      else for (const [key, part] of Object.entries(value)) look(part, [...at, key]);
    };
    look(own, []);
    for (const [id, child] of Object.entries(children)) walk(child.snapshot, [...holder, id]);
  };
  walk(snapshot, []);
  return found;
}

/** Gives the actors of a chart that was restored, and is not started, what they referred to. */
export function giveBack(root: AnyActorRef, held: readonly Held[]): void {
  if (held.length === 0) return;
  const actors = byPath(root);
  for (const { holder, at, reference } of held) {
    const owner = actors.get(nameOf(holder));
    if (owner === undefined) continue;
    const last = at.at(-1)!;
    let place = owner.getSnapshot() as Record<string, unknown>;
    for (const key of at.slice(0, -1)) place = place[key] as Record<string, unknown>;
    place[last] = actorOf(reference, actors, owner, holder);
  }
}

/** An event with the actors that it referred to. */
export function eventWithActors<Event extends object>(event: Event, root: AnyActorRef): Event {
  let actors: ReadonlyMap<string, AnyActorRef> | undefined;
  return replaced(event, (part) =>
    isReference(part) ? actorOf(part, (actors ??= byPath(root)), root, []) : part,
  ) as Event;
}

function actorOf(
  { id, path }: Reference,
  actors: ReadonlyMap<string, AnyActorRef>,
  owner: AnyActorRef,
  holder: ActorPath,
): AnyActorRef {
  const known = path === null ? undefined : actors.get(nameOf(path ?? [...holder, id]));
  return known ?? ended(id, owner);
}

function byPath(root: AnyActorRef): ReadonlyMap<string, AnyActorRef> {
  return new Map([...pathsOf(root)].map(([actor, path]) => [nameOf(path), actor]));
}

/** An actor that has ended, and that its parent may stop once more. It is started, for it drops only then what it is sent. */
function ended(id: string, parent: AnyActorRef): AnyActorRef {
  const snapshot = { status: 'stopped', context: undefined, output: undefined, error: undefined } as const;
  const nothing = fromTransition(() => undefined, undefined);
  return createActor(nothing, { id, parent, snapshot }).start();
}

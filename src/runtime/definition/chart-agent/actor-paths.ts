/** Where an actor stands in the tree of a chart. */
import type { AnyActorRef } from 'xstate';

/** An actor, by the ids that lead to it from the root; the root itself is `[]`. */
export type ActorPath = readonly string[];

/** An actor and all below it, each with its path. */
export function pathsOf(root: AnyActorRef): Map<AnyActorRef, ActorPath> {
  const paths = new Map<AnyActorRef, ActorPath>();
  const walk = (actor: AnyActorRef, path: ActorPath): void => {
    paths.set(actor, path);
    const { children } = actor.getSnapshot() as { readonly children?: Record<string, AnyActorRef> };
    for (const [id, child] of Object.entries(children ?? {})) walk(child, [...path, id]);
  };
  walk(root, []);
  return paths;
}

export function nameOf(path: ActorPath): string {
  return JSON.stringify(path);
}

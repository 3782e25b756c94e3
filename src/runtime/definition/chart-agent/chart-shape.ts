/**
 * The shape of a chart that its snapshots depend on: its states, their invoked work and their delays. Pure.
 *
 * Guards, actions and the targets of transitions may change and a snapshot still fits; states, invoked work and
 * delays may not.
 */
import { createHash } from 'node:crypto';
import type { AnyActorLogic, AnyStateMachine, AnyStateNode, StateValue } from 'xstate';
import { isMachine } from '../../engine/interpreted-counts.ts';
import { isFor } from '../../engine/table/event-descriptors.ts';
import { nodesOf } from '../../engine/transition-name.ts';

/** Hash of the shape: snapshots fit only charts with the same one. */
export function chartIdentity(machine: AnyStateMachine): string {
  const text = JSON.stringify(machineShape(machine, new Set()));
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

function machineShape(machine: AnyStateMachine, within: ReadonlySet<AnyStateMachine>): unknown {
  if (within.has(machine)) return 'itself';
  const inside = new Set([...within, machine]);
  const machines = Object.entries(machine.implementations.actors as Record<string, unknown>)
    .filter((entry): entry is [string, AnyStateMachine] => isMachine(entry[1]))
    .map(([src, child]) => [src, machineShape(child, inside)])
    .toSorted(([a], [b]) => String(a).localeCompare(String(b)));
  return [nodeShape(machine.root), machines];
}

function nodeShape(node: AnyStateNode): unknown {
  return {
    type: node.type,
    history: node.history || undefined,
    invoke: node.invoke.map(({ id, src }) => [id, src]),
    after: node.after.map(({ eventType }) => eventType),
    states: Object.entries(node.states).map(([key, child]) => [key, nodeShape(child as AnyStateNode)]),
  };
}

/** What runs behind the name that a child was invoked or spawned by. */
export function logicOf(machine: AnyStateMachine, src: string): AnyActorLogic | undefined {
  const inline = /^xstate\.invoke\.(\d+)\.(.*)$/.exec(src);
  if (inline === null) {
    const actors = machine.implementations.actors as Record<string, AnyActorLogic | undefined>;
    return Object.hasOwn(actors, src) ? actors[src] : undefined;
  }
  const [, index, id] = inline;
  const node = nodesOf(machine.root).find((one) => one.id === id);
  const invoked: unknown = [node?.config.invoke ?? []].flat()[Number(index)]?.src;
  return typeof invoked === 'object' && invoked !== null ? (invoked as AnyActorLogic) : undefined;
}

/**
 * The nodes that are active in a state value, the root first.
 *
 * @throws Error that names a state which the chart does not have
 */
export function activeNodes(machine: AnyStateMachine, value: StateValue): AnyStateNode[] {
  const walk = (node: AnyStateNode, inside: unknown): AnyStateNode[] => {
    const parts: [string, unknown][] =
      typeof inside === 'string' ? [[inside, undefined]] : Object.entries(inside ?? {});
    const below = parts.flatMap(([key, deeper]) => {
      const child = Object.hasOwn(node.states, key) ? (node.states[key] as AnyStateNode) : undefined;
      if (child === undefined) {
        throw new Error(
          `it stands in ${[...node.path, key].join('.')}, a state that ${machine.id} does not have`,
        );
      }
      return walk(child, deeper);
    });
    return [node, ...below];
  };
  return walk(machine.root, value);
}

/** Which of these events a chart has a transition for, as it stands; guards are not asked. */
export function offeredEvents(nodes: readonly AnyStateNode[], types: readonly string[]): string[] {
  const descriptors = new Set(nodes.flatMap((node) => node.ownEvents as readonly string[]));
  return types.filter((type) => [...descriptors].some((descriptor) => isFor(descriptor, type)));
}

/** Whether any state of a chart has a transition for exactly this event. Charts that it invokes are not asked. */
export function hasEvent(machine: AnyStateMachine, type: string): boolean {
  return nodesOf(machine.root).some((node) => (node.ownEvents as readonly string[]).includes(type));
}

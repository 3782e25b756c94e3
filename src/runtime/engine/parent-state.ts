/** Which state of a definition has children, if any has. Pure. */
import type { AnyStateMachine } from 'xstate';

type Node = AnyStateMachine['root'];

const parents = new WeakMap<AnyStateMachine, string | undefined>();

/** Id of the first state that invokes or spawns a child. Those that `enqueueActions` spawns are not seen. */
export function parentIn(definition: AnyStateMachine): string | undefined {
  if (!parents.has(definition)) parents.set(definition, firstIn(definition.root));
  return parents.get(definition);
}

function firstIn(node: Node): string | undefined {
  const transitions = [...node.transitions.values(), node.always ?? []].flat();
  const actions = [
    ...node.entry,
    ...node.exit,
    ...node.initial.actions,
    ...transitions.flatMap((t) => t.actions),
  ];
  if (node.invoke.length > 0 || actions.some((action) => spawns(action, node))) return node.id;
  for (const child of Object.values(node.states)) {
    const found = firstIn(child);
    if (found !== undefined) return found;
  }
  return undefined;
}

function spawns(action: unknown, { machine }: Node): boolean {
  const named = typeof action === 'object' ? (action as { type: string }).type : action;
  const implementation =
    typeof named === 'string' ? (machine.implementations.actions as Record<string, unknown>)[named] : named;
  return typeof implementation === 'function' && 'type' in implementation && implementation.type === SPAWN;
}

const SPAWN = 'xstate.spawnChild';

/** A state value as one string: `alive.serving`, and of parallel regions `work.(body.busy|mail.idle)`. Pure. */
import type { AnyStateMachine } from 'xstate';

type Node = AnyStateMachine['root'];

/** Regions stand in the order of the definition, whatever theirs in the value. */
export function pathOf(node: Node, value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return '';
  const parts = Object.values(node.states)
    .filter(({ key }) => Object.hasOwn(value, key))
    .map((child) => {
      const rest = pathOf(child, (value as Record<string, unknown>)[child.key]);
      return rest === '' ? child.key : `${child.key}.${rest}`;
    });
  return node.type === 'parallel' ? `(${parts.join('|')})` : (parts[0] ?? '');
}

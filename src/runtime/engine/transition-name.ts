/** How the transitions of a chart are named where people read what was taken of them, and which there are. Pure. */
import type { AnyStateNode, AnyTransitionDefinition } from 'xstate';

/** A state and all that are in it. */
export function nodesOf(node: AnyStateNode): AnyStateNode[] {
  return [node, ...Object.values(node.states).flatMap((child) => nodesOf(child as AnyStateNode))];
}

/** Those that do something: a transition without target and actions only says that an event is no matter here. */
export function transitionsOf(node: AnyStateNode): readonly AnyTransitionDefinition[] {
  const all = [...node.transitions.values()].flat().concat(node.always ?? []) as AnyTransitionDefinition[];
  return all.filter(({ target, actions, reenter }) => target !== undefined || actions.length > 0 || reenter);
}

const names = new WeakMap<object, string>();

/** `writer.review: approve → published`; alternatives of one event are told apart by their guards and places. */
export function nameOf(transition: AnyTransitionDefinition): string {
  let name = names.get(transition);
  if (name === undefined) {
    const { source, eventType, target, guard } = transition;
    const siblings = (
      eventType === '' ? (source.always ?? []) : (source.transitions.get(eventType) ?? [])
    ) as AnyTransitionDefinition[];
    const where =
      target === undefined ? 'stays' : `→ ${target.map(({ path }) => path.join('.') || 'itself').join(', ')}`;
    const when = guard === undefined ? '' : ` if ${guardName(guard)}`;
    const place = siblings.length > 1 ? ` (${siblings.indexOf(transition) + 1} of ${siblings.length})` : '';
    name = `${source.id}: ${eventType === '' ? 'always' : eventInWords(String(eventType))} ${where}${when}${place}`;
    names.set(transition, name);
  }
  return name;
}

/** That its guard was asked, and said no. */
export function refusalOf(transition: AnyTransitionDefinition): string {
  return `${nameOf(transition)}, refused`;
}

function guardName(guard: unknown): string {
  if (typeof guard === 'string') return guard;
  if (typeof guard === 'function') return guard.name === '' ? 'a guard' : guard.name;
  const type: unknown =
    typeof guard === 'object' && guard !== null && 'type' in guard ? guard.type : undefined;
  return typeof type === 'string' ? type : 'a guard';
}

/** XState's own events as a reader of the chart knows them. */
function eventInWords(type: string): string {
  return type
    .replace(/^xstate\.after\.(.+?)\..*$/, 'after $1')
    .replace(/^xstate\.done\.actor\./, 'done: ')
    .replace(/^xstate\.error\.actor\./, 'error: ')
    .replace(/^xstate\.done\.state\./, 'done: ');
}

/** Which transitions of a state an event type may mean: the exact ones first, then wildcards, the longest first. Pure. */

/** Whether a descriptor means this type: it is the type, `*`, or `some.*`. */
export function isFor(descriptor: string, type: string): boolean {
  if (descriptor === type || descriptor === '*') return true;
  if (!descriptor.endsWith('.*')) return false;
  const tokens = descriptor.split('.');
  const wildcard = tokens.indexOf('*');
  const given = type.split('.');
  // A wildcard anywhere but at the end means nothing.
  return wildcard === tokens.length - 1 && tokens.slice(0, -1).every((token, at) => token === given[at]);
}

export const isWildcard = (descriptor: string): boolean => descriptor === '*' || descriptor.endsWith('.*');

/** In the order in which they are asked. */
export function candidatesFor<Candidate>(
  transitions: ReadonlyMap<string, readonly Candidate[]>,
  type: string,
): readonly Candidate[] {
  const wildcards = [...transitions.keys()]
    .filter((descriptor) => descriptor !== type && isFor(descriptor, type))
    .toSorted((a, b) => b.length - a.length);
  return [...(transitions.get(type) ?? []), ...wildcards.flatMap((wildcard) => transitions.get(wildcard)!)];
}

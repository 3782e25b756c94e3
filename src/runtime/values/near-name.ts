/** Which of the names that there are somebody may have meant by one that there is not. */

/** Of many names, so many are told. */
const TOLD = 20;

/** In words, for a message: the name that was meant, or else which there are. */
export function meantBy(name: unknown, there: readonly string[]): string {
  const near = typeof name === 'string' ? nearest(name, there) : undefined;
  if (near !== undefined) return `did you mean ${JSON.stringify(near)}?`;
  if (there.length === 0) return 'there are none';
  const more = there.length > TOLD ? ` and ${there.length - TOLD} more` : '';
  return `there are: ${there.slice(0, TOLD).join(', ')}${more}`;
}

/** The name that is the most like it, if one is. */
export function nearest(name: string, there: readonly string[]): string | undefined {
  const asked = name.toLowerCase().slice(0, 64);
  if (asked.length < 2) return undefined;
  const contained = there.filter((one) => {
    const known = one.toLowerCase();
    return known.startsWith(asked) || (known.length > 3 && asked.startsWith(known));
  });
  if (contained.length > 0) return contained[0];
  let best: string | undefined;
  // Short names are like many.
  let bestDistance = asked.length < 4 ? 0 : Math.min(2, Math.floor((asked.length + 1) / 3)) + 1;
  for (const one of there) {
    const distance = distanceOf(asked, one.toLowerCase().slice(0, 64));
    if (distance < bestDistance) [best, bestDistance] = [one, distance];
  }
  return best;
}

/** Characters to add, to take away or to exchange. */
function distanceOf(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let at = 0; at < one.length; at += 1) {
    const next = [at + 1];
    for (let to = 0; to < other.length; to += 1) {
      const exchanged = row[to]! + (one[at] === other[to] ? 0 : 1);
      next.push(Math.min(exchanged, row[to + 1]! + 1, next[to]! + 1));
    }
    row = next;
  }
  return row.at(-1)!;
}

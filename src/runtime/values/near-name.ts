/** The known name that was probably meant by an unknown one. */
import { closestMatch } from 'leven';

/** Of many names a message lists so many. */
const MAX_LISTED = 20;

/** In words, for a message: the name that was meant, or else which there are. */
export function meantBy(name: unknown, there: readonly string[]): string {
  const near = typeof name === 'string' ? nearest(name, there) : undefined;
  if (near !== undefined) return `did you mean ${JSON.stringify(near)}?`;
  if (there.length === 0) return 'there are none';
  const more = there.length > MAX_LISTED ? ` and ${there.length - MAX_LISTED} more` : '';
  return `there are: ${there.slice(0, MAX_LISTED).join(', ')}${more}`;
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
  // Short names are like many.
  if (asked.length < 4) return undefined;
  const known = there.map((one) => one.toLowerCase().slice(0, 64));
  const maxDistance = Math.min(2, Math.floor((asked.length + 1) / 3));
  const closest = closestMatch(asked, known, { maxDistance });
  return closest === undefined ? undefined : there[known.indexOf(closest)];
}

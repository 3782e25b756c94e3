/** The known name that was probably meant by an unknown one. */
import { closestMatch } from 'leven';
import { beginningOf } from './cut-text.ts';
import { inWords } from './in-words.ts';

/** Of many names a message lists so many. */
const MAX_LISTED = 20;
/** Of very many, so many are compared. */
const MAX_COMPARED = 1_000;
/** So much of a name is compared, and listed. */
const MAX_LENGTH = 64;

/** In words, for a message: the name that was meant, or else which there are. */
export function meantBy(name: unknown, there: readonly string[]): string {
  const near = typeof name === 'string' ? nearest(name, there) : undefined;
  if (near !== undefined) return `did you mean ${inWords(near)}?`;
  return there.length === 0 ? 'there are none' : `there are: ${listed(there)}`;
}

/** Names in a row; of many, some, and how many more there are. */
export function listed(names: readonly string[]): string {
  const some = names.slice(0, MAX_LISTED).map((name) => beginningOf(name, MAX_LENGTH));
  const more = names.length > MAX_LISTED ? ` and ${names.length - MAX_LISTED} more` : '';
  return `${some.join(', ')}${more}`;
}

/** The name that is the most like it, if one is. */
export function nearest(name: string, there: readonly string[]): string | undefined {
  const asked = compared(name);
  if (asked.length < 2) return undefined;
  const known = there.slice(0, MAX_COMPARED).map(compared);
  const contained = known.findIndex(
    (one) => one.startsWith(asked) || (one.length > 3 && asked.startsWith(one)),
  );
  if (contained !== -1) return there[contained];
  // Short names are like many.
  if (asked.length < 4) return undefined;
  const maxDistance = Math.min(2, Math.floor((asked.length + 1) / 3));
  const closest = closestMatch(asked, known, { maxDistance });
  return closest === undefined ? undefined : there[known.indexOf(closest)];
}

function compared(name: string): string {
  return name.slice(0, MAX_LENGTH).toLowerCase();
}

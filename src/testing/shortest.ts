/** A list that does something, made short: parts of it are left out for as long as the rest still does it. */

/**
 * @param list does it
 * @param still whether a shorter one still does; what comes after its last call that said so is not needed
 * @returns the shortest that was found: of it no single element can be left out, unless `still` had enough of it
 */
export async function shortest<Element>(
  list: readonly Element[],
  still: (list: readonly Element[]) => Promise<readonly Element[] | undefined>,
): Promise<readonly Element[]> {
  let best = list;
  for (let size = Math.ceil(best.length / 2); size >= 1; ) {
    let isShorter = false;
    for (let from = 0; from < best.length; ) {
      const shorter = await still([...best.slice(0, from), ...best.slice(from + size)]);
      if (shorter === undefined) from += size;
      else {
        best = shorter;
        isShorter = true;
      }
    }
    if (size === 1 && !isShorter) break;
    if (!isShorter || size === 1) size = Math.max(1, size >> 1);
  }
  return best;
}

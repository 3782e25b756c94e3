/**
 * A page of what is kept in shards: of all of them together the first so many after an id, in the order of the ids. It
 * keeps nothing, and knows no engine.
 *
 * I1  A page costs by the page. Ids are spread evenly over the shards: each is asked for its share of the page and some
 *     more, and again only one whose share was too small.
 * I2  Nothing is left out between two items of a page: a shard is asked again until it has no more before the last.
 */
import type { AgentPage } from '../../runtime/fleet/agent-filter.ts';

export interface Shards<Item> {
  readonly count: number;
  readonly idOf: (item: Item) => string;
  /** The page of one shard: fewer than its limit only if there are no more. */
  readonly ask: (shard: number, page: AgentPage) => Promise<readonly Item[]>;
}

export async function pageOf<Item>(shards: Shards<Item>, { limit, after }: AgentPage): Promise<Item[]> {
  const { count, idOf, ask } = shards;
  if (limit === 0) return [];
  const share = shareOf(limit, count);
  let page: Item[] = [];
  let asked = Array.from({ length: count }, (_, shard) => ({ shard, after }));
  while (asked.length > 0) {
    const parts = await Promise.all(
      asked.map(async (one) => ({ ...one, items: await ask(one.shard, { limit: share, after: one.after }) })),
    );
    page = [...page, ...parts.flatMap(({ items }) => items)]
      .toSorted((one, other) => (idOf(one) < idOf(other) ? -1 : 1))
      .slice(0, limit);
    const last = page.length === limit ? idOf(page.at(-1)!) : undefined;
    // What a shard has beyond its share matters as long as its last item is on the page, or would be.
    asked = parts
      .filter(({ items }) => share !== undefined && items.length >= share)
      .map(({ shard, items }) => ({ shard, after: idOf(items.at(-1)!) }))
      .filter(({ after: end }) => last === undefined || end < last);
  }
  return page;
}

/** What a shard is likely to have of a page, and as much more as that varies by. */
function shareOf(limit: number | undefined, count: number): number | undefined {
  if (limit === undefined) return undefined;
  const even = limit / count;
  return Math.min(limit, Math.ceil(even + 2 * Math.sqrt(even)));
}

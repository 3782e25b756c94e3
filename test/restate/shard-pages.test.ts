/** Laws of a page of what is kept in shards. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { bucketOf, SHARDS } from '../../src/restate/engine/names.ts';
import { pageOf } from '../../src/restate/client/shard-pages.ts';

type Page = Parameters<typeof pageOf>[1];

/** Shards of these ids, and what they are asked for. */
function shardsOf(ids: readonly string[], count = SHARDS) {
  const calls: Page[] = [];
  let given = 0;
  const ask = (shard: number, { limit, after }: Page) => {
    calls.push({ limit, after });
    const items = ids
      .filter((id) => bucketOf(id, count) === shard && (after === undefined || id > after))
      .toSorted()
      .slice(0, limit);
    given += items.length;
    return Promise.resolve(items);
  };
  return {
    page: (page: Page) => pageOf({ count, idOf: (id: string) => id, ask }, page),
    calls,
    given: () => given,
  };
}

const anIds = fc.uniqueArray(fc.string({ maxLength: 3 }), { maxLength: 60 });

it('a page is what a sorted list of all has after an id, however its shards are filled', async () => {
  await fc.assert(
    fc.asyncProperty(
      anIds,
      fc.integer({ min: 1, max: 20 }),
      fc.option(fc.nat({ max: 70 }), { nil: undefined }),
      fc.option(fc.string({ maxLength: 3 }), { nil: undefined }),
      async (ids, count, limit, after) => {
        const wanted = ids.toSorted().filter((id) => after === undefined || id > after);
        expect(await shardsOf(ids, count).page({ limit, after })).toEqual(wanted.slice(0, limit));
      },
    ),
    { numRuns: 500 },
  );
});

it('pages one after the other are the whole list, each id once', async () => {
  await fc.assert(
    fc.asyncProperty(anIds, fc.integer({ min: 1, max: 9 }), async (ids, limit) => {
      const { page } = shardsOf(ids);
      const listed: string[] = [];
      for (
        let part = await page({ limit });
        part.length > 0;
        part = await page({ limit, after: part.at(-1) })
      ) {
        listed.push(...part);
      }
      expect(listed).toEqual(ids.toSorted());
    }),
  );
});

it('a page of 100 out of 10,000 is put together of less than 250, and none of nothing is asked for', async () => {
  const ids = Array.from({ length: 10_000 }, (_, index) => `agent-${index}`);
  const { page, calls, given } = shardsOf(ids);
  expect(await page({ limit: 100, after: 'agent-5' })).toHaveLength(100);
  expect(given()).toBeGreaterThanOrEqual(100);
  expect(given()).toBeLessThan(250);
  const before = calls.length;
  expect(await page({ limit: 0 })).toEqual([]);
  expect(calls.length).toBe(before);
});

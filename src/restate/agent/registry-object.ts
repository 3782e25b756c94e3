/**
 * Who exists, for lists: what each agent showed last of itself. The agent's own object is the truth.
 *
 * I1  A list of all is put together of what is kept as it stands there: nothing of it is read here.
 * I2  A page reads no more agents than it has; with a filter as many as it takes to find them, some at a time.
 */
import {
  object,
  type ObjectContext,
  type ObjectSharedContext,
  RestatePromise,
} from '@restatedev/restate-sdk';
import { type AgentPage } from '../../runtime/fleet/agent-filter.ts';
import { exclusive, shared } from '../engine/handlers.ts';
import { type Look, REGISTRY } from '../engine/names.ts';
import { fleetOptions } from '../engine/service-options.ts';
import { getAll } from '../engine/state-reads.ts';
import { asKept, wire } from '../engine/wire.ts';
import { briefOf, isWanted, type LookFilter } from './look-filter.ts';

async function looksOf(ctx: ObjectSharedContext, filter: LookFilter): Promise<readonly Look[]> {
  const looks = await getAll<Look>(ctx, await ctx.stateKeys());
  // One that was forgotten meanwhile is listed no more.
  return looks.filter((look) => look !== null && isWanted(look, filter)) as Look[];
}

/** With a filter so many are read at once, at least. */
const AT_ONCE = 64;

/** A page of the ids, in their order: an agent's key is its id. */
async function idsOf(ctx: ObjectSharedContext, { limit, after }: AgentPage): Promise<string[]> {
  const ids = (await ctx.stateKeys()).filter((id) => after === undefined || id > after);
  return ids.toSorted().slice(0, limit);
}

/** A page of those that a filter is of. */
async function pageOf(ctx: ObjectSharedContext, filter: LookFilter, page: AgentPage): Promise<Look[]> {
  const { limit = Infinity, after } = page;
  const ids = await idsOf(ctx, { after });
  const isOfAll = Object.values(filter).every((wanted) => wanted === undefined);
  const found: Look[] = [];
  for (let from = 0; from < ids.length && found.length < limit; ) {
    const left = limit - found.length;
    const some = ids.slice(from, from + (isOfAll ? left : Math.max(left, AT_ONCE)));
    from += some.length;
    for (const look of await getAll<Look>(ctx, some)) {
      if (look !== null && isWanted(look, filter) && found.length < limit) found.push(look);
    }
  }
  return found;
}

/** All that is kept, as one list. */
async function allAsKept(ctx: ObjectSharedContext): Promise<Uint8Array> {
  const keys = await ctx.stateKeys();
  const reads = keys.map((key) => ctx.get(key, asKept) as RestatePromise<Uint8Array | null>);
  const kept = await RestatePromise.all(reads);
  const texts = kept.flatMap((bytes) => (bytes === null ? [] : [Buffer.from(bytes).toString('utf8')]));
  return Buffer.from(`[${texts.join(',')}]`);
}

export const registryObject = object({
  name: REGISTRY,
  handlers: {
    put: exclusive(
      { input: wire, output: wire, enableLazyState: true },
      (ctx: ObjectContext, given: unknown) => {
        const { id, look } = given as { id: string; look: Look | null };
        if (look === null) ctx.clear(id);
        else ctx.set(id, look, wire);
        return Promise.resolve();
      },
    ),
    /** What is kept of all, or of those that a filter is of. */
    list: shared(
      { input: wire, output: asKept, enableLazyState: true },
      async (ctx: ObjectSharedContext, filter: unknown): Promise<Uint8Array> =>
        filter === null ? allAsKept(ctx) : wire.serialize(await looksOf(ctx, filter as LookFilter)),
    ),
    page: shared(
      { input: wire, output: wire, enableLazyState: true },
      (ctx: ObjectSharedContext, given: unknown) => {
        const { filter, ...page } = given as AgentPage & { readonly filter: LookFilter };
        return pageOf(ctx, filter, page);
      },
    ),
    ids: shared(
      { input: wire, output: wire, enableLazyState: true },
      (ctx: ObjectSharedContext, page: unknown) => idsOf(ctx, page as AgentPage),
    ),
    /** What a list shows in few words. */
    brief: shared(
      { input: wire, output: wire, enableLazyState: true },
      async (ctx: ObjectSharedContext, filter: unknown) =>
        (await looksOf(ctx, filter as LookFilter)).map(briefOf),
    ),
  },
  options: fleetOptions,
});

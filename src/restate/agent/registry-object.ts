/**
 * Who exists, for lists: what each agent showed last of itself. The agent's own object is the truth.
 *
 * I1  A list of all is put together of what is kept as it stands there: nothing of it is read here.
 */
import {
  object,
  type ObjectContext,
  type ObjectSharedContext,
  RestatePromise,
} from '@restatedev/restate-sdk';
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
    /** The same in few words. */
    brief: shared(
      { input: wire, output: wire, enableLazyState: true },
      async (ctx: ObjectSharedContext, filter: unknown) =>
        (await looksOf(ctx, filter as LookFilter)).map(briefOf),
    ),
  },
  options: fleetOptions,
});

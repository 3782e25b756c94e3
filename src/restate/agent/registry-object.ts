/** Who exists, for lists: what each agent showed last of itself. The agent's own object is the truth. */
import { object, type ObjectContext, type ObjectSharedContext } from '@restatedev/restate-sdk';
import { exclusive, shared } from '../engine/handlers.ts';
import { type Look, REGISTRY } from '../engine/names.ts';
import { fleetOptions } from '../engine/service-options.ts';
import { getAll } from '../engine/state-reads.ts';
import { wire } from '../engine/wire.ts';

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
    list: shared(
      { input: wire, output: wire, enableLazyState: true },
      async (ctx: ObjectSharedContext): Promise<readonly Look[]> => {
        const looks = await getAll<Look>(ctx, await ctx.stateKeys());
        // One that was forgotten meanwhile is listed no more.
        return looks.filter((look) => look !== null);
      },
    ),
  },
  options: fleetOptions,
});

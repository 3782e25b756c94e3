/** Who exists, for lists: what each agent showed last of itself. The agent's own object is the truth. */
import { handlers, object, type ObjectContext, type ObjectSharedContext } from '@restatedev/restate-sdk';
import { type Look, REGISTRY } from '../engine/names.ts';
import { fleetOptions } from '../engine/service-options.ts';
import { wire, wireOf } from '../engine/wire.ts';

export const registryObject = object({
  name: REGISTRY,
  handlers: {
    put: handlers.object.exclusive(
      { input: wire, output: wire, enableLazyState: true },
      (ctx: ObjectContext, given: unknown) => {
        const { id, look } = given as { id: string; look: Look | null };
        if (look === null) ctx.clear(id);
        else ctx.set(id, look, wire);
        return Promise.resolve();
      },
    ),
    list: handlers.object.shared({ input: wire, output: wire }, async (ctx: ObjectSharedContext) => {
      const looks: Look[] = [];
      for (const id of await ctx.stateKeys()) {
        const look = await ctx.get(id, wireOf<Look>());
        if (look !== null) looks.push(look);
      }
      return looks;
    }),
  },
  options: fleetOptions,
});

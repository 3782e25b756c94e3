/** What the fleet shares: typed values and their versions. One object, so that versions have one order. */
import { handlers, object, type ObjectSharedContext } from '@restatedev/restate-sdk';
import type { VariableState } from '../runtime/hosting/host.ts';
import { VARIABLES } from './names.ts';
import { fleetOptions } from './service-options.ts';
import { wire, wireOf } from './wire.ts';

export const variablesObject = object({
  name: VARIABLES,
  handlers: {
    /** Those of these that have a value. */
    valuesOf: handlers.object.shared(
      { input: wire, output: wire, enableLazyState: true },
      async (ctx: ObjectSharedContext, given: unknown): Promise<VariableState[]> => {
        const { names } = given as { names: readonly string[] };
        const values: VariableState[] = [];
        for (const name of names) {
          const state = await ctx.get(`value ${name}`, wireOf<VariableState>());
          if (state !== null) values.push(state);
        }
        return values;
      },
    ),
  },
  options: fleetOptions,
});

/**
 * Which agent has the task of a key that was given to no agent by name: one virtual object for each target and key.
 *
 * I1  Submissions with one key to one target come one after the other: they give one task.
 * I2  A key is forgotten some time after its agent has no record of the task any more.
 */
import { object, type ObjectContext } from '@restatedev/restate-sdk';
import { exclusive } from '../engine/handlers.ts';
import type { TaskRecord } from '../../runtime/fleet/task-record.ts';
import type { Answer } from '../engine/call-answer.ts';
import { call, send, toAgent } from '../engine/calls.ts';
import { type Command, KEY, type KeyedSubmission } from '../engine/names.ts';
import { fleetOptions } from '../engine/service-options.ts';
import { wire } from '../engine/wire.ts';

const AGENT_ID = 'agent';
/** How often it is looked whether there is a record yet, ms. */
const LOOK_MS = 24 * 3_600_000;

/** The task of these keys that an agent has. */
function known(ctx: ObjectContext, agentId: string, keys: object): Promise<TaskRecord | null> {
  return call<TaskRecord | null>(ctx, toAgent(agentId, 'taskOf'), keys);
}

function keysOf(ctx: ObjectContext): object {
  return (JSON.parse(ctx.key) as readonly [object, object])[1];
}

export const keyObject = object({
  name: KEY,
  handlers: {
    /** Gives the task of this key, or a new one to the agent that was picked. */
    submit: exclusive(
      { input: wire, output: wire },
      async (ctx: ObjectContext, given: unknown): Promise<Answer> => {
        const { picked, work, at } = given as KeyedSubmission;
        const holder = await ctx.get<string>(AGENT_ID);
        const task = holder === null ? null : await known(ctx, holder, keysOf(ctx));
        // Whoever has it says what it is to be asked for again.
        const to = task === null ? picked : { value: holder! };
        if ('refusal' in to) return to;
        const asked = { type: 'submit', work, at } satisfies Command;
        const answer = await call<Answer>(ctx, toAgent(to.value!, 'command'), asked);
        if ('refusal' in answer || to.value === holder) return answer;
        ctx.set(AGENT_ID, to.value!);
        if (holder === null) send(ctx, { service: KEY, key: ctx.key, method: 'look' }, null, LOOK_MS);
        return answer;
      },
    ),

    look: exclusive({ input: wire, output: wire }, async (ctx: ObjectContext): Promise<void> => {
      const holder = await ctx.get<string>(AGENT_ID);
      const isKept = holder !== null && (await known(ctx, holder, keysOf(ctx))) !== null;
      if (!isKept) return ctx.clearAll();
      send(ctx, { service: KEY, key: ctx.key, method: 'look' }, null, LOOK_MS);
    }),
  },
  options: fleetOptions,
});

/** The life of an agent as the events that are kept tell it: `events.replay`, wherever they are read from. */
import { z } from 'zod';
import { parseInput } from '../values/malformed.ts';
import { type LifeStep, stepOf } from './replay.ts';
import type { SystemEvent } from './system-event.ts';

const replaySchema = z.strictObject({
  agentId: z.string(),
  untilSequence: z.union([z.literal(Infinity), z.int().min(0)]).default(Infinity),
});

/** @throws AgentSystemError `AGENT_SPEC_INVALID` for what is no id or no sequence, and what `read` throws */
export async function replayed(
  read: (query: { readonly agentId: string }) => AsyncIterable<SystemEvent>,
  id: string,
  until: number | undefined,
): Promise<readonly LifeStep[]> {
  const asked = { agentId: id, untilSequence: until };
  const { agentId, untilSequence } = parseInput(replaySchema, asked, { what: 'events.replay' });
  const steps: LifeStep[] = [];
  for await (const event of read({ agentId })) {
    if (event.sequence > untilSequence) break;
    const step = stepOf(steps.at(-1), event);
    if (step) steps.push(step);
  }
  return steps;
}

/** The events of a system, as its program reads them: as they come, as they were, and as the life of one agent. */
import { z } from 'zod';
import type { Journal } from '../journal/journal.ts';
import { type LifeStep, stepOf } from '../journal/replay.ts';
import { AgentSystemError, inWords } from '../values/errors.ts';
import { parseInput } from '../values/malformed.ts';
import type { AgentSystem } from './agent-system.ts';
import { limitNumber } from './system-options.ts';

const replaySchema = z.strictObject({ agentId: z.string(), untilSequence: limitNumber.default(Infinity) });

export function eventsOf(journal: Journal): AgentSystem['events'] {
  return {
    subscribe: (listener, options) => {
      if (typeof listener !== 'function') {
        throw new AgentSystemError(
          'AGENT_SPEC_INVALID',
          `events.subscribe: expected a function, got ${inWords(listener)}`,
        );
      }
      return journal.subscribe(listener, options);
    },
    read: (options) => journal.read(options),
    replay: (agentId, untilSequence) => replay(journal, agentId, untilSequence),
  };
}

async function replay(
  journal: Journal,
  id: string,
  sequence: number | undefined,
): Promise<readonly LifeStep[]> {
  const asked = { agentId: id, untilSequence: sequence };
  const { agentId, untilSequence } = parseInput(replaySchema, asked, { what: 'events.replay' });
  const steps: LifeStep[] = [];
  for await (const event of journal.read({ agentId })) {
    if (event.sequence > untilSequence) break;
    const step = stepOf(steps.at(-1), event);
    if (step) steps.push(step);
  }
  return steps;
}

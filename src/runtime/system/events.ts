/** The events of a system, as its program reads them: as they come, as they were, and as the life of one agent. */
import type { Journal } from '../journal/journal.ts';
import { replayed } from '../journal/replayed.ts';
import { AgentSystemError, inWords } from '../values/errors.ts';
import type { AgentSystem } from './agent-system.ts';

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
    replay: (agentId, untilSequence) => replayed((query) => journal.read(query), agentId, untilSequence),
  };
}

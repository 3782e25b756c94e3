/** A fleet's log as an archive sees it: a connection that gives events, and nothing else. */
import type { SystemEvent } from '../../src/index.ts';
import type { Fleet } from '../../src/restate.ts';

/** The event of that sequence, always the same. */
export function eventOf(sequence: number): SystemEvent {
  const at = 1_700_000_000_000 + sequence;
  return {
    type: 'variable.changed',
    sequence,
    at,
    name: `rate ${sequence % 7}`,
    value: sequence,
    version: sequence,
    by: 'ada',
  };
}

/** @param log sequences of the oldest event that it holds, and of the newest */
export function fleetWith(log: { oldest: number; newest: number }): Fleet {
  const events = {
    async *read({ after = 0, limit }: { after?: number; limit: number }) {
      const first = Math.max(after + 1, log.oldest);
      for (let sequence = first; sequence <= log.newest && sequence < first + limit; sequence++) {
        yield await Promise.resolve(eventOf(sequence));
      }
    },
  };
  return { events } as unknown as Fleet;
}

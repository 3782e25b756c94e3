import { describe, expect, it } from 'vitest';
import { variable } from '../../src/index.ts';
import { memoryStore } from '../../src/runtime/journal/stores/memory.ts';
import type { Store } from '../../src/runtime/journal/store.ts';
import { rig } from '../kit/rig.ts';

/** Opens rounds in a program of its own; their ids, as the stream has them. */
async function roundsOf(store: Store, rounds: number, eventsBefore = 0): Promise<string[]> {
  const { system, eventsOf } = await rig({ store });
  await system.variables.define('v', variable.float({ default: 0 }));
  for (let change = 1; change <= eventsBefore; change++) await system.variables.set('v', change);
  for (let value = 1; value <= rounds; value++) await system.consensus.propose({ variable: 'v', value });
  const ids = eventsOf('round.opened').map(({ roundId }) => roundId);
  await system.close();
  return ids;
}

describe('ids of rounds', () => {
  it('are of their program and a count, whatever else has happened in the stream', async () => {
    expect(await roundsOf(memoryStore(), 3)).toEqual(['round-1-1', 'round-1-2', 'round-1-3']);
    expect(await roundsOf(memoryStore(), 2, 50)).toEqual(['round-1-1', 'round-1-2']);
  });

  it('are never given twice on one store, however many programs follow one another', async () => {
    const store = memoryStore();
    const ids = [];
    for (const rounds of [2, 1, 0, 3, 1]) ids.push(...(await roundsOf(store, rounds)));
    expect(ids).toHaveLength(7);
    expect(new Set(ids).size).toBe(7);
  });
});

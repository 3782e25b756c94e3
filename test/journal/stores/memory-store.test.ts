import { expect, test } from 'vitest';
import { memoryStore } from '../../../src/index.ts';
import { firstBatches } from './known-history.ts';

test('a memory store holds exactly so many of the newest events', async () => {
  const store = memoryStore({ maxEvents: 10 });
  const batches = firstBatches(8);
  for (const batch of batches) await store.append(batch);
  const events = batches.flatMap((batch) => batch.events);
  expect(await store.read({ limit: Infinity })).toEqual(events.slice(-10));
});

test.each([0, -1, 1.5, NaN, Infinity])('a memory store of %d events is refused', (maxEvents) => {
  expect(() => memoryStore({ maxEvents })).toThrow(
    expect.objectContaining({ code: 'AGENT_SPEC_INVALID', message: expect.stringContaining('maxEvents') }),
  );
});

/** The queue of those that wait for a place to restart: in order, in parts, each once. */
import type { ObjectContext } from '@restatedev/restate-sdk';
import { describe, expect, test } from 'vitest';
import { RestartQueue } from '../../src/restate/nodes/restart-queue.ts';
import { asking } from './occupants.ts';

/** State of an object, and which of its keys a step has read and written. */
function keptState() {
  const kept = new Map<string, unknown>();
  const touched = { read: [] as string[], written: [] as string[] };
  const ctx = {
    get: (key: string) => {
      touched.read.push(key);
      return Promise.resolve(kept.get(key) ?? null);
    },
    set: (key: string, value: unknown) => {
      touched.written.push(key);
      kept.set(key, structuredClone(value));
    },
    clear: (key: string) => kept.delete(key),
  } as unknown as ObjectContext;
  let parts: readonly number[] = [];
  return {
    kept,
    /** One step; gives what it has read and written. */
    async step(act: (queue: RestartQueue) => Promise<unknown>) {
      touched.read = [];
      touched.written = [];
      const queue = new RestartQueue(ctx, parts);
      await act(queue);
      queue.keep();
      ({ parts } = queue);
      return { ...touched, parts: parts.length };
    },
  };
}

const waiter = (agentId: string) => asking(agentId, 2);
const isOdd = (agentId: string): boolean => Number(agentId.slice(1)) % 2 === 1;
const named = (number: number): string => `a${String(number).padStart(4, '0')}`;

async function fill(state: ReturnType<typeof keptState>, count: number): Promise<void> {
  await state.step(async (queue) => {
    for (let number = 0; number < count; number++) await queue.push(waiter(named(number)));
  });
}

/** Serves so many, of those that fit; each is prepared before. */
async function serve(
  state: ReturnType<typeof keptState>,
  permits: number,
  fits: (agentId: string) => boolean = () => true,
) {
  const served: string[] = [];
  const prepared: string[] = [];
  const seen = await state.step((queue) =>
    queue.serve({
      isOver: () => served.length >= permits,
      prepare: async (next) => {
        await Promise.resolve();
        prepared.push(...next.map(({ agentId }) => agentId));
      },
      take: ({ agentId }) => {
        expect(prepared).toContain(agentId);
        if (!fits(agentId)) return Promise.resolve(false);
        served.push(agentId);
        return Promise.resolve(true);
      },
    }),
  );
  return { served, ...seen };
}

describe('the queue of restarts', () => {
  test.each([1, 31, 32, 33, 200])('serves %i in their order, each once, and is empty then', async (count) => {
    const state = keptState();
    await fill(state, count);
    const served: string[] = [];
    for (;;) {
      const next = await serve(state, 3);
      if (next.served.length === 0) break;
      served.push(...next.served);
    }
    expect(served).toEqual(Array.from({ length: count }, (_, number) => named(number)));
    expect(state.kept.size).toBe(0);
    expect((await serve(state, 1)).parts).toBe(0);
  });

  test('reads and writes one part to serve one, however long it is', async () => {
    const state = keptState();
    await fill(state, 1_000);
    expect(await serve(state, 1)).toMatchObject({
      served: [named(0)],
      read: [expect.any(String)],
      written: [expect.any(String)],
    });
  });

  test('passes over what does not fit, which keeps its turn', async () => {
    const state = keptState();
    await fill(state, 70);
    const { served } = await serve(state, 100, isOdd);
    expect(served).toEqual(Array.from({ length: 35 }, (_, index) => named(index * 2 + 1)));
    expect(await serve(state, 9, () => false)).toMatchObject({ served: [], written: [] });
    expect((await serve(state, 2)).served).toEqual([named(0), named(2)]);
  });

  test('forgets who no longer waits, wherever in it that is, and goes on with those that come later', async () => {
    const state = keptState();
    await fill(state, 70);
    for (const number of [0, 40, 69]) await state.step((queue) => queue.remove(named(number)));
    expect(await state.step((queue) => queue.remove('nobody'))).toMatchObject({ written: [] });
    await state.step((queue) => queue.push(waiter('late')));
    const { served } = await serve(state, 100);
    expect(served).toHaveLength(68);
    expect(served.at(-1)).toBe('late');
    expect(served).not.toContain(named(40));
    expect(state.kept.size).toBe(0);
  });
});

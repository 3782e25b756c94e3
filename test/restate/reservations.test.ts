/** Places of agents on nodes: what a step has changed is kept at its end, and what it has not is not written. */
import type { ObjectContext } from '@restatedev/restate-sdk';
import { describe, expect, it } from 'vitest';
import { type KnownNode, Reservations, type Roster } from '../../src/restate/nodes/reservations.ts';
import { asking, known as node } from './occupants.ts';

/** What is kept of nodes, and which keys each step has written. */
function keptNodes(...nodes: KnownNode[]) {
  const roster: Roster = { nodes, sweepAt: undefined, permits: 0, queue: [], gone: [] };
  const kept = new Map<string, unknown>([['roster', roster]]);
  let written: string[] = [];
  const ctx = {
    get: (key: string) => Promise.resolve(structuredClone(kept.get(key) ?? null)),
    set: (key: string, value: unknown) => {
      written.push(key === 'roster' ? key : 'bucket');
      kept.set(key, structuredClone(value));
    },
    clear: (key: string) => kept.delete(key),
  } as unknown as ObjectContext;
  return {
    roster: () => kept.get('roster') as Roster,
    async step<Result>(act: (book: Reservations) => Promise<Result>) {
      written = [];
      const book = await Reservations.open(ctx);
      const result = await act(book);
      book.keep();
      return { result, written };
    },
  };
}

describe('a reservation', () => {
  it('takes a place, which the next step knows, and gives it back once', async () => {
    const state = keptNodes(node('n'));
    const placement = { node: 'n', epoch: 'n-1' };
    expect(await state.step((book) => book.reserve(asking('a')))).toEqual({
      result: { placement },
      written: ['bucket', 'roster'],
    });
    expect(state.roster().nodes).toMatchObject([{ agents: 1, memoryBytes: 10 }]);
    expect((await state.step((book) => book.get('a'))).result).toMatchObject({
      ...placement,
      memoryBytes: 10,
    });
    expect((await state.step((book) => book.free('a'))).written).toEqual(['bucket', 'roster']);
    expect(state.roster().nodes).toMatchObject([{ agents: 0, memoryBytes: 0 }]);
    expect((await state.step((book) => book.free('a'))).written).toEqual([]);
  });

  it('of an agent that has one replaces it', async () => {
    const state = keptNodes(node('n'));
    for (let time = 0; time < 3; time++) await state.step((book) => book.reserve(asking('a')));
    expect(state.roster().nodes).toMatchObject([{ agents: 1, memoryBytes: 10 }]);
  });

  it('that no node has room for is none, and takes the place that the agent had', async () => {
    const state = keptNodes(node('n'));
    for (const id of ['a', 'b']) await state.step((book) => book.reserve(asking(id)));
    const { result } = await state.step((book) => book.reserve(asking('c')));
    expect(result).toEqual({ problem: expect.any(String) });
    await state.step((book) => book.reserve({ ...asking('b'), type: 'other' }));
    expect(state.roster().nodes).toMatchObject([{ agents: 1 }]);
    expect((await state.step((book) => book.get('b'))).result).toBeUndefined();
  });

  it('has its permit to restart until its start is over, or its place is free', async () => {
    const state = keptNodes(node('n'));
    for (const id of ['a', 'b']) await state.step((book) => book.reserve(asking(id), true));
    expect(state.roster().permits).toBe(2);
    expect((await state.step((book) => book.release('a'))).written).toEqual(['bucket', 'roster']);
    expect((await state.step((book) => book.release('a'))).written).toEqual([]);
    expect(state.roster().permits).toBe(1);
    await state.step((book) => book.free('b'));
    expect(state.roster().permits).toBe(0);
    // It has given it back already.
    await state.step((book) => book.free('a'));
    expect(state.roster().permits).toBe(0);
  });
});

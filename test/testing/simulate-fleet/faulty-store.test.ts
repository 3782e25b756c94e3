/** Laws of the store of simulated fleets: what each trouble keeps, what it answers, and when. */
import { expect, it } from 'vitest';
import type { SystemEvent } from '../../../src/index.ts';
import { settled, simulatedClock } from '../../../src/testing/index.ts';
import { FaultyStore, KeptFleet } from '../../../src/testing/simulate-fleet/faulty-store.ts';

/** A store, what it has kept, and appends whose answers are noted. */
function rig() {
  const kept: number[] = [];
  const fleet = new KeptFleet({
    kept: (events) => void kept.push(...events.map(({ sequence }) => sequence)),
  });
  const clock = simulatedClock();
  const store = new FaultyStore(fleet, clock);
  const answers: string[] = [];
  const append = async (sequence: number) => {
    const events = [{ sequence, at: 0, type: 'alert.raised' } as unknown as SystemEvent];
    const note = (word: string) => void answers.push(`${sequence} ${word}`);
    try {
      void Promise.resolve(store.append({ events, states: new Map() })).then(
        () => note('kept'),
        (thrown: Error) => note(thrown.message),
      );
    } catch (thrown) {
      note(`threw ${(thrown as Error).message}`);
    }
    await settled();
  };
  return { store, kept, clock, answers, append };
}

it('works until it is told to fail, and works again once it is mended', async () => {
  const { store, kept, answers, append } = rig();
  await append(1);
  store.fail('rejects');
  await append(2);
  store.mend();
  await append(3);
  expect([kept, answers]).toEqual([
    [1, 3],
    ['1 kept', '2 the disk is full', '3 kept'],
  ]);
  expect(store.isIdle).toBe(true);
});

it('throws, or keeps and loses the answer', async () => {
  const { store, kept, answers, append } = rig();
  store.fail('throws');
  await append(1);
  store.fail('keeps and rejects');
  await append(2);
  expect([kept, answers]).toEqual([[2], ['1 threw the disk is full', '2 the answer was lost']]);
  expect(store.isIdle).toBe(true);
});

it('answers a second late, and is at work as long as one answer is out', async () => {
  const { store, kept, clock, answers, append } = rig();
  store.fail('answers late');
  await append(1);
  await clock.advance(400);
  await append(2);
  expect(kept).toEqual([1, 2]);
  await clock.advance(599);
  expect([answers, store.isIdle]).toEqual([[], false]);
  await clock.advance(1);
  expect([answers, store.isIdle]).toEqual([['1 kept'], false]);
  await clock.advance(400);
  expect([answers, store.isIdle]).toEqual([['1 kept', '2 kept'], true]);
});

it.each(['mended', 'given another trouble'])(
  'what hangs is refused once it is %s, each once, and not kept',
  async (how) => {
    const { store, kept, answers, append } = rig();
    store.fail('hangs');
    await append(1);
    await append(2);
    expect([answers, store.isIdle]).toEqual([[], false]);
    if (how === 'mended') store.mend();
    else store.fail('throws');
    await settled();
    expect([kept, answers, store.isIdle]).toEqual([[], ['1 it was not kept', '2 it was not kept'], true]);
    store.mend();
    await append(3);
    expect([kept, answers.slice(2), store.isIdle]).toEqual([[3], ['3 kept'], true]);
  },
);

it.each([true, false])(
  'dies in the append after so many, which is kept or not: %s; nothing after it is',
  async (isKept) => {
    const { store, kept, answers, append } = rig();
    store.dieIn(1, isKept);
    // It dies once: another word does not put it off.
    store.dieIn(5, !isKept);
    await append(1);
    expect([store.isDead, store.isIdle]).toEqual([false, true]);
    await append(2);
    expect([store.isDead, store.isIdle]).toEqual([true, false]);
    await append(3);
    expect([kept, answers]).toEqual([isKept ? [1, 2] : [1], ['1 kept']]);
  },
);

it('what was kept is there for the next program, to recover and to read', async () => {
  const kept: SystemEvent[] = [];
  const fleet = new KeptFleet({ kept: (events) => void kept.push(...events) });
  const first = new FaultyStore(fleet, simulatedClock());
  const event = { sequence: 1, at: 0, type: 'alert.raised', agentId: 'a' } as unknown as SystemEvent;
  const state = { json: '{"n":1}', stateVersion: 0 };
  const events = [event];
  await first.append({ events, states: new Map([['a', state]]) });
  // The journal uses its batch again.
  events.length = 0;
  first.close();
  const next = new FaultyStore(fleet, simulatedClock());
  expect(kept).toEqual([event]);
  expect(await next.state('a')).toEqual(state);
  expect(await next.read({ after: 0, limit: 9 })).toEqual([event]);
  expect(await next.recover()).toMatchObject({ lastSequence: 1 });
});

/** Laws of the object that keeps a limit which several agents share. */
import { describe, expect, it } from 'vitest';
import { quotaObject } from '../../src/restate/limits/quota-object.ts';
import { objectContext, type Sent } from './object-context.ts';

const isTold = ({ to }: Sent): boolean => to.startsWith('agent ');

function rig() {
  const object = objectContext(quotaObject, { key: 'model' });
  const { does, sent, at } = object;
  const looked = { listed: [] as unknown[], wakes: [] as unknown[] };
  return {
    ...object,
    join: (agentId: string, load = 0) => does('join', { agentId, load }) as Promise<unknown>,
    tell: (agentId: string, message: object, load = 0) => does('told', { agentId, load, message }),
    limit: (agentId: string, until?: number) =>
      does('told', { agentId, load: 1, message: { type: 'limited', why: 'full', until } }),
    wake: (time: number) => {
      at(time);
      return does('wake', { at: time });
    },
    /** Whom it has told since: who is parked, until when, and who goes on. */
    told: () => {
      const all = sent();
      looked.wakes.push(...all.filter(({ to }) => to.endsWith(' wake')));
      looked.listed.push(...all.filter(({ to }) => to.startsWith('registry')).map(({ given }) => given));
      return all.filter(isTold).map(({ to, given }) => {
        const { parked } = given as { parked: { until: number } | null };
        return `${to.split(' ')[1]} ${parked === null ? 'goes on' : `until ${parked.until}`}`;
      });
    },
    looked,
  };
}

describe('members park together', () => {
  it('each is told once, those that knew it are not told again, and a later reset is told to all', async () => {
    const { join, limit, told } = rig();
    for (const id of ['a', 'b', 'c']) expect(await join(id)).toBe(null);
    await limit('b', 1_000);
    expect(told()).toEqual(['a until 1000', 'b until 1000', 'c until 1000']);
    await limit('c', 1_000);
    expect(told()).toEqual([]);
    await limit('c', 2_000);
    expect(told()).toEqual(['a until 2000', 'b until 2000', 'c until 2000']);
  });

  it.each([
    ['was reset while its message was on its way is over in a moment', 900, 'a until 1000', 3_001],
    ['was over when it was reached is guessed', 1_000, 'a until 3500', 3_500],
  ])('a limit that %s', async (_, reachedAt, parked, overAt) => {
    const { join, at, tell, told, wake } = rig();
    await join('a');
    at(3_000);
    await tell('a', { type: 'limited', at: reachedAt, why: 'full', until: 1_000 });
    expect(told()).toEqual([parked]);
    await wake(overAt - 1);
    expect(told()).toEqual([]);
    await wake(overAt);
    expect(told()).toEqual(['a goes on']);
  });

  it('a limit that was reset before a guessed one was reached does not end the wait for that', async () => {
    const { join, at, tell, told, wake } = rig();
    for (const id of ['a', 'b']) await join(id);
    at(2_000);
    await tell('b', { type: 'limited', at: 2_000, why: 'full' });
    expect(told()).toEqual(['a until 2500', 'b until 2500']);
    at(2_100);
    await tell('a', { type: 'limited', at: 900, why: 'full', until: 1_000 });
    await wake(2_499);
    expect(told()).toEqual([]);
    await wake(2_500);
    expect(told()).toEqual(['a goes on']);
  });

  it('one that joins meanwhile is told by the answer, and waits behind the others', async () => {
    const { join, limit, told, does } = rig();
    await join('a');
    await limit('a', 1_000);
    told();
    expect(await join('b')).toEqual({ at: 0, until: 1_000, why: 'full', quota: 'model' });
    expect(await join('a')).toMatchObject({ until: 1_000 });
    expect(told()).toEqual([]);
    expect(await does('lift', { at: 500 })).toMatchObject({ value: { waiting: ['a'], status: 'releasing' } });
  });

  it('one that has ended is told nothing more, and waits no longer', async () => {
    const { join, limit, told, tell, looked } = rig();
    await join('a');
    await join('b');
    await limit('a', 1_000);
    told();
    await tell('a', { type: 'part' });
    await limit('b', 3_000);
    expect(told()).toEqual(['b until 3000']);
    expect(looked.listed.at(-1)).toMatchObject({ id: 'model', look: { waiting: ['b'] } });
  });
});

describe('after the reset', () => {
  it('those with work go on first, and of them those that wait longest; then the others', async () => {
    const { join, limit, told, tell, wake } = rig();
    await join('idle');
    await join('late', 1);
    await join('busy', 2);
    await limit('busy', 1_000);
    // What they have to do is what they said last.
    await tell('late', { type: 'passed' }, 0);
    await tell('idle', { type: 'passed' }, 2);
    told();
    await wake(1_000);
    expect(told()).toEqual(['idle goes on']);
    await wake(2_000);
    expect(told()).toEqual(['busy goes on', 'late goes on']);
  });

  it('a task that is done lets more go on before the next step', async () => {
    const { join, limit, told, tell, wake } = rig();
    for (const id of ['a', 'b', 'c', 'd']) await join(id);
    await limit('a', 1_000);
    told();
    await wake(1_000);
    expect(told()).toEqual(['a goes on']);
    await tell('a', { type: 'passed' });
    expect(told()).toEqual(['b goes on', 'c goes on']);
  });

  it('it is open once nobody waits: also where the last one ends, or nobody was there', async () => {
    const { join, limit, told, tell, wake, looked } = rig();
    await join('a');
    await join('b');
    await limit('a', 1_000);
    await wake(1_000);
    told();
    expect(looked.listed.at(-1)).toMatchObject({ look: { status: 'releasing', waiting: ['b'] } });
    await tell('b', { type: 'part' });
    told();
    expect(looked.listed.at(-1)).toEqual({
      id: 'model',
      look: { name: 'model', isShared: true, status: 'open', waiting: [] },
    });
    await limit('a', 3_000);
    await tell('a', { type: 'part' });
    await wake(2_000);
    await wake(3_000);
    told();
    expect(looked.listed.at(-1)).toMatchObject({ look: { status: 'open', waiting: [] } });
    expect(await join('c')).toBe(null);
  });

  it('one that ends while it is parked does not end the wait of nobody: it is parked until its time', async () => {
    const { join, limit, told, tell, looked } = rig();
    await join('a');
    await limit('a', 1_000);
    await tell('a', { type: 'part' });
    told();
    expect(looked.listed.at(-1)).toMatchObject({ look: { status: 'parked', waiting: [] } });
    expect(await join('a')).toMatchObject({ until: 1_000 });
  });
});

describe('a guessed reset', () => {
  it('is doubled for each guess in a row, and a task that is done begins anew', async () => {
    const { join, limit, tell, wake, told } = rig();
    await join('a');
    await limit('a');
    // Of 1 s half is fixed, and half is chance, which is none here.
    expect(told()).toEqual(['a until 500']);
    await wake(500);
    await wake(1_500);
    told();
    await limit('a');
    expect(told()).toEqual(['a until 2500']);
    await wake(2_500);
    await wake(3_500);
    await tell('a', { type: 'passed' });
    told();
    await limit('a');
    expect(told()).toEqual(['a until 4000']);
    await wake(4_000);
    await wake(5_000);
    await tell('a', { type: 'passed' });
    told();
    await limit('a');
    expect(told()).toEqual(['a until 5500']);
  });
});

describe('its wake', () => {
  it('is asked for once, earlier where the limit is, and one that was replaced does nothing', async () => {
    const { join, limit, wake, told, looked, at } = rig();
    await join('a');
    await limit('a', 5_000);
    at(100);
    await join('b');
    await limit('b', 9_000);
    told();
    expect(looked.wakes).toEqual([{ to: 'quota model wake', given: { at: 5_000 }, delay: 5_000 }]);
    await wake(4_000);
    expect([told(), looked.wakes.length]).toEqual([[], 1]);
    // The limit is later than it was: nobody goes on yet, and the next is asked for.
    await wake(5_000);
    expect(told()).toEqual([]);
    expect(looked.wakes.at(-1)).toEqual({ to: 'quota model wake', given: { at: 9_000 }, delay: 4_000 });
    await wake(9_000);
    expect(told()).toEqual(['a goes on']);
    expect(looked.wakes.at(-1)).toEqual({ to: 'quota model wake', given: { at: 10_000 }, delay: 1_000 });
    await wake(9_000);
    expect(told()).toEqual([]);
  });

  it('comes earlier than the one that is on its way, where a lift lets members go on before', async () => {
    const { join, limit, does, told, looked } = rig();
    await join('a');
    await join('b');
    await limit('a', 60_000);
    await does('lift', { at: 1_000 });
    told();
    expect(looked.wakes.at(-1)).toEqual({ to: 'quota model wake', given: { at: 2_000 }, delay: 1_000 });
  });
});

describe('a lift', () => {
  it('lets members go on at once, and is told with who did it', async () => {
    const { join, limit, does, told, events } = rig();
    await join('a', 1);
    await join('b');
    await limit('a', 60_000);
    told();
    expect(await does('lift', { by: 'ann', at: 7 })).toEqual({
      value: {
        name: 'model',
        isShared: true,
        status: 'releasing',
        parked: { at: 0, until: 60_000, why: 'full', quota: 'model' },
        waiting: ['b'],
      },
    });
    expect(told()).toEqual(['a goes on']);
    expect(events()).toEqual([{ type: 'quota.lifted', quota: 'model', by: 'ann', at: 7 }]);
  });

  it('of one that is open, or goes on already, tells nothing; of one that nobody works under it is refused', async () => {
    const { join, limit, does, events, sent } = rig();
    expect(await does('lift', { at: 1 })).toMatchObject({ refusal: { code: 'QUOTA_UNKNOWN' } });
    await join('a');
    await join('b');
    sent();
    expect(await does('lift', { at: 1 })).toEqual({
      value: { name: 'model', isShared: true, status: 'open', waiting: [] },
    });
    await limit('a', 60_000);
    await does('lift', { at: 1 });
    expect(events()).toHaveLength(1);
    sent();
    await does('lift', { at: 2 });
    expect(events()).toEqual([]);
    expect(sent()).toEqual([]);
  });
});

it('it is listed when it has changed, and not otherwise', async () => {
  const { join, limit, tell, sent } = rig();
  const listings = () => sent().filter(({ to }) => to === 'registry quotas put').length;
  await join('a');
  expect(listings()).toBe(1);
  await join('b');
  await tell('a', { type: 'passed' }, 4);
  expect(listings()).toBe(0);
  await limit('a', 10);
  expect(listings()).toBe(1);
});

/** Laws of how long a node waits before it takes the seat. */
import { expect, test } from 'vitest';
import { OTHER_MISSES, OWN_MISSES, SeatPatience } from '../../src/restate/nodes/seat-patience.ts';

/** The misses that it takes at, from now on. */
const needs = (patience: SeatPatience, now: number): number => {
  let misses = 0;
  while (!patience.isOver(misses, now)) misses += 1;
  return misses;
};

test('the seat is taken after four misses, also the second time; from the third time within 30 s on after twice as many each, up to 16', () => {
  const patience = new SeatPatience(OWN_MISSES);
  expect(needs(patience, 0)).toBe(4);
  const needed = [0, 1, 2, 3, 4].map((now) => {
    patience.taken(now);
    return needs(patience, now);
  });
  expect(needed).toEqual([4, 8, 16, 16, 16]);
  expect([needs(patience, 30_003), needs(patience, 30_004)]).toEqual([16, 4]);
  patience.taken(30_005);
  expect(needs(patience, 30_005)).toBe(4);
});

test('the seat of another version is taken after twice as many misses, and never after more than 16', () => {
  const patience = new SeatPatience(OTHER_MISSES);
  expect(needs(patience, 0)).toBe(2 * OWN_MISSES);
  const needed = [0, 1, 2].map((now) => {
    patience.taken(now);
    return needs(patience, now);
  });
  expect(needed).toEqual([8, 16, 16]);
});

test('one that takes the seat before anything was missed has taken it once, and waits as long as at first', () => {
  const patience = new SeatPatience(OWN_MISSES);
  patience.taken(0);
  expect(needs(patience, 0)).toBe(4);
});

test('it is as quick as at first until it has taken the seat twice within 30 s, and again after 30 s of calm', () => {
  const patience = new SeatPatience(OWN_MISSES);
  const isFresh = [0, 1, 2].map((now) => {
    const was = patience.isFresh(now);
    patience.taken(now);
    return was;
  });
  expect([...isFresh, ...[3, 30_001, 30_002].map((now) => patience.isFresh(now))]).toEqual([
    true,
    true,
    false,
    false,
    false,
    true,
  ]);
});

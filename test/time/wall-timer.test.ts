import { expect, it } from 'vitest';
import { LOOK_EVERY_MS, steadyClock } from '../../src/runtime/time/clock.ts';
import { WallTimer } from '../../src/runtime/time/wall-timer.ts';
import { simulatedClock } from '../../src/testing/index.ts';

const HOUR_MS = 3_600_000;

function waiting(ms: number) {
  const clock = simulatedClock();
  const fired: number[] = [];
  const timer = new WallTimer(steadyClock(clock), clock.now() + ms, () => fired.push(clock.now()));
  return { clock, fired, timer, at: clock.now() + ms };
}

it('fires once, at its time', async () => {
  const { clock, fired, at } = waiting(3 * LOOK_EVERY_MS + 1);
  await clock.advance(3 * LOOK_EVERY_MS);
  expect(fired).toEqual([]);
  await clock.advance(HOUR_MS);
  expect(fired).toEqual([at]);
  expect(clock.pending()).toEqual([]);
});

it('waits again for its time, if the clock is put back', async () => {
  const { clock, fired, at } = waiting(1_000);
  clock.setWallClock(clock.now() - HOUR_MS);
  await clock.advance(HOUR_MS + 999);
  expect(fired).toEqual([]);
  await clock.advance(1);
  expect(fired).toEqual([at]);
});

it('looks at the clock once a minute: if that is put ahead, it is no later than that', async () => {
  const { clock, fired } = waiting(10 * HOUR_MS);
  await clock.advance(1);
  clock.setWallClock(clock.now() + 20 * HOUR_MS);
  await clock.advance(LOOK_EVERY_MS - 2);
  expect(fired).toEqual([]);
  await clock.advance(1);
  expect(fired).toHaveLength(1);
});

it('fires in a turn of its own, if its time is over; never once it is cleared, at whichever look', async () => {
  const over = waiting(-HOUR_MS);
  expect(over.fired).toEqual([]);
  await over.clock.advance(0);
  expect(over.fired).toHaveLength(1);
  const { clock, fired, timer } = waiting(HOUR_MS);
  await clock.advance(LOOK_EVERY_MS);
  timer.clear();
  await clock.advance(2 * HOUR_MS);
  expect(fired).toEqual([]);
  expect(clock.pending()).toEqual([]);
});

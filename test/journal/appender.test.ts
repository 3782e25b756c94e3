/** A batch given to a store is answered once, however the store answers, and when. */
import { expect, test } from 'vitest';
import { type Store, memoryStore } from '../../src/index.ts';
import { Appender, type AppendFailure } from '../../src/runtime/journal/appender.ts';
import { Batch } from '../../src/runtime/journal/batch.ts';
import { steadyClock } from '../../src/runtime/time/clock.ts';
import { settled, simulatedClock } from '../../src/testing/index.ts';

const TIMEOUT_MS = 1_000;

function appending(answer: () => Promise<void> | void) {
  const clock = simulatedClock();
  const { recover, read, state, close } = memoryStore();
  const store: Store = { isDurable: false, recover, read, state, close, append: answer };
  const appender = new Appender(store, steadyClock(clock), TIMEOUT_MS);
  const ends: (AppendFailure | undefined)[] = [];
  const batch = new Batch();
  const isDone = appender.append(batch, (ended, failure) => {
    expect(ended).toBe(batch);
    ends.push(failure);
  });
  return { clock, ends, isDone };
}

test('a store that is done at once is not waited for', () => {
  const { isDone, ends, clock } = appending(() => undefined);
  expect([isDone, ends, clock.pending()]).toEqual([true, [], []]);
});

test.each([
  ['kept', false],
  ['refused', true],
])('an answer in time is the end, and leaves no timer: %s', async (_, isRefused) => {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const { isDone, ends, clock } = appending(() => promise);
  await clock.advance(TIMEOUT_MS - 1);
  expect([isDone, ends]).toEqual([false, []]);
  const thrown = new Error('full');
  if (isRefused) reject(thrown);
  else resolve();
  await settled();
  expect(ends).toEqual([isRefused ? { thrown } : undefined]);
  expect(clock.pending()).toEqual([]);
  await clock.advance(TIMEOUT_MS);
  expect(ends).toHaveLength(1);
});

test.each([
  ['kept', true],
  ['refused', false],
])('one that takes too long is a failure, once, and says later what came of it: %s', async (_, isKept) => {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const { ends, clock } = appending(() => promise);
  await clock.advance(TIMEOUT_MS);
  expect(ends).toMatchObject([{ thrown: { message: `the store did not answer within ${TIMEOUT_MS} ms` } }]);
  if (isKept) resolve();
  else reject(new Error('full'));
  await settled();
  expect(await ends[0]!.settled).toBe(isKept);
  expect(ends).toHaveLength(1);
});

test('what a store throws at once is thrown, and leaves no timer', () => {
  expect(() =>
    appending(() => {
      throw new Error('full');
    }),
  ).toThrow('full');
});

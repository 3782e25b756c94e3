/** A store is asked in the background whether it still keeps what it is given, and nobody is kept waiting by that. */
import { expect, it } from 'vitest';
import { memoryStore, type Store } from '../../src/index.ts';
import { StoreCheck } from '../../src/runtime/journal/store-check.ts';
import { simulatedClock } from '../../src/testing/index.ts';

function rig(check?: () => Promise<void>) {
  const clock = simulatedClock();
  const state = { isIdle: true };
  const failures: unknown[] = [];
  const store = Object.assign(memoryStore(), check === undefined ? {} : { check }) as Store;
  const made = new StoreCheck({
    store,
    clock,
    everyMs: 100,
    isIdle: () => state.isIdle,
    failed: (thrown) => void failures.push(thrown),
  });
  return { clock, state, failures, check: made };
}

it('a store that cannot be asked is not: no timer is armed', () => {
  expect(rig().clock.pending()).toEqual([]);
});

it('it keeps no program alive', () => {
  let released = 0;
  const clock = {
    ...simulatedClock(),
    setTimeout: () => ({ unref: () => void (released += 1) }),
  };
  const store = Object.assign(memoryStore(), { check: () => Promise.resolve() }) as Store;
  const check = new StoreCheck({ store, clock, everyMs: 100, isIdle: () => true, failed: () => {} });
  expect(released).toBe(1);
  check.end();
});

it('it is asked each time, while nothing else is told of it, until the end', async () => {
  let asked = 0;
  const { clock, state, check } = rig(async () => void (asked += 1));
  await clock.advance(99);
  expect(asked).toBe(0);
  await clock.advance(1);
  expect(asked).toBe(1);
  await clock.advance(100);
  expect(asked).toBe(2);
  state.isIdle = false;
  await clock.advance(100);
  expect(asked).toBe(2);
  state.isIdle = true;
  await clock.advance(100);
  expect(asked).toBe(3);
  check.end();
  expect(clock.pending()).toEqual([]);
});

it('a failure is told each time, but for one that comes while appends tell of it, or after the end', async () => {
  const { clock, state, failures, check } = rig(() => Promise.reject(new Error('full')));
  await clock.advance(200);
  expect(failures).toEqual([new Error('full'), new Error('full')]);
  const answers: PromiseWithResolvers<void>[] = [];
  const slow = rig(() => answers[answers.push(Promise.withResolvers<void>()) - 1]!.promise);
  await slow.clock.advance(100);
  slow.state.isIdle = false;
  answers[0]!.reject(new Error('late'));
  await slow.clock.advance(0);
  slow.state.isIdle = true;
  await slow.clock.advance(100);
  slow.check.end();
  answers[1]!.reject(new Error('too late'));
  await slow.clock.advance(1_000);
  expect([slow.failures, slow.clock.pending(), state.isIdle]).toEqual([[], [], true]);
  check.end();
});

import { SimulatedClock } from 'xstate';
import { expect, it } from 'vitest';
import { RunQueue } from '../../src/runtime/engine/run-queue.ts';

function recorded() {
  const did: string[] = [];
  const queue = new RunQueue((thrown) => did.push(`failed: ${String(thrown)}`));
  return { did, queue };
}

it('an act runs at once; what is asked for meanwhile runs after it, in that order', () => {
  const { did, queue } = recorded();
  queue.run(() => {
    queue.run(() => {
      queue.run(() => did.push('d'));
      did.push('b');
    });
    queue.run(() => did.push('c'));
    did.push('a');
  });
  expect(did).toEqual(['a', 'b', 'c', 'd']);
  queue.run(() => did.push('e'));
  expect(did.at(-1)).toBe('e');
});

it('an act that throws ends itself alone; what it had asked for, and what comes later, runs', () => {
  const { did, queue } = recorded();
  queue.run(() => {
    queue.run(() => did.push('after'));
    throw new Error('mine');
  });
  queue.run(() => did.push('later'));
  expect(did).toEqual(['failed: Error: mine', 'after', 'later']);
});

it('the listener of a failure may fail as well, or add an act', () => {
  const did: string[] = [];
  const queue = new RunQueue(() => {
    queue.run(() => did.push('recovered'));
    throw new Error('yours');
  });
  queue.run(() => {
    throw new Error('mine');
  });
  queue.run(() => did.push('later'));
  expect(did).toEqual(['recovered', 'later']);
});

it('a timer fires as an act: after the one that is running, and not at all once it is cleared', () => {
  const { did, queue } = recorded();
  const time = new SimulatedClock();
  const clock = queue.clockOf(time);
  clock.setTimeout(() => did.push('due'), 10);
  const cleared = clock.setTimeout(() => did.push('never'), 10);
  clock.clearTimeout(cleared);
  time.increment(9);
  expect(did).toEqual([]);
  queue.run(() => {
    time.increment(1);
    did.push('first');
  });
  expect(did).toEqual(['first', 'due']);
});

it('takes as many acts as there are, without a deeper stack for each', () => {
  const { queue } = recorded();
  let left = 100_000;
  const next = (): void => {
    left -= 1;
    if (left > 0) queue.run(next);
  };
  queue.run(next);
  expect(left).toBe(0);
});

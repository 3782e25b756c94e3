import { expect, it } from 'vitest';
import { OnceATurn } from '../../src/runtime/time/once-a-turn.ts';

it('is done once for all who asked, after them, and before anything else is', async () => {
  const done: string[] = [];
  const work = new OnceATurn(() => done.push('work'));
  for (let times = 0; times < 3; times++) work.ask();
  queueMicrotask(() => done.push('later'));
  expect(done).toEqual([]);
  await new Promise(setImmediate);
  expect(done).toEqual(['work', 'later']);
});

it('is done again for who asks while it is done', async () => {
  let times = 0;
  const work = new OnceATurn(() => {
    times += 1;
    if (times < 3) work.ask();
  });
  work.ask();
  await new Promise(setImmediate);
  expect(times).toBe(3);
  work.ask();
  await new Promise(setImmediate);
  expect(times).toBe(4);
});

/** What a step has to do is a list that is used again, and holds nothing of the step before. */
import { expect, test } from 'vitest';
import { closeWork, openWork, TO } from '../../src/runtime/engine/work.ts';

test('work that is cut, or closed, keeps nothing of what it forgets, and all of what is before', () => {
  const work = openWork();
  const [first, second, third] = [{ id: 1 }, { id: 2 }, { id: 3 }];
  for (const payload of [first, second, third]) work.add(TO.tell, payload);
  work.cut(1);
  expect([work.count, work.payloads]).toEqual([1, [first, undefined, undefined]]);
  const inner = openWork();
  inner.add(TO.stop, second);
  closeWork(inner);
  expect([inner.count, inner.payloads]).toEqual([0, [undefined]]);
  expect(work.payloads[0]).toBe(first);
  closeWork(work);
  expect([work.count, work.payloads]).toEqual([0, [undefined, undefined, undefined]]);
});

test('work that is opened again is empty, and another one while the first is open', () => {
  const work = openWork();
  work.add(TO.tell, 1);
  const inner = openWork();
  expect(inner).not.toBe(work);
  expect(inner.count).toBe(0);
  closeWork(inner);
  expect(openWork()).toBe(inner);
  closeWork(inner);
  closeWork(work);
  const again = openWork();
  expect([again, again.count]).toEqual([work, 0]);
  closeWork(again);
});

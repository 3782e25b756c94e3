/** Laws of a question to each of many. */
import { expect, it } from 'vitest';
import { someAtOnce } from '../../src/restate/client/some-at-once.ts';
import { settled } from '../../src/testing/index.ts';

it('64 are asked at once, each as soon as another has answered, and all are given in their order', async () => {
  const items = Array.from({ length: 130 }, (_, at) => at);
  const open: (() => void)[] = [];
  const asked: number[] = [];
  const all = someAtOnce(items, (item) => {
    asked.push(item);
    const { promise, resolve } = Promise.withResolvers<string>();
    open.push(() => resolve(`of ${item}`));
    return promise;
  });
  expect(asked).toEqual(items.slice(0, 64));
  open.pop()!();
  await settled();
  expect(asked).toEqual(items.slice(0, 65));
  while (open.length > 0) {
    open.pop()!();
    await settled();
  }
  expect(await all).toEqual(items.map((item) => `of ${item}`));
  expect(asked).toEqual(items);
});

it('the first that is refused is thrown, and no other is asked then', async () => {
  const asked: number[] = [];
  const ask = async (item: number): Promise<number> => {
    asked.push(item);
    if (item === 3) throw new Error('no');
    await settled();
    return item;
  };
  const items = Array.from({ length: 200 }, (_, at) => at);
  await expect(someAtOnce(items, ask)).rejects.toThrow('no');
  await settled();
  expect(asked).toEqual(items.slice(0, 64));
});

it('of none is none', async () => {
  expect(await someAtOnce([], () => Promise.reject(new Error('no')))).toEqual([]);
});

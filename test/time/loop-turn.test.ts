import { expect, it, vi } from 'vitest';
import { LoopTurn } from '../../src/runtime/time/loop-turn.ts';

it('is over once it has lasted 5 ms, and a new one begins when the event loop has had its turn', async () => {
  const turn = new LoopTurn();
  expect([100, 104, 105, 200].map((now) => turn.isOver(now))).toEqual([false, false, true, true]);
  await turn.next();
  expect([200, 204, 205].map((now) => turn.isOver(now))).toEqual([false, false, true]);
});

it('is over when the clock was put back: nobody knows how long it has lasted', () => {
  const turn = new LoopTurn();
  expect([100, 99].map((now) => turn.isOver(now))).toEqual([false, true]);
});

it('never is while time stands still', async () => {
  const turn = new LoopTurn();
  for (let count = 0; count < 10_000; count++) expect(turn.isOver(7)).toBe(false);
  await turn.next();
  expect(turn.isOver(7)).toBe(false);
});

it('is not watched before it may have lasted long: turns that are short cost no immediate', () => {
  const immediate = vi.spyOn(globalThis, 'setImmediate');
  const turn = new LoopTurn();
  for (let at = 100; at < 102; at += 0.01) expect(turn.isOver(at)).toBe(false);
  expect(immediate).not.toHaveBeenCalled();
  expect(turn.isOver(103)).toBe(false);
  expect(immediate).toHaveBeenCalledOnce();
  immediate.mockRestore();
});

it('is not over because nothing was asked for a long time', async () => {
  const turn = new LoopTurn();
  expect([100, 500, 504, 505].map((now) => turn.isOver(now))).toEqual([false, false, false, true]);
  await turn.next();
  expect([1_000, 9_000].map((now) => turn.isOver(now))).toEqual([false, false]);
});

it('lets timers that are due fire before it goes on', async () => {
  const order: string[] = [];
  setTimeout(() => order.push('timer'), 1);
  const since = performance.now();
  while (performance.now() - since < 3);
  const turn = new LoopTurn();
  await turn.next();
  await turn.next();
  order.push('next');
  expect(order).toEqual(['timer', 'next']);
});

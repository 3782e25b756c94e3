/** Which calls of tools are at work: those that have not ended, and wait for nothing that goes on without them. */
import { expect, it } from 'vitest';
import { ToolsAtWork } from '../../src/ai/tools-at-work.ts';
import { settled } from '../../src/testing/index.ts';

/** Whether none is at work, as it is told now. */
async function rests(tools: ToolsAtWork): Promise<boolean> {
  let isRested = false;
  void tools.rest().then(() => (isRested = true));
  await settled();
  return isRested;
}

it('there is rest while there is no call, and once all have ended; an end counts once', async () => {
  const tools = new ToolsAtWork();
  expect(await rests(tools)).toBe(true);
  const [one, two] = [tools.begin(), tools.begin()];
  let isRested = false;
  const rested = tools.rest().then(() => (isRested = true));
  one.end();
  one.end();
  await settled();
  expect(isRested).toBe(false);
  two.end();
  await rested;
  tools.begin();
  expect(await rests(tools)).toBe(false);
});

it('who waits for rest is not told of a rest that was over before they could hear of it', async () => {
  const tools = new ToolsAtWork();
  const first = tools.begin();
  let isRested = false;
  void tools.rest().then(() => (isRested = true));
  first.end();
  const second = tools.begin();
  await settled();
  expect(isRested).toBe(false);
  second.end();
  await settled();
  expect(isRested).toBe(true);
});

it('a call that waits is not at work until it has what it waits for, the last of it', async () => {
  const tools = new ToolsAtWork();
  const call = tools.begin();
  const [first, second] = [Promise.withResolvers<number>(), Promise.withResolvers<number>()];
  const waits = [call.waitFor(first.promise, undefined), call.waitFor(second.promise, undefined)];
  expect(await rests(tools)).toBe(true);
  first.resolve(1);
  expect(await rests(tools)).toBe(true);
  second.resolve(2);
  expect(await Promise.all(waits)).toEqual([1, 2]);
  expect([await rests(tools), call.isBrokenOff]).toEqual([false, false]);
  call.end();
  expect(await rests(tools)).toBe(true);
});

it('a call that ends while it waits, or waits after its end, is never at work again', async () => {
  const tools = new ToolsAtWork();
  const call = tools.begin();
  const other = tools.begin();
  const kept = Promise.withResolvers<void>();
  const wait = call.waitFor(kept.promise, undefined);
  call.end();
  kept.resolve();
  await wait;
  await call.waitFor(Promise.resolve(), undefined);
  expect(await rests(tools)).toBe(false);
  other.end();
  expect(await rests(tools)).toBe(true);
});

it('a wait is broken off by its signal, for its reason, also by one that has fired before', async () => {
  const tools = new ToolsAtWork();
  const never = new Promise<never>(() => {});
  const controller = new AbortController();
  const reason = new Error('make way');
  const call = tools.begin();
  const wait = call.waitFor(never, controller.signal);
  controller.abort(reason);
  await expect(wait).rejects.toBe(reason);
  expect([call.isBrokenOff, await rests(tools)]).toEqual([true, false]);
  const late = tools.begin();
  await expect(late.waitFor(never, controller.signal)).rejects.toBe(reason);
  expect(late.isBrokenOff).toBe(true);
});

it('what is kept in time, or fails, is so whatever the signal does later', async () => {
  const controller = new AbortController();
  const call = new ToolsAtWork().begin();
  expect(await call.waitFor(Promise.resolve(7), controller.signal)).toBe(7);
  const failed = new Error('no');
  await expect(call.waitFor(Promise.reject(failed), controller.signal)).rejects.toBe(failed);
  controller.abort();
  expect(call.isBrokenOff).toBe(false);
});

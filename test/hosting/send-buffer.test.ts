import { describe, expect, test } from 'vitest';
import { Outbox, type OutboxOptions } from '../../src/runtime/hosting/hosts/send-buffer.ts';
import { eachWord, type Word } from '../../src/runtime/hosting/hosts/protocol.ts';

/** An outbox, and what came out of it. A function in an item cannot be cloned. */
function outboxOf(options: Partial<OutboxOptions> = {}) {
  const batches: Word[][] = [];
  const given: ArrayBuffer[] = [];
  const outbox = new Outbox({
    send: (message, transfer, sent) => {
      structuredClone(message);
      const words: Word[] = [];
      eachWord(message, (_, word) => words.push(word));
      batches.push(words);
      given.push(...transfer);
      sent?.();
    },
    substitute: ({ body, word }) =>
      word.type === 'task.completed' ? { body, word: log('instead') } : undefined,
    ...options,
  });
  const put = (...words: Word[]): void => {
    for (const word of words) outbox.put({ body: 1, word });
  };
  const heard = () => batches.flat();
  return { outbox, put, batches, given, heard };
}

const log = (message: string): Word => ({ type: 'log', level: 'info', message });
const progress = (value: unknown, taskId = 't'): Word => ({ type: 'task.progress', taskId, value });
const completed = (output: unknown, taskId = 't'): Word => ({ type: 'task.completed', taskId, output });
const changed = (json: string): Word => ({ type: 'state.changed', state: { json, stateVersion: 1 } });
const turn = () => Promise.resolve();

describe('batches', () => {
  test('what is said in one turn travels together, in order', async () => {
    const { put, batches, heard } = outboxOf();
    put(log('a'), progress(1), completed(2));
    expect(batches).toEqual([]);
    await turn();
    expect(batches).toHaveLength(1);
    expect(heard()).toEqual([log('a'), progress(1), completed(2)]);
  });
  test('a batch is closed before it grows past its items or its bytes', async () => {
    const { put, batches } = outboxOf({ maxItems: 3, maxBytes: 1_000 });
    put(...Array.from({ length: 7 }, (_, n) => progress(n)));
    put(progress('x'.repeat(600)), progress('y'.repeat(600)), progress(new Uint8Array(5_000)), progress(1));
    await turn();
    expect(batches.map((words) => words.length)).toEqual([3, 3, 2, 1, 1, 1]);
  });
  test('values that are hard to measure travel alone', async () => {
    const { put, batches } = outboxOf();
    const cyclic: Record<string, unknown> = {};
    cyclic['self'] = cyclic;
    const hostile = Object.defineProperty({}, 'look', {
      enumerable: true,
      get: () => {
        throw new Error('no');
      },
    });
    put(progress(1), progress(cyclic), progress(2), progress(hostile), progress(new Map([[1, 2]])));
    await turn();
    // The hostile one cannot even be cloned, and is dropped.
    expect(batches.map((words) => words.length)).toEqual([1, 1, 1, 1]);
  });
  test('buffers go with their item, and with no other', async () => {
    const { outbox, put, given } = outboxOf();
    const buffer = new ArrayBuffer(8);
    put(completed(1));
    outbox.put({ body: 1, word: completed(buffer) }, [buffer]);
    await turn();
    expect(given).toEqual([buffer]);
    put(completed(2));
    await turn();
    expect(given).toEqual([buffer]);
  });
});

describe('the window', () => {
  /** Two full batches of two fill it. */
  const small = { window: 2, maxItems: 2, maxLogs: 3 };

  test('holds everything back but what is urgent, and goes on when batches are taken', async () => {
    const { outbox, put, heard } = outboxOf(small);
    put(completed(1), completed(2), completed(3), completed(4), completed(5), completed(6), completed(7));
    await turn();
    expect(heard()).toEqual([1, 2, 3, 4].map((n) => completed(n)));
    outbox.urgent({ body: 1, word: { type: 'health.answered', checkId: 1 } });
    expect(heard().at(-1)).toEqual({ type: 'health.answered', checkId: 1 });
    outbox.taken(1);
    expect(heard().slice(5)).toEqual([5, 6].map((n) => completed(n)));
    outbox.taken(4);
    expect(heard().slice(7)).toEqual([completed(7)]);
  });
  test('counts what is in the batches: a burst of many small ones is not held back', async () => {
    const { put, heard } = outboxOf({ window: 2, maxItems: 50 });
    for (let n = 0; n < 100; n += 1) {
      put(progress(n));
      await turn();
    }
    expect(heard()).toEqual(Array.from({ length: 100 }, (_, n) => progress(n)));
  });
  test('the newest progress of each task replaces the one that waits, in its place', async () => {
    const { outbox, put, heard } = outboxOf(small);
    put(log('1'), log('2'), log('3'), log('4'));
    put(progress(1, 'a'), completed('b', 'b'), progress(2, 'a'), progress(1, 'c'), progress(3, 'a'));
    await turn();
    outbox.taken(2);
    expect(heard().slice(4)).toEqual([progress(3, 'a'), completed('b', 'b'), progress(1, 'c')]);
  });
  test('the newest state replaces the one that waits, unless something was answered since', async () => {
    const { outbox, put, heard } = outboxOf(small);
    put(log('1'), log('2'), log('3'), log('4'));
    put(changed('a'), progress(1), changed('b'), completed('c'), changed('d'), changed('e'));
    outbox.put({ body: 2, word: changed('of another') });
    put(changed('f'));
    await turn();
    outbox.taken(4);
    await turn();
    outbox.taken(8);
    const states = [changed('b'), progress(1), completed('c'), changed('f'), changed('of another')];
    expect(heard().slice(4)).toEqual(states);
  });
  test('log lines beyond the limit are dropped, and their number is told', async () => {
    const { outbox, put, heard } = outboxOf(small);
    put(...Array.from({ length: 20 }, (_, n) => log(`${n}`)));
    put(completed('kept'));
    await turn();
    for (let taken = 1; taken < 20; taken += 1) outbox.taken(taken);
    const messages = heard().map((word) => (word.type === 'log' ? word.message : 'kept'));
    expect(messages.slice(0, 8)).toEqual(['0', '1', '2', '3', '4', '5', '6', 'kept']);
    expect(messages[8]).toMatch(/^13 log lines were dropped/);
    expect(messages).toHaveLength(9);
  });
  test('a last word carries all that waits', async () => {
    const { outbox, put, heard } = outboxOf(small);
    put(...[1, 2, 3, 4, 5, 6].map((n) => completed(n)));
    let isSent = false;
    outbox.drain(() => {
      isSent = true;
    });
    expect(heard()).toEqual([1, 2, 3, 4, 5, 6].map((n) => completed(n)));
    expect(isSent).toBe(true);
  });
});

test('what cannot be cloned hurts nothing else in its batch', async () => {
  const { put, heard } = outboxOf();
  put(
    completed(1),
    completed(() => 1),
    progress(() => 1),
    completed(3),
  );
  await turn();
  expect(heard()).toEqual([completed(1), log('instead'), completed(3)]);
});

test('what takes the place of an item and cannot be sent either is left out, and what follows is sent', async () => {
  const tried: unknown[] = [];
  const { outbox, put, heard } = outboxOf({
    substitute: ({ body, word }) => {
      tried.push(word);
      return { body, word: completed(() => 'no better') };
    },
  });
  put(
    completed(() => 1),
    completed(2),
  );
  await turn();
  expect(heard()).toEqual([completed(2)]);
  expect(tried).toHaveLength(1);
  let isSent = false;
  put(completed(() => 3));
  outbox.drain(() => {
    isSent = true;
  });
  expect(isSent).toBe(true);
});

import { describe, expect, test } from 'vitest';
import { SendBuffer, type SendBufferOptions } from '../../src/runtime/hosting/hosts/send-buffer.ts';
import { eachReport } from '../../src/runtime/hosting/hosts/message-check.ts';
import type { ChildReport } from '../../src/runtime/hosting/hosts/protocol.ts';

/** A buffer, and what came out of it. A function in an item cannot be cloned. */
function bufferOf(options: Partial<SendBufferOptions> = {}) {
  const batches: ChildReport[][] = [];
  const given: ArrayBuffer[] = [];
  const buffer = new SendBuffer({
    send: (message, transfer, sent) => {
      structuredClone(message);
      const reports: ChildReport[] = [];
      eachReport(message, (_, report) => reports.push(report));
      batches.push(reports);
      given.push(...transfer);
      sent?.();
    },
    substitute: ({ body, report }) =>
      report.type === 'task.completed' ? { body, report: log('instead') } : undefined,
    ...options,
  });
  const put = (...reports: ChildReport[]): void => {
    for (const report of reports) buffer.put({ body: 1, report });
  };
  const heard = () => batches.flat();
  return { buffer, put, batches, given, heard };
}

const log = (message: string): ChildReport => ({ type: 'log', level: 'info', message });
const progress = (value: unknown, taskId = 't'): ChildReport => ({ type: 'task.progress', taskId, value });
const completed = (output: unknown, taskId = 't'): ChildReport => ({
  type: 'task.completed',
  taskId,
  output,
});
const changed = (value: string): ChildReport => ({
  type: 'state.changed',
  state: { json: JSON.stringify(value), stateVersion: 1 },
});
const turn = () => Promise.resolve();

describe('batches', () => {
  test('what is said in one turn travels together, in order', async () => {
    const { put, batches, heard } = bufferOf();
    put(log('a'), progress(1), completed(2));
    expect(batches).toEqual([]);
    await turn();
    expect(batches).toHaveLength(1);
    expect(heard()).toEqual([log('a'), progress(1), completed(2)]);
  });
  test('a batch is closed before it grows past its items or its bytes', async () => {
    const { put, batches } = bufferOf({ maxItems: 3, maxBytes: 1_000 });
    put(...Array.from({ length: 7 }, (_, n) => progress(n)));
    put(progress('x'.repeat(600)), progress('y'.repeat(600)), progress(new Uint8Array(5_000)), progress(1));
    await turn();
    expect(batches.map((reports) => reports.length)).toEqual([3, 3, 2, 1, 1, 1]);
  });
  test('values that are hard to measure travel alone', async () => {
    const { put, batches } = bufferOf();
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
    expect(batches.map((reports) => reports.length)).toEqual([1, 1, 1, 1]);
  });
  test('buffers go with their item, and with no other', async () => {
    const { buffer, put, given } = bufferOf();
    const bytes = new ArrayBuffer(8);
    put(completed(1));
    buffer.put({ body: 1, report: completed(bytes) }, [bytes]);
    await turn();
    expect(given).toEqual([bytes]);
    put(completed(2));
    await turn();
    expect(given).toEqual([bytes]);
  });
});

describe('the window', () => {
  /** Two full batches of two fill it. */
  const small = { window: 2, maxItems: 2, maxLogs: 3 };

  test('holds everything back but what is urgent, and goes on when batches are taken', async () => {
    const { buffer, put, heard } = bufferOf(small);
    put(completed(1), completed(2), completed(3), completed(4), completed(5), completed(6), completed(7));
    await turn();
    expect(heard()).toEqual([1, 2, 3, 4].map((n) => completed(n)));
    buffer.urgent({ body: 1, report: { type: 'health.answered', checkId: 1 } });
    expect(heard().at(-1)).toEqual({ type: 'health.answered', checkId: 1 });
    buffer.taken(1);
    expect(heard().slice(5)).toEqual([5, 6].map((n) => completed(n)));
    buffer.taken(4);
    expect(heard().slice(7)).toEqual([completed(7)]);
  });
  test('opens by each batch once, as they are counted over the life of the channel', async () => {
    const { buffer, put, heard } = bufferOf(small);
    put(...Array.from({ length: 14 }, (_, n) => completed(n)));
    await turn();
    const heardAfter = [1, 2, 2, 1, 3].map((count) => {
      buffer.taken(count);
      return heard().length;
    });
    expect(heardAfter).toEqual([6, 8, 8, 8, 10]);
  });
  test('counts what is in the batches: a burst of many small ones is not held back', async () => {
    const { put, heard } = bufferOf({ window: 2, maxItems: 50 });
    for (let n = 0; n < 100; n += 1) {
      put(progress(n));
      await turn();
    }
    expect(heard()).toEqual(Array.from({ length: 100 }, (_, n) => progress(n)));
  });
  test('the newest progress of each task replaces the one that waits, in its place', async () => {
    const { buffer, put, heard } = bufferOf(small);
    put(log('1'), log('2'), log('3'), log('4'));
    put(progress(1, 'a'), completed('b', 'b'), progress(2, 'a'), progress(1, 'c'), progress(3, 'a'));
    await turn();
    buffer.taken(2);
    expect(heard().slice(4)).toEqual([progress(3, 'a'), completed('b', 'b'), progress(1, 'c')]);
  });
  test('the newest state replaces the one that waits, unless something was answered since', async () => {
    const { buffer, put, heard } = bufferOf(small);
    put(log('1'), log('2'), log('3'), log('4'));
    put(changed('a'), progress(1), changed('b'), completed('c'), changed('d'), changed('e'));
    buffer.put({ body: 2, report: changed('of another') });
    put(changed('f'));
    await turn();
    buffer.taken(4);
    await turn();
    buffer.taken(8);
    const states = [changed('b'), progress(1), completed('c'), changed('f'), changed('of another')];
    expect(heard().slice(4)).toEqual(states);
  });
  test('log lines beyond the limit are dropped, and their number is told', async () => {
    const { buffer, put, heard } = bufferOf(small);
    put(...Array.from({ length: 20 }, (_, n) => log(`${n}`)));
    put(completed('kept'));
    await turn();
    for (let taken = 1; taken < 20; taken += 1) buffer.taken(taken);
    const messages = heard().map((report) => (report.type === 'log' ? report.message : 'kept'));
    expect(messages.slice(0, 8)).toEqual(['0', '1', '2', '3', '4', '5', '6', 'kept']);
    expect(messages[8]).toMatch(/^13 log lines were dropped/);
    expect(messages).toHaveLength(9);
  });
  test('a last report carries all that waits', async () => {
    const { buffer, put, heard } = bufferOf(small);
    put(...[1, 2, 3, 4, 5, 6].map((n) => completed(n)));
    let isSent = false;
    buffer.drain(() => {
      isSent = true;
    });
    expect(heard()).toEqual([1, 2, 3, 4, 5, 6].map((n) => completed(n)));
    expect(isSent).toBe(true);
  });
});

test('what cannot be cloned hurts nothing else in its batch', async () => {
  const { put, heard } = bufferOf();
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
  const { buffer, put, heard } = bufferOf({
    substitute: ({ body, report }) => {
      tried.push(report);
      return { body, report: completed(() => 'no better') };
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
  buffer.drain(() => {
    isSent = true;
  });
  expect(isSent).toBe(true);
});

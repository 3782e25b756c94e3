/** Laws of the reports of one body on their way to its agent. */
import { expect, it } from 'vitest';
import { type ReportQueueOptions, ReportQueue } from '../../src/restate/nodes/report-queue.ts';
import { settled, simulatedClock } from '../../src/testing/index.ts';
import { fateOf } from '../kit/rig.ts';

/** More than an engine takes that takes little. */
const HUGE = 'x'.repeat(1_000);

interface Batch {
  readonly first: number;
  readonly reports: readonly { readonly n: number }[];
  readonly at: number;
}

function rig({
  holds = false,
  isAlive = true,
  isWatched = false,
  fails = 0,
  unread = 0,
  maxBytes = Infinity,
} = {}) {
  const clock = simulatedClock();
  const batches: Batch[] = [];
  const heard: unknown[] = [];
  const gates: (() => void)[] = [];
  let left = fails;
  let unreadLeft = unread;
  const engine = {
    now: () => Promise.resolve(7),
    call: async (_: unknown, batch: Batch) => {
      batches.push(batch);
      if (holds) await new Promise<void>((resolve) => gates.push(resolve));
      if ((left -= 1) >= 0) throw new Error('away');
      if (JSON.stringify(batch).length > maxBytes)
        throw Object.assign(new Error('refused'), { cause: { status: 413 } });
      if ((unreadLeft -= 1) >= 0) return { isAlive, isWatched: false, answers: [], isUnread: true };
      return { isAlive, isWatched, answers: [{ id: batch.first }] };
    },
  };
  const options = {
    engine,
    agentId: 'ada',
    incarnation: 1,
    clock,
    usage: () => undefined,
    watched: () => heard.push('watched'),
    answered: (answer: unknown) => heard.push(answer),
    disowned: () => heard.push('disowned'),
    failed: (thrown: Error) => heard.push(thrown.message),
  } as unknown as ReportQueueOptions;
  const queue = new ReportQueue(options);
  const tell = (n: number) => queue.tell({ n } as never);
  return { clock, batches, heard, queue, tell, release: () => gates.shift()?.() };
}
const numbersOf = (batches: readonly Batch[]) =>
  batches.map(({ first, reports }) => [first, ...reports.map(({ n }) => n)]);

it('one batch is on its way at a time: what is told meanwhile goes with the next, numbered on', async () => {
  const { batches, queue, tell, release, heard } = rig({ holds: true });
  for (const n of [1, 2, 3]) tell(n);
  await settled();
  expect(numbersOf(batches)).toEqual([[1, 1]]);
  const idle = queue.settled();
  release();
  await settled();
  expect(numbersOf(batches)).toEqual([
    [1, 1],
    [2, 2, 3],
  ]);
  expect(await fateOf(idle)).toBe('pending');
  release();
  expect(await fateOf(idle)).toEqual({ value: undefined });
  expect(heard).toEqual([{ id: 1 }, { id: 2 }]);
  expect(batches.map(({ at }) => at)).toEqual([7, 7]);
});

it('reports that are too large together go one by one, under their own numbers', async () => {
  const { batches, tell, heard } = rig({ maxBytes: 64 });
  tell(0);
  for (const n of [1, 2, 3]) tell(n);
  await settled();
  expect(numbersOf(batches)).toEqual([
    [1, 0],
    [2, 1, 2, 3],
    [2, 1],
    [3, 2],
    [4, 3],
  ]);
  expect(heard).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }, { id: 4 }]);
});

it.each([
  [
    { type: 'task.completed', taskId: 't', output: HUGE },
    { type: 'task.failed', code: 'TASK_FAILED' },
  ],
  [
    { type: 'task.failed', taskId: 't', code: 'TASK_FAILED', error: { name: 'E', message: HUGE } },
    { type: 'task.failed' },
  ],
  [{ type: 'task.parked', taskId: 't', why: 'busy', input: HUGE }, { type: 'task.failed' }],
  [{ type: 'state.saved', state: { json: HUGE } }, { type: 'state.save_failed' }],
  [{ type: 'state.changed', state: { json: HUGE } }, { type: 'dropped' }],
  [
    { type: 'request.made', requestId: 3, taskId: 't', name: 'step', args: HUGE },
    { type: 'request.withdrawn', requestId: 3 },
  ],
  [
    { type: 'exited', reason: 'normal', error: { name: 'E', message: HUGE } },
    { type: 'exited', reason: 'normal' },
  ],
])(
  'in place of a large $0.type a small report says that it was too large, under its number',
  async (large, small) => {
    const { batches, queue, heard } = rig({ maxBytes: 400 });
    queue.tell(large as never);
    await settled();
    expect(batches).toHaveLength(2);
    expect(batches[1]).toMatchObject({ first: 1, reports: [small] });
    const [refusal] = heard.filter((told) => (told as { type?: string }).type === 'request.refused');
    expect(refusal === undefined).toBe(large.type !== 'request.made');
  },
);

it('what is small, and is refused all the same, is not tried for ever', async () => {
  const { batches, queue } = rig({ maxBytes: 0 });
  queue.tell({ type: 'dropped' });
  queue.tell({ type: 'task.completed', taskId: 't', output: 1 });
  await settled();
  expect(batches.length).toBeLessThan(6);
});

it('a batch has at most 200 reports', async () => {
  const { batches, tell, release } = rig({ holds: true });
  for (let n = 0; n <= 202; n++) tell(n);
  for (let turn = 0; turn < 3; turn++) {
    await settled();
    release();
  }
  await settled();
  expect(batches.map(({ first, reports }) => [first, reports.length])).toEqual([
    [1, 1],
    [2, 200],
    [202, 2],
  ]);
});

it('of a body that was given a task one is sent within 100 ms, if need be an empty one, and no second', async () => {
  const { clock, batches, queue } = rig();
  queue.expect();
  queue.expect();
  await clock.advance(99);
  expect(batches).toEqual([]);
  await clock.advance(1);
  expect(numbersOf(batches)).toEqual([[1]]);
  await clock.advance(1_000);
  expect(batches).toHaveLength(1);
  queue.expect();
  await clock.advance(100);
  expect(batches).toHaveLength(2);
  expect(clock.pending()).toEqual([]);
});

it('what is told before then goes in its place', async () => {
  const { clock, batches, queue, tell } = rig();
  queue.expect();
  tell(1);
  await clock.advance(1_000);
  expect(numbersOf(batches)).toEqual([[1, 1]]);
});

it('a failure is told, and holds nothing up', async () => {
  const { batches, queue, tell, heard } = rig({ fails: 1 });
  tell(1);
  await queue.settled();
  tell(2);
  await queue.settled();
  expect(heard).toEqual(['away', { id: 2 }]);
  expect(numbersOf(batches)).toEqual([
    [1, 1],
    [2, 2],
  ]);
});

it.each([
  [{ isAlive: true, isWatched: false }, []],
  [{ isAlive: true, isWatched: true }, ['watched']],
  [{ isAlive: false, isWatched: false }, ['disowned']],
  [{ isAlive: false, isWatched: true }, ['disowned']],
])('an answer of %o is heeded', async (answer, told) => {
  const { queue, tell, heard } = rig(answer);
  tell(1);
  await queue.settled();
  expect(heard).toEqual([{ id: 1 }, ...told]);
});

it('after its close nothing is sent: not what waits, not what is told, not what was expected', async () => {
  const { clock, batches, queue, tell, release } = rig({ holds: true });
  tell(1);
  await settled();
  tell(2);
  queue.expect();
  queue.close();
  tell(3);
  queue.expect();
  release();
  await clock.advance(1_000);
  tell(4);
  queue.expect();
  await clock.advance(1_000);
  expect(numbersOf(batches)).toEqual([[1, 1]]);
  expect(clock.pending()).toEqual([]);
});

it('after its close a task of its body is not waited for', async () => {
  const { clock, batches, queue } = rig();
  queue.close();
  queue.expect();
  expect(clock.pending()).toEqual([]);
  await clock.advance(1_000);
  expect(batches).toEqual([]);
});

it('what could not be taken comes again every second, under its numbers, and nothing overtakes it', async () => {
  const { clock, batches, heard, queue, tell } = rig({ unread: 2 });
  tell(1);
  await settled();
  tell(2);
  await clock.advance(999);
  expect([numbersOf(batches), heard]).toEqual([[[1, 1]], []]);
  await clock.advance(1);
  expect(numbersOf(batches)).toEqual([
    [1, 1],
    [1, 1],
  ]);
  await clock.advance(1_000);
  await queue.settled();
  expect(numbersOf(batches).slice(2)).toEqual([
    [1, 1],
    [2, 2],
  ]);
  expect(heard).toEqual([{ id: 1 }, { id: 2 }]);
});

it('what could not be taken is not sent after its close', async () => {
  const { clock, batches, queue, tell } = rig({ unread: 9 });
  tell(1);
  await settled();
  queue.close();
  await queue.settled();
  expect(clock.pending()).toEqual([]);
  await clock.advance(5_000);
  expect(batches).toHaveLength(1);
});

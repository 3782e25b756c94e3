/** Laws of the host of simulated fleets: how long work takes, and what a cancel finds. */
import { expect, it } from 'vitest';
import { type BodyReport, defineAgent, type ExitReason } from '../../../src/index.ts';
import { FaultyHost } from '../../../src/testing/simulate-fleet/faulty-host.ts';
import { settled, simulatedClock } from '../../../src/testing/index.ts';
import type { BodyStart } from '../../../src/runtime/hosting/host.ts';

const WORK_MS = 500;
const nothing = () => {};

/** A body that is ready, whose tasks take their time. */
async function rig() {
  const done: unknown[] = [];
  const module = defineAgent({
    type: 'subject',
    init: () => ({}),
    tasks: {
      add: { run: ({ input }) => void done.push(input) },
      wait: {
        run: ({ signal }) =>
          new Promise<void>((_, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason as Error));
          }),
      },
    },
  });
  const clock = simulatedClock();
  const reports: BodyReport[] = [];
  const exits: ExitReason[] = [];
  const over: string[] = [];
  const host = new FaultyHost({
    clock,
    witness: {
      opened: nothing,
      stateTold: nothing,
      taskDone: nothing,
      variablePosted: nothing,
      exited: nothing,
      taskBegun: nothing,
      taskOver: (_, taskId) => void over.push(taskId),
      asked: nothing,
      answered: nothing,
    },
    workMs: () => WORK_MS,
    readyMs: () => 0,
  });
  const start: BodyStart = {
    agentId: 'a',
    incarnation: 1,
    module,
    initArgs: {},
    restored: undefined,
    previousStop: undefined,
    variables: [],
    resources: { cpuPriority: 'normal', maxRuntimeMs: Infinity },
  };
  const body = host.open(start, {
    report: (report) => void reports.push(report),
    exited: (reason) => void exits.push(reason),
  });
  const pass = async (ms: number) => {
    await clock.advance(ms);
    await settled();
  };
  await pass(0);
  const run = (taskId: string, task: string) => body.post({ type: 'task.run', taskId, task, input: taskId });
  const cancel = (taskId: string) => body.post({ type: 'task.cancel', taskId, reason: 'no longer wanted' });
  const answers = () =>
    reports.flatMap((report) => {
      if (report.type === 'task.completed') return [`${report.taskId} done`];
      return report.type === 'task.failed' ? [`${report.taskId} ${report.code}`] : [];
    });
  return { body, host, run, cancel, pass, done, over, answers, exits };
}

it('a task is done at the end of its time, and not before', async () => {
  const { run, pass, done, answers } = await rig();
  run('t1', 'add');
  await pass(WORK_MS - 1);
  expect(done).toEqual([]);
  await pass(1);
  expect([done, answers()]).toEqual([['t1'], ['t1 done']]);
});

it('a task that is cancelled within its time is abandoned at once, and never done', async () => {
  const { run, cancel, pass, done, answers, over } = await rig();
  run('t1', 'add');
  run('t2', 'add');
  await pass(WORK_MS - 1);
  cancel('t1');
  await pass(0);
  expect(answers()).toEqual(['t1 TASK_ABANDONED']);
  await pass(10 * WORK_MS);
  expect([done, answers(), over]).toEqual([['t2'], ['t1 TASK_ABANDONED', 't2 done'], ['t1', 't2']]);
});

it('a task that is cancelled after its time is its body’s to end', async () => {
  const { run, cancel, pass, answers } = await rig();
  run('t1', 'wait');
  await pass(WORK_MS);
  cancel('t1');
  await pass(0);
  expect(answers()).toEqual(['t1 TASK_FAILED']);
});

it('of a body that is told to end, or hangs, no work is begun any more', async () => {
  const ending = await rig();
  ending.run('t1', 'add');
  ending.body.post({ type: 'terminate' });
  await ending.pass(10 * WORK_MS);
  expect([ending.done, ending.exits]).toEqual([[], ['shutdown']]);
  const hung = await rig();
  hung.run('t1', 'add');
  hung.host.hang('a');
  await hung.pass(10 * WORK_MS);
  expect([hung.done, hung.answers(), hung.exits]).toEqual([[], [], []]);
});

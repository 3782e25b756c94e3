/** Laws of the host of simulated fleets: how long work takes, and what a cancel finds. */
import { expect, it } from 'vitest';
import { type BodyReport, defineAgent, type ExitReason } from '../../../src/index.ts';
import { FaultyHost } from '../../../src/testing/simulate-fleet/faulty-host.ts';
import { settled, simulatedClock } from '../../../src/testing/index.ts';
import type { BodyListener, BodyStart } from '../../../src/runtime/hosting/host.ts';

const WORK_MS = 500;

/** A body that is ready, whose tasks take their time. */
async function rig({
  readyMs = 0,
  workMs = WORK_MS,
}: {
  readonly readyMs?: number;
  readonly workMs?: number;
} = {}) {
  const done: unknown[] = [];
  const gate = Promise.withResolvers<void>();
  const module = defineAgent({
    type: 'subject',
    init: () => ({}),
    tasks: {
      add: { run: ({ input }) => void done.push(input) },
      wait: {
        run: ({ signal }) =>
          new Promise<void>((_, reject) => {
            signal.addEventListener('abort', () => {
              done.push('aborted');
              reject(signal.reason as Error);
            });
          }),
      },
      held: { run: () => gate.promise },
    },
  });
  const clock = simulatedClock();
  const reports: BodyReport[] = [];
  const exits: ExitReason[] = [];
  const over: string[] = [];
  const seen: string[] = [];
  const host = new FaultyHost({
    clock,
    witness: {
      opened: ({ agentId }) => void seen.push(`${agentId} opened`),
      stateTold: (agentId, { json }) => void seen.push(`${agentId} state ${json}`),
      taskDone: (_, taskId) => void seen.push(`${taskId} done`),
      variablePosted: (_, incarnation, name, version) => void seen.push(`${incarnation} ${name} v${version}`),
      exited: (id, incarnation) => void seen.push(`${id}/${incarnation} exited`),
      taskBegun: (_, taskId) => void seen.push(`${taskId} begun`),
      taskOver: (_, taskId) => void over.push(taskId),
      asked: (agentId, taskId, requestId, args) =>
        void seen.push(`${agentId} ${taskId} asked ${requestId} ${JSON.stringify(args)}`),
      answered: (_, taskId, requestId) => void seen.push(`${taskId} answered ${requestId}`),
    },
    workMs: () => workMs,
    readyMs: () => readyMs,
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
  const open = () =>
    host.open(start, {
      report: (report) => void reports.push(report),
      exited: (reason) => void exits.push(reason),
    });
  const body = open();
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
  const told = () => reports.map(({ type }) => type);
  return {
    gate,
    reports,
    body,
    host,
    open,
    run,
    cancel,
    pass,
    done,
    over,
    seen,
    answers,
    told,
    exits,
    clock,
  };
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

it('a body is ready when its time is over; killed before, it ends so', async () => {
  const late = await rig({ readyMs: 50 });
  await late.pass(49);
  expect(late.told()).toEqual([]);
  await late.pass(1);
  expect(late.told()).toEqual(['ready']);
  const killed = await rig({ readyMs: 50 });
  killed.body.kill();
  await killed.pass(100);
  expect([killed.told(), killed.exits, killed.seen]).toEqual([[], ['killed'], ['a opened', 'a/1 exited']]);
  expect([killed.host.live, killed.clock.pending().length]).toEqual([[], 0]);
});

it('a report that is slow holds up those after it, and they come in order', async () => {
  const { host, run, pass, answers } = await rig();
  host.arrange('a', 'task', 100);
  run('t1', 'add');
  run('t2', 'add');
  await pass(WORK_MS + 99);
  expect(answers()).toEqual([]);
  await pass(1);
  expect(answers()).toEqual(['t1 done', 't2 done']);
  run('t3', 'add');
  await pass(WORK_MS);
  expect(answers()).toEqual(['t1 done', 't2 done', 't3 done']);
});

it('a report that is lost is lost alone, once, and only of its agent and kind', async () => {
  const { host, run, pass, answers, told } = await rig();
  host.arrange('b', 'task', undefined);
  host.arrange('a', 'health', undefined);
  host.arrange('a', 'task', undefined);
  host.arrange('a', 'task', 10);
  for (const id of ['t1', 't2', 't3']) run(id, 'add');
  await pass(WORK_MS);
  expect(answers()).toEqual([]);
  await pass(10);
  expect([answers(), told()[0]]).toEqual([['t2 done', 't3 done'], 'ready']);
});

it('what is forgotten does not come about', async () => {
  const { host, open, run, pass, answers, told, exits } = await rig();
  host.arrange('a', 'task', undefined);
  host.limit('a', 5);
  host.failStart('a');
  host.forgetArranged();
  run('t1', 'add');
  open();
  await pass(WORK_MS);
  expect([answers(), told().filter((type) => type === 'ready').length, exits]).toEqual([['t1 done'], 2, []]);
});

it('a task runs into each limit once, with its reset or without', async () => {
  const { host, run, pass, answers, reports, over } = await rig();
  host.limit('b', 1);
  host.limit('a', 5);
  host.limit('a', undefined);
  for (const id of ['t1', 't2', 't3']) run(id, 'add');
  expect([reports.slice(1), over]).toEqual([
    [
      { type: 'task.parked', taskId: 't1', why: 'as the seed says', afterMs: 5 },
      { type: 'task.parked', taskId: 't2', why: 'as the seed says' },
    ],
    ['t1', 't2'],
  ]);
  await pass(WORK_MS);
  expect(answers()).toEqual(['t3 done']);
});

it('a start that fails ends its body within a millisecond, and the next one is as it should be', async () => {
  const { host, open, pass, told, exits } = await rig();
  host.failStart('a');
  open();
  expect(host.live).toEqual(['a', 'a']);
  await pass(0);
  expect(exits).toEqual([]);
  await pass(1);
  expect([exits, host.live, told()]).toEqual([[{ exitCode: 1 }], ['a'], ['ready']]);
  open();
  await pass(1);
  expect([exits.length, told()]).toEqual([1, ['ready', 'ready']]);
});

it('a start that fails and is killed first ends once', async () => {
  const { host, open, pass, exits } = await rig();
  host.failStart('a');
  open().kill();
  await pass(5);
  expect(exits).toEqual(['killed']);
});

it('a crash is the end of one body, once, for its reason; what it had not told is lost', async () => {
  const { host, run, pass, answers, exits, seen, over } = await rig();
  host.crash('nobody', 'disconnected');
  host.arrange('a', 'task', 100);
  run('t1', 'add');
  await pass(WORK_MS);
  run('t2', 'add');
  host.crash('a', 'out_of_memory');
  host.crash('a', 'disconnected');
  await pass(10 * WORK_MS);
  expect([exits, answers(), over, host.live]).toEqual([['out_of_memory'], [], [], []]);
  expect(seen).toEqual(['a opened', 't1 begun', 't2 begun', 'a/1 exited']);
  host.crash('a', 'disconnected');
  expect(exits).toHaveLength(1);
});

it('the end of a body that is killed may be late, and nothing is told meanwhile', async () => {
  const { host, body, run, pass, exits, told } = await rig();
  host.arrange('a', 'exit', 100);
  body.kill();
  run('t1', 'add');
  await pass(99);
  expect([exits, host.live]).toEqual([[], ['a']]);
  await pass(1);
  expect([exits, host.live, told()]).toEqual([['killed'], [], ['ready']]);
});

it('bodies of a program that has died tell nothing any more', async () => {
  const { host, open, run, pass, exits, told, seen } = await rig();
  open();
  await pass(0);
  run('t1', 'add');
  host.die();
  expect(host.live).toEqual([]);
  await pass(10 * WORK_MS);
  expect([exits, told()]).toEqual([[], ['ready', 'ready']]);
  expect(seen).toEqual(['a opened', 'a opened', 't1 begun']);
});

it('its witness sees what a body is told of variables and answers, as long as it is there', async () => {
  const { body, pass, seen } = await rig();
  const post = () => {
    body.post({ type: 'variable.changed', variable: { name: 'rate', value: 1, version: 3 } } as never);
    body.post({ type: 'request.answered', taskId: 't', requestId: 7, output: 1 } as never);
  };
  post();
  body.kill();
  await pass(0);
  post();
  expect(seen).toEqual(['a opened', '1 rate v3', 't answered 7', 'a/1 exited', 't answered 7']);
});

it('a task that takes no time is begun at once, with no timer', async () => {
  const { run, clock, done } = await rig({ workMs: 0 });
  run('t1', 'add');
  expect(clock.pending()).toEqual([]);
  await settled();
  expect(done).toEqual(['t1']);
});

it('a body that is told to end, hangs or crashes leaves no timer', async () => {
  const ending = await rig();
  ending.run('t1', 'add');
  ending.body.post({ type: 'terminate' });
  expect(ending.clock.pending()).toEqual([]);
  await settled();
  expect(ending.exits).toEqual(['shutdown']);
  const hung = await rig();
  hung.run('t1', 'add');
  hung.host.hang('a');
  expect(hung.clock.pending()).toEqual([]);
  const crashed = await rig();
  crashed.host.arrange('a', 'task', 100);
  crashed.run('t1', 'add');
  await crashed.pass(WORK_MS);
  crashed.run('t2', 'add');
  crashed.host.crash('a', 'disconnected');
  await settled();
  expect([crashed.exits, crashed.clock.pending()]).toEqual([['disconnected'], []]);
});

it('a body that hangs is given nothing and tells nothing, but for what is on its way', async () => {
  const { host, run, pass, gate, seen, answers } = await rig();
  run('t1', 'add');
  run('t2', 'held');
  host.arrange('a', 'task', 100);
  await pass(WORK_MS);
  host.hang('a');
  gate.resolve();
  run('t3', 'add');
  await pass(100);
  expect(answers()).toEqual(['t1 done']);
  expect(seen).toEqual(['a opened', 't1 begun', 't2 begun', 'a state {}', 't1 done']);
});

it('a body that has ended is given nothing', async () => {
  const { body, run, pass, seen } = await rig();
  body.kill();
  await pass(0);
  run('t1', 'add');
  expect(seen).toEqual(['a opened', 'a/1 exited']);
});

it('of a body that is killed and ends late nothing is told that was on its way', async () => {
  const { host, body, run, pass, answers, exits } = await rig();
  host.arrange('a', 'task', 50);
  host.arrange('a', 'exit', 100);
  run('t1', 'add');
  run('t2', 'add');
  await pass(WORK_MS);
  body.kill();
  await pass(99);
  expect([answers(), exits]).toEqual([[], []]);
  await pass(1);
  expect([answers(), exits]).toEqual([[], ['killed']]);
});

it('of two crashes before its end is told the first is its reason', async () => {
  const { host, pass, exits } = await rig();
  host.arrange('a', 'exit', 100);
  host.crash('a', 'out_of_memory');
  host.crash('a', 'disconnected');
  await pass(100);
  expect(exits).toEqual(['out_of_memory']);
});

it('a program that has died ends the work of its bodies, and hears nothing that was on its way', async () => {
  const { host, body, open, run, pass, done, answers, exits } = await rig();
  run('t1', 'add');
  run('t2', 'wait');
  host.arrange('a', 'task', 100);
  await pass(WORK_MS);
  host.arrange('a', 'exit', 100);
  host.die();
  await pass(200);
  expect([done, answers(), exits]).toEqual([['t1', 'aborted'], [], []]);
  body.kill();
  // The late end is that of the next body.
  const next = open();
  await pass(0);
  next.kill();
  await pass(99);
  expect(exits).toEqual([]);
  await pass(1);
  expect(exits).toEqual(['killed']);
});

it('a program that dies before the late end of a body does not hear of it', async () => {
  const { host, body, pass, exits } = await rig();
  host.arrange('a', 'exit', 100);
  body.kill();
  await pass(50);
  host.die();
  await pass(100);
  expect(exits).toEqual([]);
});

it('its witness sees states, requests to other agents, and their withdrawal', async () => {
  const { body, seen, told } = await rig();
  const listener = body as unknown as BodyListener;
  const request = { type: 'request.made', taskId: 't1', requestId: 7 } as const;
  listener.report({ ...request, name: 'agents.execute', args: ['b'] });
  listener.report({ ...request, requestId: 8, name: 'variables.get', args: ['rate'] });
  listener.report({ type: 'request.withdrawn', taskId: 't1', requestId: 7 } as never);
  listener.report({ type: 'state.saved', state: { json: '{"n":1}' } } as never);
  listener.report({ type: 'state.saved', state: undefined } as never);
  listener.report({ type: 'task.completed', taskId: 't1', output: 1 } as never);
  expect(seen).toEqual(['a opened', 'a t1 asked 7 ["b"]', 't1 answered 7', 'a state {"n":1}', 't1 done']);
  expect(told()).toHaveLength(7);
});

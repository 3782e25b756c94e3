/** What tasks ask of their system, from the system's side: who may ask, how much, and what becomes of the rest. */
import { describe, expect, test } from 'vitest';
import { defineAgent } from '../../src/index.ts';
import { MAX_REQUESTS } from '../../src/runtime/hosting/request-bounds.ts';
import { settled, type ScriptedBody, scriptedHost } from '../../src/testing/index.ts';
import { awaited, fateOf, gate, rig } from '../kit/rig.ts';

const module = new URL('../fixtures/agents/speaker.ts', import.meta.url);
const manifest = { tasks: { work: { requires: [], retry: false } } };

/** An agent that says what a test has it say, beside one that is done by `finish`. */
async function speaking({ concurrency = 1 } = {}) {
  const host = scriptedHost({ isolation: 'process', manifest });
  const began: unknown[] = [];
  const aborted: unknown[] = [];
  const finish = gate<unknown>();
  const helper = defineAgent({
    type: 'helper',
    init: () => 0,
    tasks: {
      help: {
        run: async ({ input, signal }) => {
          began.push(input);
          signal.addEventListener('abort', () => aborted.push(signal.reason));
          return await finish.promise;
        },
      },
      fail: {
        run: () => {
          throw new RangeError('cannot');
        },
      },
    },
  });
  const given = await rig({ hosts: { process: host } });
  const { agents } = given;
  await agents.register({ id: 'helper', module: helper, tasks: { concurrency: 1_000 } });
  await agents.start('helper');
  await agents.register({ id: 'speaker', module, tasks: { concurrency }, restart: { policy: 'immediate' } });
  const starting = agents.start('speaker');
  await settled();
  const body = (): ScriptedBody => host.bodiesOf('speaker').at(-1)!;
  body().ready();
  await starting;
  body().takeRequests();
  const work = async (timeoutMs?: number) => {
    const output = awaited(
      agents.execute('speaker', { type: 'work', ...(timeoutMs === undefined ? {} : { timeoutMs }) }),
    );
    await settled();
    const run = body().takeRequests().at(-1)!;
    return { output, taskId: run.type === 'task.run' ? run.taskId : '' };
  };
  const ask = (requestId: number, taskId: string, args: unknown = HELP, name = 'agents.execute'): void =>
    body().report({ type: 'request.made', requestId, taskId, name, args });
  const answers = async () => {
    await settled();
    return body()
      .takeRequests()
      .filter(({ type }) => type === 'request.answered' || type === 'request.refused');
  };
  const dropped = (): number => agents.get('speaker').metrics.dropped;
  return { ...given, body, work, ask, answers, dropped, began, aborted, finish };
}

const HELP = { target: 'helper', task: { type: 'help', input: 'please' } };

test('a task that runs is answered, once', async () => {
  const { work, ask, answers, finish, dropped } = await speaking();
  const { taskId } = await work();
  ask(1, taskId);
  expect(await answers()).toEqual([]);
  finish.resolve('done');
  expect(await answers()).toEqual([{ type: 'request.answered', requestId: 1, taskId, value: 'done' }]);
  expect(await answers()).toEqual([]);
  expect(dropped()).toBe(0);
});
test('what a handler throws is the refusal of that one request', async () => {
  const { work, ask, answers } = await speaking();
  const { taskId } = await work();
  ask(1, taskId, { target: 'helper', task: { type: 'fail' } });
  ask(2, taskId, { target: 'nobody', task: { type: 'help' } });
  expect(await answers()).toMatchObject([
    { type: 'request.refused', requestId: 2, taskId, code: 'AGENT_NOT_FOUND' },
    {
      type: 'request.refused',
      requestId: 1,
      taskId,
      code: 'TASK_FAILED',
      error: { cause: { name: 'RangeError' } },
    },
  ]);
});
test.for([
  [
    'a name that is not known',
    'agents.destroy',
    HELP,
    /expected a request of agents\.execute.*got "agents\.destroy"/,
  ],
  ['a name of every object', '__proto__', HELP, /got "__proto__"/],
  ['no arguments', 'agents.execute', null, /agents\.execute:/],
  [
    'a target that is none',
    'agents.execute',
    { target: 7, task: { type: 'help' } },
    /target: expected the id of an agent/,
  ],
  ['a key that is not known', 'agents.execute', { ...HELP, as: 'root' }, /as/],
  ['a signal', 'agents.execute', { ...HELP, task: { type: 'help', signal: {} } }, /task\.signal|signal/],
] as const)('%s is refused with REQUEST_INVALID, and begins nothing', async ([, name, args, message]) => {
  const { work, ask, answers, began } = await speaking();
  const { taskId } = await work();
  ask(1, taskId, args, name);
  const [refused] = await answers();
  expect(refused).toMatchObject({ type: 'request.refused', code: 'REQUEST_INVALID' });
  expect(refused?.type === 'request.refused' && refused.error.message).toMatch(message);
  expect(began).toEqual([]);
});

describe('it is dropped, and counted', () => {
  test('what is asked by no task, or by one that has ended, was cancelled or has timed out', async () => {
    const { work, ask, answers, body, clock, system, dropped, began } = await speaking();
    ask(1, 'task-0');
    expect(dropped()).toBe(1);
    const done = await work();
    body().report({ type: 'task.completed', taskId: done.taskId, output: 0 });
    ask(2, done.taskId);
    expect(dropped()).toBe(2);
    const cancelled = await work();
    await system.tasks.cancel(cancelled.taskId);
    ask(3, cancelled.taskId);
    expect(dropped()).toBe(3);
    body().report({ type: 'task.completed', taskId: cancelled.taskId, output: 0 });
    const late = await work(5);
    await clock.advance(5);
    ask(4, late.taskId);
    expect(dropped()).toBe(4);
    expect(await answers()).toEqual([]);
    expect(began).toEqual([]);
  });
  test('what an earlier incarnation asks', async () => {
    const { work, ask, body, agents, clock, dropped, began } = await speaking();
    const { taskId } = await work();
    const first = body();
    const killed = agents.kill('speaker');
    first.exit('killed');
    await killed;
    await clock.advance(1_000);
    body().ready();
    const again = await work();
    const before = dropped();
    first.report({ type: 'request.made', requestId: 1, taskId, name: 'agents.execute', args: HELP });
    first.report({
      type: 'request.made',
      requestId: 2,
      taskId: again.taskId,
      name: 'agents.execute',
      args: HELP,
    });
    expect(dropped()).toBe(before + 2);
    expect(began).toEqual([]);
    // The new one begins with its own numbers.
    ask(1, again.taskId);
    expect(dropped()).toBe(before + 2);
    await settled();
    expect(began).toEqual(['please']);
  });
  test('what comes again, and what is more than may be open', async () => {
    const { work, ask, answers, finish, dropped, began } = await speaking();
    const { taskId } = await work();
    for (let id = 1; id <= 10_000; id += 1) ask(id, taskId);
    expect(dropped()).toBe(10_000 - MAX_REQUESTS);
    ask(1, taskId);
    expect(dropped()).toBe(10_001 - MAX_REQUESTS);
    await settled();
    expect(began).toHaveLength(MAX_REQUESTS);
    finish.resolve(0);
    expect(await answers()).toHaveLength(MAX_REQUESTS);
    ask(10_001, taskId);
    expect(await answers()).toHaveLength(1);
  });
});

describe('what was begun for a request ends with it', () => {
  test('when it is withdrawn', async () => {
    const { work, ask, answers, body, aborted, dropped } = await speaking();
    const { taskId } = await work();
    ask(1, taskId);
    await settled();
    const error = { name: 'Error', message: 'changed my mind' };
    body().report({ type: 'request.withdrawn', requestId: 1, taskId, error });
    expect(aborted).toMatchObject([{ message: 'changed my mind' }]);
    body().report({ type: 'request.withdrawn', requestId: 1, taskId, error });
    expect(await answers()).toEqual([]);
    expect(dropped()).toBe(0);
  });
  test('when its task ends, is cancelled, or loses its body', async () => {
    const { work, ask, body, system, agents, aborted, eventsOf } = await speaking();
    for (const end of [
      (taskId: string) => body().report({ type: 'task.completed', taskId, output: 0 }),
      (taskId: string) => void system.tasks.cancel(taskId),
      () => {
        void agents.kill('speaker');
        body().exit('killed');
      },
    ]) {
      const { taskId } = await work();
      ask(eventsOf('task.started').length, taskId);
      await settled();
      const before = aborted.length;
      end(taskId);
      await settled();
      expect(aborted).toHaveLength(before + 1);
      if (body().isLive) body().report({ type: 'task.completed', taskId, output: 0 });
    }
  });
});

test('a request takes no longer than what is left of its task', async () => {
  const { work, ask, answers, clock, eventsOf } = await speaking();
  const { taskId, output } = await work(1_000);
  await clock.advance(400);
  ask(1, taskId);
  ask(2, taskId, { target: 'helper', task: { type: 'help', timeoutMs: 100 } });
  await clock.advance(100);
  expect(await answers()).toMatchObject([{ requestId: 2, code: 'TASK_TIMED_OUT' }]);
  await clock.advance(500);
  expect(await fateOf(output)).toBe('TASK_TIMED_OUT');
  expect(eventsOf('task.timed_out').map(({ timeoutMs }) => timeoutMs)).toEqual([100, 1_000]);
  // What is left of it goes with the task itself.
  expect(eventsOf('task.abandoned')).toHaveLength(1);
});

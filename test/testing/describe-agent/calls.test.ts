/** The tasks that a stage gives to its agent: which are open, held, answered and taken. */
import { expect, it } from 'vitest';
import { AgentSystemError, type AgentSystem } from '../../../src/index.ts';
import { Calls } from '../../../src/testing/describe-agent/calls.ts';
import { settled } from '../../../src/testing/index.ts';

/** Agents whose tasks are answered by hand. */
function rig() {
  const asked: { id: string; request: Record<string, unknown>; answer: PromiseWithResolvers<unknown> }[] = [];
  const agents = {
    execute: (id: string, request: Record<string, unknown>) => {
      const answer = Promise.withResolvers<unknown>();
      asked.push({ id, request, answer });
      return answer.promise;
    },
  } as unknown as AgentSystem['agents'];
  return { calls: new Calls('a'), agents, asked };
}
const refused = (code: 'TASK_FAILED' | 'TASK_INCOMPATIBLE' | 'AGENT_NOT_RUNNING') =>
  new AgentSystemError(code, 'no');

it('a task is given with a copy of its input; its time is given to one that is held alone', () => {
  const { calls, agents, asked } = rig();
  const input = { list: [1] };
  const call = calls.submit(agents, 'add', input);
  calls.submit(agents, 'add', input, 50);
  input.list.push(2);
  expect(asked.map(({ id, request: { signal: _, ...request } }) => [id, request])).toEqual([
    ['a', { type: 'add', input: { list: [1] } }],
    ['a', { type: 'add', input: { list: [1] }, timeoutMs: 50 }],
  ]);
  call.controller.abort();
  expect((asked[0]!.request['signal'] as AbortSignal).aborted).toBe(true);
});

it('one is open until its end, and the first of those that are held is the one that is waited for', async () => {
  const { calls, agents, asked } = rig();
  const free = calls.submit(agents, 'free', 0);
  const held = calls.submit(agents, 'held', 1, 50);
  const later = calls.submit(agents, 'later', 2, 50);
  expect([calls.open, calls.held]).toEqual([[free, held, later], held]);
  asked[1]!.answer.reject(refused('TASK_FAILED'));
  await settled();
  expect([calls.open, calls.held]).toEqual([[free, later], later]);
  asked[2]!.answer.resolve('done');
  await settled();
  expect([calls.open, calls.held, calls.all]).toEqual([[free], undefined, [free, held, later]]);
});

it('answers are in the order of the tasks, and the last is the one that came last', async () => {
  const { calls, agents, asked } = rig();
  for (const n of [1, 2, 3]) calls.submit(agents, 'add', n);
  expect([calls.answers, calls.last]).toEqual([[], undefined]);
  asked[2]!.answer.resolve('c');
  await settled();
  asked[0]!.answer.resolve(undefined);
  asked[1]!.answer.reject(refused('TASK_FAILED'));
  await settled();
  expect(calls.answers).toEqual([
    { task: 'add', input: 1, output: undefined },
    { task: 'add', input: 3, output: 'c' },
  ]);
  expect(calls.last).toEqual({ task: 'add', input: 1, output: undefined });
});

it('a task is taken unless it was refused, and answered where it is done or failed', async () => {
  const { calls, agents, asked } = rig();
  for (const task of ['done', 'failed', 'open', 'unfit', 'down', 'lost']) calls.submit(agents, task, 0);
  asked[0]!.answer.resolve(1);
  asked[1]!.answer.reject(refused('TASK_FAILED'));
  asked[3]!.answer.reject(refused('TASK_INCOMPATIBLE'));
  asked[4]!.answer.reject(refused('AGENT_NOT_RUNNING'));
  asked[5]!.answer.reject(new AgentSystemError('TASK_ABANDONED', 'its body is gone'));
  await settled();
  expect(calls.taken).toEqual([
    { task: 'done', isAnswered: true },
    { task: 'failed', isAnswered: true },
    { task: 'open', isAnswered: false },
    { task: 'lost', isAnswered: false },
  ]);
});

it('what is lost with its program has ended so, and what had ended before stays as it was', async () => {
  const { calls, agents, asked } = rig();
  const done = calls.submit(agents, 'done', 0);
  const open = calls.submit(agents, 'open', 0, 50);
  asked[0]!.answer.resolve(1);
  await settled();
  calls.lose();
  expect(done.outcome).toEqual({ output: 1 });
  expect(open.outcome).toMatchObject({ error: { code: 'SYSTEM_CLOSED' } });
  expect([calls.open, calls.held]).toEqual([[], undefined]);
  expect(calls.taken).toEqual([{ task: 'done', isAnswered: true }]);
});

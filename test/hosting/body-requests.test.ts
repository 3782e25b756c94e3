/** Requests of an agent's tasks: each is settled once, and leaves nothing behind on the signals that it listened to. */
import { getEventListeners } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AgentSystemError } from '../../src/index.ts';
import { BodyRequests } from '../../src/runtime/hosting/body-requests.ts';
import type { BodyReport } from '../../src/runtime/hosting/host.ts';
import { MAX_REQUESTS } from '../../src/runtime/hosting/request-bounds.ts';
import { settled, simulatedClock } from '../../src/testing/index.ts';

/** The requests of a body, a task that asks, and what is told of both. */
function rig() {
  const reports: BodyReport[] = [];
  const requests = new BodyRequests((report) => void reports.push(report), simulatedClock());
  const task = (taskId: string) => {
    const controller = new AbortController();
    const { signal } = controller;
    const asker = { taskId, signal };
    return {
      asker,
      cancel: (reason: unknown) => controller.abort(reason),
      ask: (name: string, args?: unknown, own?: AbortSignal) => requests.ask(asker, name, args, own),
      listeners: () => getEventListeners(signal, 'abort').length,
    };
  };
  const answer = (requestId: number, taskId: string, value: unknown) =>
    requests.answered({ type: 'request.answered', requestId, taskId, value });
  return { requests, reports, task, answer };
}

const refusal = (requestId: number, taskId: string, more: object = {}) =>
  ({
    type: 'request.refused',
    requestId,
    taskId,
    code: 'AGENT_NOT_FOUND',
    error: { name: 'AgentSystemError', message: 'no such agent' },
    ...more,
  }) as const;

/** What a promise rejects with; it may be looked at later. */
const failureOf = async (promise: Promise<unknown>): Promise<unknown> => {
  try {
    return { resolved: await promise };
  } catch (thrown) {
    return thrown;
  }
};

describe('a request', () => {
  it('is told with a number of its own, and resolves with the answer to that number', async () => {
    const { reports, task, answer } = rig();
    const { ask, listeners } = task('t1');
    const [first, second] = [ask('find', { id: 'a' }), ask('find', { id: 'b' })];
    expect(reports).toEqual([
      { type: 'request.made', requestId: 1, taskId: 't1', name: 'find', args: { id: 'a' } },
      { type: 'request.made', requestId: 2, taskId: 't1', name: 'find', args: { id: 'b' } },
    ]);
    answer(2, 't1', 'of b');
    answer(1, 't1', 'of a');
    expect(await Promise.all([first, second])).toEqual(['of a', 'of b']);
    expect(listeners()).toBe(0);
    expect(reports).toHaveLength(2);
  });

  it('rejects with the refusal: its code, whom it is about, its details and its cause', async () => {
    const { requests, task } = rig();
    const { ask } = task('t1');
    const [plain, full, itself] = [ask('a'), ask('b'), ask('c')].map(failureOf);
    requests.answered(refusal(1, 't1'));
    const data = { agentId: 'w', details: { known: 3 } };
    const error = { name: 'X', message: 'gone', data, cause: { name: 'RangeError', message: 'why' } };
    requests.answered(refusal(2, 't1', { error }));
    const thrown = new Error('the very one');
    requests.answered(refusal(3, 't1', { cause: thrown }));
    expect(await plain).toMatchObject({ code: 'AGENT_NOT_FOUND', message: 'no such agent' });
    expect((await plain) as object).toBeInstanceOf(AgentSystemError);
    expect((await plain) as Error).not.toHaveProperty('cause', expect.anything());
    expect(await full).toMatchObject({
      message: 'gone',
      agentId: 'w',
      details: { known: 3 },
      cause: { name: 'RangeError', message: 'why' },
    });
    expect(await itself).toBe(thrown);
  });

  it('stays open at an answer to another task, and is not settled a second time', async () => {
    const { requests, reports, task, answer } = rig();
    const asked = task('t1').ask('find');
    answer(1, 't2', 'of another task');
    answer(7, 't1', 'of another request');
    answer(1, 't1', 'its own');
    requests.answered(refusal(1, 't1'));
    answer(1, 't1', 'once more');
    expect(await asked).toBe('its own');
    expect(reports).toHaveLength(1);
  });

  it.each(['its own signal', 'the signal of its task'])(
    'is withdrawn when %s fires, with that reason; an answer comes too late',
    async (which) => {
      const { reports, task, answer } = rig();
      const { ask, cancel, listeners } = task('t1');
      const own = new AbortController();
      const asked = failureOf(ask('find', undefined, own.signal));
      const reason = new RangeError('changed my mind');
      if (which === 'its own signal') own.abort(reason);
      else cancel(reason);
      expect([listeners(), getEventListeners(own.signal, 'abort')]).toEqual([0, []]);
      answer(1, 't1', 'late');
      expect(await asked).toBe(reason);
      expect(reports.slice(1)).toMatchObject([
        {
          type: 'request.withdrawn',
          requestId: 1,
          taskId: 't1',
          error: { name: 'RangeError', message: 'changed my mind' },
          cause: reason,
        },
      ]);
      // The other signal has nothing left to withdraw.
      own.abort();
      cancel(undefined);
      expect(reports).toHaveLength(2);
    },
  );

  it('whose signal has fired already goes nowhere', async () => {
    const { reports, task } = rig();
    const { ask, cancel } = task('t1');
    await expect(ask('find', undefined, AbortSignal.abort(new Error('mine')))).rejects.toThrow('mine');
    cancel(new Error('of the task'));
    await expect(ask('find')).rejects.toThrow('of the task');
    expect(reports).toEqual([]);
  });

  it('leaves nothing on its own signal once it is answered', async () => {
    const { task, answer } = rig();
    const { signal } = new AbortController();
    const asked = task('t1').ask('find', undefined, signal);
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    answer(1, 't1', 1);
    await asked;
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});

describe('the end of a task', () => {
  it('rejects what it still waits for, tells nobody, and touches no other task', async () => {
    const { requests, reports, task, answer } = rig();
    const [one, other] = [task('t1'), task('t2')];
    const [first, second, third] = [one.ask('a'), other.ask('b'), one.ask('c')];
    const failures = [failureOf(first), failureOf(third)];
    requests.ended(one.asker);
    for (const failure of await Promise.all(failures))
      expect(failure).toMatchObject({ message: 'the task that asked has ended' });
    expect([one.listeners(), other.listeners()]).toEqual([0, 1]);
    answer(2, 't2', 'still wanted');
    expect(await second).toBe('still wanted');
    requests.ended(other.asker);
    expect(reports.map(({ type }) => type)).toEqual(['request.made', 'request.made', 'request.made']);
    const only = failureOf(one.ask('d'));
    requests.ended(one.asker);
    expect(await only).toMatchObject({ message: 'the task that asked has ended' });
  });

  it('is no unhandled rejection where nobody awaits the request', async () => {
    const unhandled: unknown[] = [];
    const note = (thrown: unknown): void => void unhandled.push(thrown);
    process.on('unhandledRejection', note);
    onTestFinished(() => void process.off('unhandledRejection', note));
    const { requests, task } = rig();
    const { asker, ask } = task('t1');
    void ask('a');
    requests.ended(asker);
    const cancelled = task('t2');
    void cancelled.ask('b');
    cancelled.cancel(new Error('no longer wanted'));
    await settled();
    expect(unhandled).toEqual([]);
  });
});

it('a body waits for so many answers at once and no more: one that came makes room for one', async () => {
  const { reports, task, answer } = rig();
  const { ask } = task('t1');
  for (let n = 0; n < MAX_REQUESTS; n += 1) void ask('find');
  await expect(ask('one more')).rejects.toMatchObject({
    code: 'REQUEST_INVALID',
    message: `one more: the agent waits for ${MAX_REQUESTS} answers already, expected no more at once`,
  });
  expect(reports).toHaveLength(MAX_REQUESTS);
  answer(5, 't1', 1);
  void ask('find');
  await expect(ask('one more')).rejects.toThrow(/answers already/);
  expect(reports.at(-1)).toMatchObject({ type: 'request.made', requestId: MAX_REQUESTS + 1 });
});

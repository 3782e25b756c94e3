/** Laws of the tasks that one body works on, as its node knows them, around a fake of the body and of its agent. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { NodeReport } from '../../src/restate/agent/agent-acts.ts';
import { type AskingTask, ResidentTasks } from '../../src/restate/nodes/resident-tasks.ts';
import { requestHandler } from '../../src/runtime/agent/requests.ts';
import type { BodyRequest } from '../../src/runtime/hosting/host.ts';
import { steadyClock } from '../../src/runtime/time/clock.ts';
import { settled, simulatedClock } from '../../src/testing/index.ts';
import { fateOf, refusal } from '../kit/rig.ts';

const stall = { stalledAfterMs: 50, onStall: 'abort' };

function rig() {
  const clock = simulatedClock({ startAt: 0 });
  const told: NodeReport[] = [];
  const posted: BodyRequest[] = [];
  const shown: unknown[] = [];
  const made: AskingTask[] = [];
  const signals: AbortSignal[] = [];
  const handler = requestHandler(z.unknown(), (_, request: AskingTask & { signal: AbortSignal }) => {
    made.push(request);
    signals.push(request.signal);
    return new Promise(() => {});
  });
  const tasks = new ResidentTasks({
    agentId: 'ada',
    incarnation: 2,
    clock: steadyClock(clock),
    requests: new Map([['any', handler]]),
    hide: (data) => ({ hidden: data }) as never,
    post: (request) => void posted.push(request),
    tell: (report) => void told.push(report),
    show: (...what) => void shown.push(what),
  });
  let requests = 0;
  return {
    tasks,
    clock,
    told: () => told.splice(0),
    posted: () => posted.splice(0),
    shown: () => shown.splice(0),
    begin: (taskId = 't', terms?: object, task = 'work') =>
      tasks.begin(
        { type: 'task.run', taskId, task, input: 7, attempt: 1, terms } as never,
        {
          tasks: { work: {}, watched: { stall } },
        } as never,
      ),
    end: (taskId = 't', more: object = { type: 'task.completed', output: 1 }) =>
      tasks.ended({ taskId, ...more } as never),
    /** A task of the body asks for something. Gives what its handler got. */
    asks: (taskId = 't') => {
      requests += 1;
      tasks.requested({ type: 'request.made', requestId: requests, taskId, name: 'any', args: {} });
      return { request: made.at(-1)!, signal: signals.at(-1)!, requestId: requests };
    },
  };
}

describe('a call that was accepted', () => {
  const [ADA, BOB, EVE] = ['ada/task-x-1', 'bob/task-x-1', 'eve/task-x-1'];
  const circle = {
    code: 'WAIT_CIRCLE',
    message: 'agent ada would wait for itself: ada → bob → eve → ada',
    details: { circle: ['ada', 'bob', 'eve', 'ada'], tasks: [ADA, BOB, EVE] },
  };

  it('closes a circle once its task waits for the one that has made it, and names who is in it', async () => {
    const { tasks, begin, asks } = rig();
    begin(ADA, { chain: [EVE] });
    const { closed } = asks(ADA).request.watchCircle(BOB);
    const refused = refusal(closed);
    expect(await fateOf(closed)).toBe('pending');
    tasks.awaited({ type: 'task.awaited', taskId: ADA, chain: [EVE] });
    expect(await fateOf(closed)).toBe('pending');
    tasks.awaited({ type: 'task.awaited', taskId: ADA, chain: [BOB, EVE] });
    expect(await refused).toMatchObject(circle);
  });

  it('closes one at once where that was told while it was on its way, and none that is over', async () => {
    const { tasks, begin, asks } = rig();
    begin(ADA);
    const { request } = asks(ADA);
    const over = request.watchCircle(BOB);
    over.end();
    tasks.awaited({ type: 'task.awaited', taskId: ADA, chain: [BOB, EVE] });
    expect(await refusal(request.watchCircle(BOB).closed)).toMatchObject(circle);
    expect(await fateOf(over.closed)).toBe('pending');
  });
});

describe('a task that begins', () => {
  it('is told to its body without its terms, and its output is kept', () => {
    const { begin } = rig();
    const trace = { traceId: 'x' };
    expect(begin('t', { callId: 'c', trace })).toEqual({
      type: 'task.run',
      taskId: 't',
      task: 'work',
      input: 7,
      attempt: 1,
      isKept: true,
      trace,
    });
  });

  it('asks in its own name, for those that wait for it and itself', () => {
    const { begin, asks } = rig();
    begin('t', { chain: ['eve'], trace: { traceId: 'x' } });
    const { request } = asks();
    expect(request).toMatchObject({
      agentId: 'ada',
      incarnation: 2,
      taskId: 't',
      task: 'work',
      chain: ['eve', 't'],
      trace: { traceId: 'x' },
    });
    expect(request.hide(3)).toEqual({ hidden: 3 });
    begin('u');
    expect(asks('u').request.chain).toEqual(['u']);
    expect(asks('u').request.work).toBe(asks('u').request.work);
    expect(asks('u').request.work).not.toBe(request.work);
  });

  it('asks in the name of all that wait for it by then, and of the same work', () => {
    const { begin, asks, tasks } = rig();
    begin('t', { chain: ['eve'], trace: { traceId: 'x' } });
    const { work } = asks().request;
    tasks.awaited({ type: 'task.awaited', taskId: 't', chain: ['eve', 'bob'] });
    tasks.awaited({ type: 'task.awaited', taskId: 'none', chain: [] });
    expect(asks().request).toMatchObject({ chain: ['eve', 'bob', 't'], trace: { traceId: 'x' } });
    expect(asks().request.work).toBe(work);
  });

  it('has what is left of its time, and no less than none; without a limit it has no end', async () => {
    const { begin, asks, clock } = rig();
    begin('t', { endsAt: 100 });
    begin('u');
    const { request } = asks();
    await clock.advance(40);
    expect([request.leftMs(), asks('u').request.leftMs()]).toEqual([60, undefined]);
    await clock.advance(100);
    expect(request.leftMs()).toBe(0);
  });

  it('that is not known asks for nothing', () => {
    const { asks, told } = rig();
    asks('none');
    expect(told()).toEqual([{ type: 'dropped' }]);
  });
});

describe('progress and chunks', () => {
  it('are shown to the call that follows the task', () => {
    const { tasks, begin, shown, posted } = rig();
    begin('t', { callId: 'c', isStreamed: true });
    begin('u');
    for (const id of ['t', 'u', 'none']) {
      tasks.progressed(id, 1);
      tasks.chunk(id, 'x');
    }
    expect(shown()).toEqual([
      ['c', 'progress', 1],
      ['c', 'chunk', 'x'],
    ]);
    // Nobody reads those of the other: it goes on as if they had been read.
    expect(posted()).toEqual([{ type: 'task.chunks_taken', taskId: 'u', taken: 1 }]);
  });

  it('of a call that reads no chunks are taken as they come', () => {
    const { tasks, begin, shown, posted } = rig();
    begin('t', { callId: 'c' });
    tasks.chunk('t', 'x');
    tasks.chunk('t', 'y');
    expect(shown()).toEqual([]);
    expect(posted()).toMatchObject([{ taken: 1 }, { taken: 2 }]);
  });

  it('are taken by the reader of their own call, no more than there are, and each once', () => {
    const { tasks, begin, posted } = rig();
    begin('t', { callId: 'c', isStreamed: true });
    begin('u', { callId: 'd', isStreamed: true });
    for (const id of ['t', 't', 't', 'u']) tasks.chunk(id, 'x');
    tasks.chunksTaken('c', 2);
    tasks.chunksTaken('c', 2);
    tasks.chunksTaken('c', 1);
    tasks.chunksTaken('c', 9);
    tasks.chunksTaken('other', 1);
    expect(posted()).toEqual([
      { type: 'task.chunks_taken', taskId: 't', taken: 2 },
      { type: 'task.chunks_taken', taskId: 't', taken: 3 },
    ]);
  });
});

describe('a task that ends', () => {
  const failed = {
    type: 'task.failed',
    code: 'TASK_FAILED',
    error: { name: 'Error', message: 'no' },
    retry: true,
  };
  const parked = { type: 'task.parked', why: 'full', until: 9 };

  it.each([
    ['is not begun again once a reader has got of it', true, 1, false],
    ['may be begun again while its reader has got nothing', true, 0, true],
    ['may be begun again where nobody reads it', undefined, 1, true],
  ])('%s', (_, isStreamed, chunks, retry) => {
    const { tasks, begin, end } = rig();
    begin('t', { callId: 'c', isStreamed });
    for (let n = 0; n < chunks; n++) tasks.chunk('t', 'x');
    expect(end('t', failed)).toMatchObject({ type: 'task.failed', retry });
    begin('t', { callId: 'c', isStreamed });
    for (let n = 0; n < chunks; n++) tasks.chunk('t', 'x');
    const report = end('t', parked);
    if (retry) expect(report).toEqual({ taskId: 't', ...parked, input: 7 });
    else
      expect(report).toEqual({
        type: 'task.failed',
        taskId: 't',
        code: 'TASK_FAILED',
        error: { name: 'Park', message: 'full' },
      });
  });

  it('fails with what its work threw where that was read, and else leaves it here', () => {
    const { tasks, begin, end } = rig();
    const error = { name: 'RangeError', message: 'slow down' };
    begin('t', { callId: 'c', isStreamed: true });
    expect(end('t', { ...parked, error })).toEqual({ taskId: 't', ...parked, input: 7 });
    begin('t', { callId: 'c', isStreamed: true });
    tasks.chunk('t', 'x');
    expect(end('t', { ...parked, error })).toMatchObject({ type: 'task.failed', error });
  });

  it('is told as it is where it is done, and of one that is not known', () => {
    const { tasks, begin, end } = rig();
    begin('t', { callId: 'c', isStreamed: true });
    tasks.chunk('t', 'x');
    expect(end()).toEqual({ type: 'task.completed', taskId: 't', output: 1 });
    expect(end('t', failed)).toMatchObject({ retry: true });
    expect(end('t', parked)).toEqual({ taskId: 't', ...parked, input: undefined });
  });

  it('no longer waits for what it has asked, and is forgotten; one that is cancelled waits no longer either', () => {
    const { begin, end, asks, told, tasks } = rig();
    begin('t');
    begin('u');
    const [one, other] = [asks('t'), asks('u')];
    end('t');
    expect([one.signal.aborted, other.signal.aborted]).toEqual([true, false]);
    asks('t');
    expect(told()).toEqual([{ type: 'dropped' }]);
    tasks.cancelled('u');
    expect(other.signal.aborted).toBe(true);
    tasks.cancelled('none');
  });
});

describe('its progress', () => {
  it('is watched from its begin on, anew with each sign of it, and no more once it has ended', async () => {
    const { begin, clock, told, tasks, end } = rig();
    begin('t', {}, 'watched');
    begin('u');
    await clock.advance(49);
    tasks.progressed('t', 1);
    await clock.advance(49);
    tasks.chunk('t', 'x');
    await clock.advance(49);
    expect(told()).toEqual([]);
    await clock.advance(1);
    expect(told()).toContainEqual({ type: 'task.progress_watched', taskId: 't', what: 'stalled' });
    end('t');
    expect(clock.pending()).toEqual([]);
    begin('v', {}, 'watched');
    tasks.cancelled('v');
    expect(clock.pending()).toEqual([]);
  });

  it('is of nobody where its kind is no own field of the definition', () => {
    const { begin, clock } = rig();
    begin('t', {}, 'constructor');
    expect(clock.pending()).toEqual([]);
  });

  it('is watched no more once its body has ended', () => {
    const { begin, clock, tasks } = rig();
    begin('t', {}, 'watched');
    tasks.clear();
    expect(clock.pending()).toEqual([]);
  });
});

describe('what its agent is asked', () => {
  it('is numbered, and each gets its own answer, once', async () => {
    const { begin, asks, told, tasks } = rig();
    begin();
    const { request } = asks();
    const [one, other] = [request.askAgent('task.step', 1), request.askAgent('task.step', 2)];
    expect(told()).toEqual([
      { type: 'request.made', requestId: 1, taskId: 't', name: 'task.step', args: 1 },
      { type: 'request.made', requestId: 2, taskId: 't', name: 'task.step', args: 2 },
    ]);
    tasks.answered({ type: 'request.answered', requestId: 2, taskId: 't', value: 'b' });
    tasks.answered({ type: 'request.answered', requestId: 2, taskId: 't', value: 'c' });
    tasks.answered({ type: 'request.answered', requestId: 9, taskId: 't', value: 'd' });
    expect([await fateOf(one), await fateOf(other)]).toEqual(['pending', { value: 'b' }]);
    const error = {
      name: 'AgentSystemError',
      message: 'no',
      data: { of: 1 },
      cause: { name: 'Error', message: 'why' },
    };
    tasks.answered({
      type: 'request.refused',
      requestId: 1,
      taskId: 't',
      code: 'REQUEST_INVALID',
      error,
    } as never);
    await expect(one).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
      message: 'no',
      agentId: 'ada',
      details: { of: 1 },
      cause: { message: 'why' },
    });
  });

  it('is refused with a cause that is an error, or with none', async () => {
    const { begin, asks, tasks } = rig();
    begin();
    const refuse = async (info: object) => {
      const { request, requestId } = asks();
      const asked = request.askAgent('task.step', 1);
      tasks.answered({
        type: 'request.refused',
        requestId,
        taskId: 't',
        code: 'REQUEST_INVALID',
        error: info,
      } as never);
      return (await asked.catch((refused: Error) => refused)) as Error;
    };
    const no = { name: 'AgentSystemError', message: 'no' };
    expect((await refuse({ ...no, cause: { name: 'Error', message: 'why' } })).cause).toBeInstanceOf(Error);
    const plain = await refuse(no);
    expect([plain.message, plain.cause]).toEqual(['no', undefined]);
  });

  it('is refused once the body has ended, and the requests of its tasks end', async () => {
    const { begin, asks, tasks } = rig();
    begin();
    const { request, signal } = asks();
    const asked = request.askAgent('task.step', 1);
    tasks.clear();
    await expect(asked).rejects.toThrow('agent ada has ended');
    expect(signal.aborted).toBe(true);
    tasks.answered({ type: 'request.answered', requestId: 1, taskId: 't', value: 'late' });
  });
});

describe('a question to a person', () => {
  const args = { key: 'sure', question: 'sure?', countsTime: false };

  it('goes to its agent with the input of the task, without secrets; its time stands still until the answer', async () => {
    const { begin, asks, told, tasks, clock } = rig();
    begin('t', { endsAt: 100 }, 'watched');
    const { request, signal } = asks();
    await clock.advance(30);
    const asked = request.askPerson(args, signal);
    expect(told()).toMatchObject([{ name: 'task.ask', args: { args, input: { hidden: 7 } } }]);
    await clock.advance(1_000);
    expect([request.leftMs(), told()]).toEqual([70, []]);
    tasks.answered({ type: 'request.answered', requestId: 1, taskId: 't', value: 'yes' });
    expect(await asked).toBe('yes');
    expect(request.leftMs()).toBe(70);
    await clock.advance(49);
    expect([request.leftMs(), told()]).toEqual([21, []]);
    await clock.advance(1);
    expect(told()).toContainEqual({ type: 'task.progress_watched', taskId: 't', what: 'stalled' });
  });

  it('whose time runs does not stop it', async () => {
    const { begin, asks, clock, tasks } = rig();
    begin('t', { endsAt: 100 });
    const { request, signal } = asks();
    const asked = request.askPerson({ ...args, countsTime: true }, signal);
    await clock.advance(30);
    expect(request.leftMs()).toBe(70);
    tasks.answered({ type: 'request.answered', requestId: 1, taskId: 't', value: 1 });
    await asked;
    expect(request.leftMs()).toBe(70);
  });

  it('beside another stops the time once, until both are answered; without a limit there is none to stop', async () => {
    const { begin, asks, clock, tasks } = rig();
    begin('t', { endsAt: 100 });
    begin('u');
    const { request, signal } = asks();
    const free = asks('u');
    const answers = [request.askPerson(args, signal), request.askPerson({ ...args, key: 'b' }, signal)];
    void free.request.askPerson(args, free.signal);
    await clock.advance(500);
    tasks.answered({ type: 'request.answered', requestId: 1, taskId: 't', value: 1 });
    await settled();
    await clock.advance(500);
    expect([request.leftMs(), free.request.leftMs()]).toEqual([100, undefined]);
    tasks.answered({ type: 'request.answered', requestId: 2, taskId: 't', value: 1 });
    await Promise.all(answers);
    await clock.advance(40);
    expect(request.leftMs()).toBe(60);
  });

  it('that is withdrawn is told to its agent, once, and what comes later is nobody’s', async () => {
    const { begin, asks, told, tasks } = rig();
    begin();
    const { request, signal, requestId } = asks();
    const asked = request.askPerson(args, signal);
    told();
    tasks.requested({
      type: 'request.withdrawn',
      requestId,
      taskId: 't',
      error: { name: 'Error', message: 'enough' },
    } as never);
    await expect(asked).rejects.toThrow('enough');
    expect(told()).toEqual([{ type: 'request.withdrawn', requestId: 1, taskId: 't' }]);
    tasks.answered({ type: 'request.answered', requestId: 1, taskId: 't', value: 1 });
    expect(told()).toEqual([]);
  });

  it('of a task that has ended meanwhile is not withdrawn: its agent knows', async () => {
    const { begin, asks, told, end } = rig();
    begin();
    const { request, signal } = asks();
    const asked = request.askPerson(args, signal);
    told();
    end();
    await expect(asked).rejects.toThrow('the task that asked has ended');
    expect(told()).toEqual([]);
  });

  it('of one that was withdrawn before it was asked is refused', async () => {
    const { begin, asks } = rig();
    begin();
    const { request } = asks();
    await expect(request.askPerson(args, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
  });
});

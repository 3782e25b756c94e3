/** Laws of what tasks of a fleet may ask of it, as their node answers it, around a fake of the fleet. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { defineAgent } from '../../src/index.ts';
import type { MadeRequest } from '../../src/runtime/agent/requests.ts';
import type { AskingTask } from '../../src/restate/nodes/resident-tasks.ts';
import { taskCalls } from '../../src/restate/nodes/task-calls.ts';
import { AgentSystemError } from '../../src/runtime/values/errors.ts';
import { settled } from '../../src/testing/index.ts';
import { codeOf } from '../kit/rig.ts';

const definition = defineAgent({ type: 'child', init: () => 0, tasks: { work: { run: () => 0 } } });
const exists = new AgentSystemError('AGENT_EXISTS', 'there');

const hideStep = () => ({ key: 'a', value: 'hidden' });
const hideAny = <Data extends object>(data: Data) => ({ ...data });
const hideQuestion = <Data extends object>(data: Data) => ({ ...data, question: 'is it hidden?' });

interface Given {
  readonly state?: string;
  readonly register?: () => Promise<string>;
  readonly start?: () => Promise<void>;
  readonly adopts?: boolean[];
  readonly leftMs?: number;
  readonly parent?: string;
  readonly tasks?: object;
}

/** The fleet's tasks, of which one is called. @param refusals of the first calls */
function keyedTasks(refusals: unknown[] = [], numbers: number[] = []) {
  const done: unknown[] = [];
  const called = Promise.withResolvers<unknown>();
  const tasks = {
    submitFor: async (target: unknown, task: object, { chain, taskId }: Record<string, unknown>) => {
      done.push(['submit', target, task, chain, taskId]);
      if (refusals.length > 0) throw refusals.pop();
      return { id: 'task-1 of bob', joined: numbers.pop() };
    },
    result: () => called.promise,
    leave: async (...args: unknown[]) => void done.push(['leave', ...args]),
  };
  const { ask: asking } = rig({ tasks });
  const work = {};
  const ask = (isWithdrawn: boolean, given: object = {}) => {
    const controller = new AbortController();
    const task = { type: 'work', idempotencyKey: 'k' };
    const more = { signal: controller.signal, isWithdrawn: () => isWithdrawn, work, ...given };
    return {
      output: asking('agents.execute', { target: 'bob', task }, more),
      abort: () => controller.abort(),
    };
  };
  return { ask, done, called };
}

function rig({
  tasks,
  state = 'registered',
  register,
  start,
  adopts = [],
  leftMs,
  parent = 'ada',
}: Given = {}) {
  const asked: unknown[] = [];
  const note =
    (what: string, answer: () => unknown = () => undefined) =>
    async (...args: unknown[]) => {
      asked.push([what, ...args]);
      return answer();
    };
  const agents = {
    executeFor: note('execute', () => 'done'),
    registerRead: (child: { read: { id?: string; parent: object } }) => {
      asked.push(['register', child.read.id, child.read.parent]);
      return register === undefined ? Promise.resolve('kid') : register();
    },
    assertSame: note('same'),
    get: () => Promise.resolve({ state, spec: { parent: { id: parent } } }),
    start: note('start', start ?? (() => undefined)),
    stop: note('stop'),
    forget: note('forget'),
  };
  const pools = { executeFor: note('pool', () => 'done') };
  const commands = { give: note('adopt', () => adopts.shift() ?? true) };
  const leastLoaded = note('least loaded', () => 'bob');
  const calls = taskCalls({ agents, pools, commands, tasks, leastLoaded } as never);
  const { signal } = new AbortController();
  const request = {
    agentId: 'ada',
    task: 'work',
    chain: ['eve', 'ada'],
    signal,
    isWithdrawn: () => false,
    taskId: 'task-1 of ada',
    trace: undefined,
    leftMs: () => leftMs,
    hide: <Data>(data: Data) => data,
    askAgent: note('ask agent', () => 'kept'),
    askPerson: note('ask person', () => 'yes'),
    watchCircle: () => ({ closed: new Promise(() => {}), end: () => undefined }),
  };
  const ask = (name: string, args: unknown, more: object = {}): Promise<unknown> =>
    (async () =>
      calls
        .get(name)!
        .answer(args as never, { ...request, ...more } as unknown as MadeRequest<AskingTask>))();
  return {
    asked,
    what: () => asked.map((one) => (one as [string])[0]),
    ask,
    signal,
    execute: (target: unknown, task: object = { type: 'work' }) => ask('agents.execute', { target, task }),
    spawn: (parentRule = 'stop', spec: object = {}) =>
      ask('agents.spawn', { spec, module: definition, parent: parentRule }),
  };
}

describe('a call', () => {
  it('goes to the agent, the least loaded of the type, or the pool, with who waits for it', async () => {
    const { execute, asked, signal } = rig();
    const given = { type: 'work', signal };
    const chain = ['eve', 'ada'];
    for (const target of ['bob', { type: 'worker' }, { pool: 'crew' }])
      expect(await execute(target)).toBe('done');
    expect(asked).toEqual([
      ['execute', 'bob', given, chain, undefined],
      ['least loaded', 'worker'],
      ['execute', 'bob', given, chain, undefined],
      ['pool', 'crew', given, { chain, reader: undefined }],
    ]);
  });

  it.each([
    [undefined, undefined, {}],
    [50, undefined, { timeoutMs: 50 }],
    [undefined, 70, { timeoutMs: 70 }],
    [50, 70, { timeoutMs: 50 }],
    [90, 70, { timeoutMs: 70 }],
  ])('that may take %s ms, of a task that has %s left, takes %o', async (timeoutMs, leftMs, limit) => {
    const { execute, asked, signal } = rig(leftMs === undefined ? {} : { leftMs });
    await execute('bob', { type: 'work', ...(timeoutMs === undefined ? {} : { timeoutMs }) });
    expect(asked).toEqual([
      ['execute', 'bob', { type: 'work', signal, ...limit }, ['eve', 'ada'], undefined],
    ]);
  });
});

describe('a call with a key', () => {
  const submitted = ['submit', 'bob', { type: 'work', idempotencyKey: 'k' }, ['eve', 'ada'], 'task-1 of ada'];
  const left = ['leave', 'task-1 of bob', 'task-1 of ada', undefined];
  it('is submitted, with who waits for it, and waited for', async () => {
    const { ask, done, called } = keyedTasks();
    const { output } = ask(false);
    called.resolve('done');
    expect(await output).toBe('done');
    expect(done).toEqual([submitted]);
  });
  it('is left where its caller gives it up, and not where that ends or is told to: its own agent tells that', async () => {
    for (const isGivenUp of [true, false]) {
      const { ask, done, called } = keyedTasks();
      const { output, abort } = ask(isGivenUp);
      await Promise.resolve();
      abort();
      called.resolve('late');
      await output;
      expect(done).toEqual(isGivenUp ? [submitted, left] : [submitted]);
    }
  });
  it('is left at once where it was given up before it was accepted', async () => {
    const { ask, done, called } = keyedTasks();
    const { output, abort } = ask(true);
    abort();
    called.resolve('late');
    await output;
    expect(done).toEqual([submitted, left]);
  });
  it('of which a task makes two is left with the last of them', async () => {
    const { ask, done, called } = keyedTasks();
    const calls = [ask(true), ask(true)];
    await Promise.resolve();
    for (const [at, { abort }] of calls.entries()) {
      abort();
      expect(done.slice(2)).toEqual(at === 0 ? [] : [left]);
    }
    called.resolve('late');
    await Promise.all(calls.map(({ output }) => output));
  });
  it('of which a task makes two is left up to the newer of them, whichever is given up last', async () => {
    for (const numbers of [
      [3, 7],
      [7, 3],
    ]) {
      const { ask, done, called } = keyedTasks([], [...numbers]);
      const calls = [ask(true), ask(true)];
      await Promise.resolve();
      for (const { abort } of calls) abort();
      expect(done.slice(2)).toEqual([['leave', 'task-1 of bob', 'task-1 of ada', 7]]);
      called.resolve('late');
      await Promise.all(calls.map(({ output }) => output));
    }
  });
  it('that is given up while another of its key is on its way is left once that is refused', async () => {
    const refusals: unknown[] = [];
    const { ask, done, called } = keyedTasks(refusals);
    const { output, abort } = ask(true);
    await Promise.resolve();
    refusals.push(exists);
    const refused = codeOf(ask(true).output);
    abort();
    expect(done).toEqual([submitted, submitted]);
    expect(await refused).toBe('AGENT_EXISTS');
    expect(done).toEqual([submitted, submitted, left]);
    called.resolve('late');
    await output;
    expect(done.slice(3)).toEqual([]);
  });
  it('that is given up while another of its key waits, or is on its way, is not left where its caller is cut off then', async () => {
    for (const isAccepted of [true, false]) {
      const { ask, done, called } = keyedTasks();
      const first = ask(true);
      await Promise.resolve();
      const second = ask(false);
      if (isAccepted) await Promise.resolve();
      first.abort();
      await Promise.resolve();
      second.abort();
      called.resolve('late');
      await Promise.all([first.output, second.output]);
      expect(done).toEqual([submitted, submitted]);
    }
  });
  it('is refused, and left, once its task waits for its caller; it is watched no longer than it waits', async () => {
    const watched: unknown[] = [];
    const { ask, done, called } = keyedTasks();
    const circle = Promise.withResolvers<never>();
    const watchCircle = (id: string) => {
      watched.push(id);
      return { closed: circle.promise, end: () => watched.push('end') };
    };
    const { output } = ask(false, { watchCircle });
    await settled();
    expect([watched, done]).toEqual([['task-1 of bob'], [submitted]]);
    circle.reject(new AgentSystemError('WAIT_CIRCLE', 'round'));
    expect(await codeOf(output)).toBe('WAIT_CIRCLE');
    expect(watched).toEqual(['task-1 of bob', 'end']);
    expect(done).toEqual([submitted, left]);
    called.resolve('late');
    expect(
      await ask(false, {
        watchCircle: () => ({ closed: new Promise(() => {}), end: () => watched.push('over') }),
      }).output,
    ).toBe('late');
    expect(watched.at(-1)).toBe('over');
  });
  it('that is over is not kept until its task ends', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const records: WeakRef<object>[] = [];
    const submitFor = async () => {
      const record = { id: 'task-1 of bob', output: 'done' };
      records.push(new WeakRef(record));
      return record;
    };
    const { ask } = rig({ tasks: { submitFor, result: async () => 'done', leave: async () => undefined } });
    const work = {};
    for (const idempotencyKey of ['k', 'l', 'k']) {
      const task = { type: 'work', idempotencyKey };
      expect(await ask('agents.execute', { target: 'bob', task }, { work })).toBe('done');
    }
    await settled();
    collect();
    expect(records.map((record) => record.deref())).toEqual([undefined, undefined, undefined]);
    expect(work).toEqual({});
  });
  it('is left where an earlier one of its key has been refused, or has been answered', async () => {
    const { ask, done, called } = keyedTasks([exists]);
    called.resolve('done');
    expect(await codeOf(ask(false).output)).toBe('AGENT_EXISTS');
    expect(await ask(false).output).toBe('done');
    const { output, abort } = ask(true);
    abort();
    await output;
    expect(done).toEqual([submitted, submitted, submitted, left]);
  });
});

describe('a child', () => {
  it('is registered as such, adopted before it starts and again after: its parent may have ended meanwhile', async () => {
    const { spawn, asked, what } = rig();
    expect(await spawn('stop', { id: 'kid' })).toBe('kid');
    expect(what()).toEqual(['register', 'adopt', 'start', 'adopt']);
    expect(asked[0]).toEqual(['register', 'kid', { id: 'ada', rule: 'stop' }]);
    expect(asked[1]).toEqual(['adopt', 'ada', { type: 'adopt', child: { id: 'kid', rule: 'stop' } }]);
  });

  it('that is detached is not adopted', async () => {
    const { spawn, what } = rig();
    expect(await spawn('detach')).toBe('kid');
    expect(what()).toEqual(['register', 'start']);
  });

  it('that runs already is not started', async () => {
    const { spawn, what } = rig({ state: 'alive.serving.unresponsive' });
    expect(await spawn()).toBe('kid');
    expect(what()).toEqual(['register', 'adopt']);
  });

  it('of a parent that has ended is removed again, and not started', async () => {
    const { spawn, what } = rig({ adopts: [false] });
    expect(await codeOf(spawn())).toBe('AGENT_NOT_RUNNING');
    expect(what()).toEqual(['register', 'adopt', 'forget']);
  });

  it('whose parent has ended while it started is stopped and removed', async () => {
    const { spawn, what } = rig({ adopts: [true, false] });
    expect(await codeOf(spawn())).toBe('AGENT_NOT_RUNNING');
    expect(what()).toEqual(['register', 'adopt', 'start', 'adopt', 'stop', 'forget']);
  });

  it('that could not be started is removed, and its failure is told', async () => {
    const { spawn, what } = rig({
      start: () => Promise.reject(new AgentSystemError('AGENT_START_FAILED', 'no')),
    });
    expect(await codeOf(spawn())).toBe('AGENT_START_FAILED');
    expect(what()).toEqual(['register', 'adopt', 'start', 'forget']);
  });

  it('that is there already is the same where it is asked for by its id and fits; it is not removed then', async () => {
    const { spawn, what } = rig({ register: () => Promise.reject(exists) });
    expect(await spawn('stop', { id: 'kid' })).toBe('kid');
    expect(what()).toEqual(['register', 'same', 'adopt', 'start', 'adopt']);
    const ended = rig({ register: () => Promise.reject(exists), adopts: [false] });
    expect(await codeOf(ended.spawn('stop', { id: 'kid' }))).toBe('AGENT_NOT_RUNNING');
    expect(ended.what()).toEqual(['register', 'same', 'adopt']);
  });

  it('that cannot be registered is refused as that was', async () => {
    expect(await codeOf(rig({ register: () => Promise.reject(exists) }).spawn())).toBe('AGENT_EXISTS');
    const full = new AgentSystemError('RESOURCES_EXHAUSTED', 'full');
    expect(await codeOf(rig({ register: () => Promise.reject(full) }).spawn('stop', { id: 'kid' }))).toBe(
      'RESOURCES_EXHAUSTED',
    );
    await expect(
      rig({ register: () => Promise.reject(new TypeError('bug')) }).spawn('stop', { id: 'kid' }),
    ).rejects.toThrow('bug');
  });

  it('is stopped by its parent, and by nobody else', async () => {
    const { ask, asked } = rig();
    await ask('agents.stop', { id: 'kid', timeoutMs: 5 });
    expect(asked).toEqual([['stop', 'kid', { timeoutMs: 5 }]]);
    const other = rig({ parent: 'eve' });
    expect(await codeOf(other.ask('agents.stop', { id: 'kid' }))).toBe('REQUEST_INVALID');
    expect(other.asked).toEqual([]);
  });
});

describe('what its own agent answers', () => {
  it.each(['budget.reserve', 'budget.settle', 'task.step'])(
    '%s is asked of it as it was given',
    async (name) => {
      const { ask, asked } = rig();
      const args = { key: 'a' };
      expect(await ask(name, args)).toBe('kept');
      expect(asked).toEqual([['ask agent', name, args]]);
    },
  );

  it('a step that holds a secret is refused, and not kept', async () => {
    const { ask, asked } = rig();
    expect(await codeOf(ask('task.step', { key: 'a', value: 'secret' }, { hide: hideStep }))).toBe(
      'REQUEST_INVALID',
    );
    expect(asked).toEqual([]);
  });

  it('a call whose key holds a secret, and a child whose spec does, are refused, and nobody is asked', async () => {
    const { ask, asked } = rig();
    const task = { type: 'work', idempotencyKey: 'secret' };
    const spawned = { spec: { initArgs: 'secret' }, module: definition };
    expect([
      await codeOf(ask('agents.execute', { target: 'bob', task }, { hide: hideAny })),
      await codeOf(ask('agents.spawn', { ...spawned, parent: 'stop' }, { hide: hideAny })),
    ]).toEqual(['REQUEST_INVALID', 'REQUEST_INVALID']);
    expect(asked).toEqual([]);
  });

  it('a question is asked without secrets, and ends with its request; one whose key holds a secret is refused', async () => {
    const { ask, asked, signal } = rig();
    const args = { key: 'sure', question: 'is it s3cret?', countsTime: false };
    expect(await ask('task.ask', args, { hide: hideQuestion })).toBe('yes');
    expect(asked).toEqual([['ask person', { ...args, question: 'is it hidden?' }, signal]]);
    const hideAll = () => ({ ...args, key: 'hidden' });
    expect(await codeOf(ask('task.ask', args, { hide: hideAll }))).toBe('REQUEST_INVALID');
  });
});

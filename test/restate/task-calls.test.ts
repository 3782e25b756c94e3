/** Laws of what tasks of a fleet may ask of it, as their node answers it, around a fake of the fleet. */
import { describe, expect, it } from 'vitest';
import { defineAgent } from '../../src/index.ts';
import type { MadeRequest } from '../../src/runtime/agent/requests.ts';
import type { AskingTask } from '../../src/restate/nodes/resident-tasks.ts';
import { taskCalls } from '../../src/restate/nodes/task-calls.ts';
import { AgentSystemError } from '../../src/runtime/values/errors.ts';
import { codeOf } from '../kit/rig.ts';

const definition = defineAgent({ type: 'child', init: () => 0, tasks: { work: { run: () => 0 } } });
const exists = new AgentSystemError('AGENT_EXISTS', 'there');

const hideStep = () => ({ key: 'a', value: 'hidden' });
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

/** The fleet's tasks: the first is the called one, and the second its caller. */
function keyedTasks(status: string, refusal?: AgentSystemError) {
  const done: unknown[] = [];
  const [called, caller] = [Promise.withResolvers<unknown>(), Promise.withResolvers<unknown>()];
  const note =
    <Value>(what: string, value: Value) =>
    async (...args: unknown[]): Promise<Value> => {
      done.push([what, ...args]);
      return value;
    };
  const tasks = {
    submitFor: async (target: unknown, task: object, { chain }: { readonly chain: readonly string[] }) => {
      done.push(['submit', target, task, chain]);
      return { id: 'task-1 of bob', status };
    },
    result: (id: string) => (id === 'task-1 of bob' ? called.promise : caller.promise),
    retry: async (id: string) => {
      done.push(['retry', id]);
      if (refusal) throw refusal;
    },
    cancel: note('cancel', undefined),
  };
  const controller = new AbortController();
  const ask = (isWithdrawn: boolean) => {
    const { ask: asking } = rig({ tasks });
    const task = { type: 'work', idempotencyKey: 'k' };
    const more = { signal: controller.signal, isWithdrawn: () => isWithdrawn };
    return asking('agents.execute', { target: 'bob', task }, more);
  };
  return { ask, done, called, caller, abort: () => controller.abort() };
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
  const submitted = [
    'submit',
    'bob',
    { type: 'work', idempotencyKey: 'k', whenDown: 'refuse' },
    ['eve', 'ada'],
  ];
  it.each(['waiting', 'running', 'waiting_for_input', 'done'])(
    'is submitted, with who waits for it, and waited for where it is %s',
    async (status) => {
      const { ask, done, called } = keyedTasks(status);
      const output = ask(false);
      called.resolve('done');
      expect(await output).toBe('done');
      expect(done).toEqual([submitted]);
    },
  );
  it.each(['failed', 'timed_out', 'abandoned', 'cancelled', 'unknown'])(
    'is done again where it was asked for before, and is %s',
    async (status) => {
      const { ask, done, called } = keyedTasks(status);
      called.resolve('done');
      expect(await ask(false)).toBe('done');
      expect(done).toEqual([submitted, ['retry', 'task-1 of bob']]);
    },
  );
  it('is waited for where somebody else has it done again first', async () => {
    const { ask, called } = keyedTasks('failed', new AgentSystemError('AGENT_ILLEGAL_COMMAND', 'it runs'));
    called.resolve('done');
    expect(await ask(false)).toBe('done');
  });
  it('is refused where it cannot be done again', async () => {
    const { ask, called } = keyedTasks('failed', new AgentSystemError('AGENT_NOT_FOUND', 'gone'));
    called.resolve('done');
    await expect(ask(false)).rejects.toMatchObject({ code: 'AGENT_NOT_FOUND' });
  });
  it('is cancelled when its caller gives it up', async () => {
    const { ask, done, called, abort } = keyedTasks('running');
    const output = ask(true);
    abort();
    called.resolve('late');
    await output;
    expect(done).toEqual([submitted, ['cancel', 'task-1 of bob']]);
  });
  it.each([
    ['is done', 'resolve', undefined, true],
    ['has failed', 'reject', new AgentSystemError('TASK_FAILED', 'no'), true],
    ['cannot be asked, as the engine is away', 'reject', new AgentSystemError('STORE_FAILED', 'away'), false],
    ['is left as its program closes', 'reject', new AgentSystemError('SYSTEM_CLOSED', 'closed'), false],
  ] as const)(
    'whose caller has ended its work is cancelled once that %s: %s',
    async (_, end, how, isCancelled) => {
      const { ask, done, called, caller, abort } = keyedTasks('running');
      const output = ask(false);
      abort();
      await Promise.resolve();
      expect(done.slice(1)).toEqual([]);
      caller[end](how);
      called.resolve('done');
      await output;
      expect(done.slice(1)).toEqual(isCancelled ? [['cancel', 'task-1 of bob']] : []);
    },
  );
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

  it('a question is asked without secrets, and ends with its request; one whose key holds a secret is refused', async () => {
    const { ask, asked, signal } = rig();
    const args = { key: 'sure', question: 'is it s3cret?', countsTime: false };
    expect(await ask('task.ask', args, { hide: hideQuestion })).toBe('yes');
    expect(asked).toEqual([['ask person', { ...args, question: 'is it hidden?' }, signal]]);
    const hideAll = () => ({ ...args, key: 'hidden' });
    expect(await codeOf(ask('task.ask', args, { hide: hideAll }))).toBe('REQUEST_INVALID');
  });
});

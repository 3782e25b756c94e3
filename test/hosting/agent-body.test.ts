/** One definition at work, without a host or a system around it. */
import { describe, expect, it, test } from 'vitest';
import { z } from 'zod';
import { type AnyAgentDefinition, defineAgent, type ExitReason, type TaskContext } from '../../src/index.ts';
import { AgentBody } from '../../src/runtime/hosting/agent-body.ts';
import type { BodyReport, BodyRequest, BodyStart } from '../../src/runtime/hosting/host.ts';
import { settled } from '../../src/testing/index.ts';

/** The body of a definition that is not there yet, and what it tells. */
function opened(definition: AnyAgentDefinition, begin: Partial<BodyStart> = {}) {
  const reports: BodyReport[] = [];
  const exits: ExitReason[] = [];
  const start: BodyStart = {
    agentId: 'a',
    incarnation: 1,
    module: definition,
    initArgs: {},
    restored: undefined,
    previousStop: undefined,
    variables: [],
    resources: { cpuPriority: 'normal', maxRuntimeMs: Infinity },
    ...begin,
  };
  const body = new AgentBody(start, {
    report: (report) => void reports.push(report),
    exited: (reason) => void exits.push(reason),
  });
  return { body, reports, exits };
}

/** The body of a definition, run, and what it tells. */
function run(definition: AnyAgentDefinition, begin?: Partial<BodyStart>) {
  const made = opened(definition, begin);
  made.body.run(definition);
  return made;
}

/** A body at work on three tasks that wait for their signal, and what it tells. */
function atWork() {
  const tasks: TaskContext<unknown, unknown>[] = [];
  let life: AbortSignal | undefined;
  const definition = defineAgent({
    type: 'subject',
    onTaskError: 'crash',
    init: ({ signal }) => {
      life = signal;
      return {};
    },
    tasks: {
      wait: {
        run: (context) => {
          tasks.push(context);
          const { promise, resolve } = Promise.withResolvers<void>();
          context.signal.addEventListener('abort', () => resolve());
          return promise;
        },
      },
      crash: {
        run: () => {
          throw new Error('the end');
        },
      },
    },
  });
  const { body, reports, exits } = run(definition);
  for (const taskId of ['t1', 't2', 't3']) {
    body.post({ type: 'task.run', taskId, task: 'wait', input: undefined });
  }
  expect(tasks).toHaveLength(3);
  return { body, reports, exits, tasks, life: life! };
}

describe('the end of a body', () => {
  it.each<[string, (body: AgentBody) => void, unknown]>([
    [
      'a crash in one of its tasks',
      (body) => body.post({ type: 'task.run', taskId: 't4', task: 'crash', input: undefined }),
      { error: expect.objectContaining({ message: 'the end' }) as unknown },
    ],
    ['a kill', (body) => body.kill(), 'killed'],
    ['its termination', (body) => body.post({ type: 'terminate' }), 'shutdown'],
    [
      'a module that failed',
      (body) => body.fail({ error: { name: 'Error', message: 'gone' } }),
      { error: { name: 'Error', message: 'gone' } },
    ],
  ])('by %s ends all its work: no task goes on, and nothing is told any more', async (_, end, reason) => {
    const { body, reports, exits, tasks, life } = atWork();
    end(body);
    expect(exits).toEqual([reason]);
    expect(life.aborted).toBe(true);
    expect(tasks.map(({ signal }) => signal.aborted)).toEqual([true, true, true]);
    const told = reports.length;
    for (const { progress, complete, log } of tasks) {
      progress(1);
      complete();
      log.info('late');
    }
    body.post({ type: 'health.check', checkId: 1 });
    body.kill();
    await settled();
    expect(reports).toHaveLength(told);
    expect(exits).toHaveLength(1);
  });

  it('of one task that is cancelled leaves the others at work', () => {
    const { body, tasks, life } = atWork();
    body.post({ type: 'task.cancel', taskId: 't2', reason: 'no longer wanted' });
    expect(tasks.map(({ signal }) => signal.aborted)).toEqual([false, true, false]);
    expect((tasks[1]!.signal.reason as Error).message).toBe('no longer wanted');
    expect(life.aborted).toBe(false);
  });
});

describe('what an init is given', () => {
  it('has a log whose methods may be taken off it, and a signal that is one', async () => {
    let signals: boolean[] = [];
    const definition = defineAgent({
      type: 'subject',
      init: (context) => {
        const { info, error } = context.log;
        info('from init', { size: 3 });
        error('worse');
        signals = [context.signal === context.signal, context.signal.aborted];
        return {};
      },
      tasks: {},
    });
    const { reports } = run(definition);
    await settled();
    expect(signals).toEqual([true, false]);
    expect(reports.filter(({ type }) => type === 'log')).toEqual([
      { type: 'log', level: 'info', message: 'from init', fields: { size: 3 } },
      { type: 'log', level: 'error', message: 'worse' },
    ]);
  });
});

/** It only echoes. */
const echoing = (init: () => Promise<object> | object) =>
  defineAgent({ type: 'subject', init, tasks: { echo: { run: ({ input }) => input } } });
const echo: BodyRequest = { type: 'task.run', taskId: 't1', task: 'echo', input: 1 };
const typesOf = (reports: readonly BodyReport[]) => reports.map(({ type }) => type);

describe('what comes before a body is ready', () => {
  it('waits until it is, in its order: while its module is loaded, and while it initializes', async () => {
    const held = Promise.withResolvers<object>();
    const definition = echoing(() => held.promise);
    const { body, reports } = opened(definition);
    body.post({ type: 'health.check', checkId: 1 });
    body.run(definition);
    body.post(echo);
    body.post({ type: 'state.save' });
    expect(reports).toEqual([]);
    held.resolve({});
    await settled();
    expect(typesOf(reports)).toEqual(['ready', 'health.answered', 'task.completed', 'state.saved']);
    // Whoever runs it again runs nothing.
    body.run(definition);
    expect(reports).toHaveLength(4);
  });

  it.each<[string, (body: AgentBody) => void, ExitReason]>([
    ['it is asked to end', (body) => body.post({ type: 'terminate' }), 'shutdown'],
    ['it is killed', (body) => body.kill(), 'killed'],
  ])('is answered by nobody when %s first', async (_, end, reason) => {
    const definition = echoing(() => ({}));
    const { body, reports, exits } = opened(definition);
    body.post(echo);
    end(body);
    body.run(definition);
    await settled();
    expect([reports, exits]).toEqual([[], [reason]]);
  });

  it('is what its init is given: the variables that it listens to, and the state that was saved, which is not told again', async () => {
    let given: unknown;
    const definition = defineAgent({
      type: 'subject',
      variables: ['a', 'b'],
      init: ({ variables, restored }) => {
        given = { variables: { ...variables }, restored };
        return restored as { n: number };
      },
      tasks: {
        add: {
          run: ({ state, input }) => {
            state.n += input as number;
          },
        },
      },
    });
    const { body, reports } = run(definition, {
      variables: [
        { name: 'a', value: 1, version: 1 },
        { name: 'b', value: 2, version: 4 },
      ],
      restored: { json: '{"n":5}', stateVersion: 1 },
    });
    expect(given).toEqual({ variables: { a: 1, b: 2 }, restored: { n: 5 } });
    for (const [taskId, input] of [
      ['same', 0],
      ['other', 2],
      ['same again', 0],
    ] as const)
      body.post({ type: 'task.run', taskId, task: 'add', input });
    await settled();
    const states = reports.filter(({ type }) => type === 'task.completed');
    expect(states.map((report) => 'state' in report && report.state?.json)).toEqual([
      undefined,
      '{"n":7}',
      undefined,
    ]);
  });
});

describe('an agent that asks to end', () => {
  it.each([
    ['in its init, is finished once it is ready', true, ['ready', 'finished']],
    ['while it serves, is finished at once', false, ['ready', 'finished']],
  ])('%s', (_, isInInit, told) => {
    const definition = defineAgent({
      type: 'subject',
      init: ({ self }) => {
        if (isInInit) self.complete();
        return {};
      },
      tasks: {},
    });
    const { body, reports, exits } = run(definition);
    if (!isInInit) body.selfOf({ variables: [] } as unknown as BodyStart).complete();
    expect(reports.map(({ type }) => type)).toEqual(told);
    expect(exits).toEqual([]);
  });

  it.each([
    ['gives a value', () => undefined, []],
    ['throws', () => Promise.reject(new Error('not now')), ['terminate threw']],
  ])('is asked once to clean up: that %s', async (_, cleaned, lines) => {
    const heard: string[] = [];
    let life: AbortSignal | undefined;
    const definition = defineAgent({
      type: 'subject',
      init: ({ signal }) => {
        life = signal;
        return {};
      },
      tasks: {},
      terminate: () => {
        heard.push(`terminate, ${(life!.reason as Error).message}`);
        return cleaned();
      },
    });
    const { body, reports, exits } = run(definition);
    body.post({ type: 'terminate' });
    body.post({ type: 'terminate' });
    await settled();
    body.post({ type: 'terminate' });
    await settled();
    expect([heard, exits]).toEqual([['terminate, the agent is terminating'], ['shutdown']]);
    expect(reports.flatMap((report) => (report.type === 'log' ? [report.message] : []))).toEqual(lines);
  });
});

describe('the state of a task that fails', () => {
  it.each([
    ['is as it was before', {}, { n: 1 }],
    ['stays as it is for an agent that keeps it', { keepStateOnFailure: true }, { n: 9 }],
  ])('%s', async (_, more, state) => {
    const definition = defineAgent({
      type: 'subject',
      init: () => ({ n: 1 }),
      tasks: {
        fail: {
          run: (context) => {
            context.state.n = 9;
            throw new Error('no');
          },
        },
      },
      ...more,
    });
    const { body, reports } = run(definition);
    body.post({ type: 'task.run', taskId: 't1', task: 'fail', input: undefined });
    await settled();
    expect(reports.at(-1)).toMatchObject({ type: 'task.failed', taskId: 't1' });
    expect(body.state.current).toEqual(state);
  });

  it('keeps what a health check has changed before it', async () => {
    const definition = defineAgent({
      type: 'subject',
      init: () => ({ n: 1, checks: 0 }),
      health: ({ state }) => {
        state.checks += 1;
        return undefined;
      },
      tasks: {
        add: { run: ({ state }) => void (state.n += 1) },
        fail: {
          run: ({ state }) => {
            state.n = 9;
            throw new Error('no');
          },
        },
      },
    });
    const { body } = run(definition);
    for (const task of ['add', 'fail', 'fail']) {
      body.post({ type: 'health.check', checkId: 1 });
      body.post({ type: 'task.run', taskId: 't', task, input: undefined });
      await settled();
    }
    expect(body.state.current).toEqual({ n: 2, checks: 3 });
  });
});

it('a state that has changed by itself and cannot be saved is logged, and the agent goes on', () => {
  const { body, reports, exits } = run(
    defineAgent({ type: 'subject', init: () => ({ n: 1 }), tasks: {}, save: () => () => 1 }),
  );
  body.selfOf({ variables: [] } as unknown as BodyStart).changed();
  expect(reports.slice(1)).toMatchObject([
    {
      type: 'log',
      level: 'error',
      message: 'its state was not saved',
      fields: { error: { message: expect.stringMatching(/^its state cannot be saved/) as unknown } },
    },
  ]);
  expect(exits).toEqual([]);
});

describe('what an agent of functions takes', () => {
  const definition = defineAgent({
    type: 'subject',
    init: () => ({}),
    tasks: {
      count: { input: z.number(), run: () => 1 },
      slow: { input: z.number().refine(async (given) => (await Promise.resolve(given)) > 0), run: () => 1 },
      strange: {
        input: z.number().refine(() => {
          throw new Error('broken schema');
        }),
        run: () => 1,
      },
    },
  });
  const next = ['count', 'slow', 'strange'];

  it.each<[string, { type: string; input: unknown } | undefined, boolean | undefined]>([
    ['is every task that it has', undefined, undefined],
    ['is a task with an input that fits', { type: 'count', input: 1 }, true],
    ['is no task with another input', { type: 'count', input: 'one' }, false],
    ['is what a schema says later', { type: 'slow', input: 1 }, true],
    ['is not what a schema refuses later', { type: 'slow', input: -1 }, false],
    ['is nothing whose schema fails', { type: 'strange', input: 1 }, false],
    ['is no task of another name', { type: 'other', input: 1 }, false],
    ['is nothing that every object has', { type: 'toString', input: 1 }, false],
  ])('%s', async (_, task, can) => {
    const { body, reports } = run(definition);
    body.post({ type: 'offer.asked', questionId: 7, task, isOutlined: true });
    await settled();
    expect(reports.slice(1)).toEqual([
      { type: 'offer.told', questionId: 7, offer: can === undefined ? { next } : { next, can } },
    ]);
  });
});

/** A definition whose `connect` a test settles, and all that became of it. */
function connecting(more: { readonly disconnect?: () => unknown } = {}) {
  const heard: string[] = [];
  const held = Promise.withResolvers<{ name: string }>();
  let signal: AbortSignal | undefined;
  const definition = defineAgent({
    type: 'subject',
    connect: (context) => {
      ({ signal } = context);
      return held.promise;
    },
    init: ({ resources }) => {
      heard.push(`init ${resources.name}`);
      return {};
    },
    tasks: {
      wait: { run: () => new Promise<void>(() => undefined) },
    },
    onVariable: () => {
      throw new Error('no such value');
    },
    disconnect: ({ resources }) => {
      heard.push(`disconnect ${resources.name}`);
      return more.disconnect?.() as undefined;
    },
  });
  return { ...run(definition), heard, held, signal: () => signal };
}

const fault: BodyRequest = {
  type: 'variable.changed',
  variable: { name: 'v', value: 1, version: 1 },
};

describe('what a body is connected to', () => {
  it.each<[string, (body: AgentBody) => void]>([
    ['a stop', (body) => body.post({ type: 'terminate' })],
    ['a kill', (body) => body.kill()],
  ])('is given back when it comes after %s, and no init is run', async (_, end) => {
    const { body, exits, heard, held, signal } = connecting();
    end(body);
    expect(exits).toHaveLength(1);
    expect(signal()?.aborted).toBe(true);
    held.resolve({ name: 'late' });
    await settled();
    expect(heard).toEqual(['disconnect late']);
    expect(exits).toHaveLength(1);
  });

  it.each<[string, (body: AgentBody) => void, unknown]>([
    ['a kill', (body) => body.kill(), 'killed'],
    ['a crash', (body) => body.post(fault), { error: expect.objectContaining({ message: 'no such value' }) }],
  ])('is given back once at %s, for which nobody waits', async (_, end, reason) => {
    const { body, exits, heard, held } = connecting({ disconnect: () => new Promise(() => undefined) });
    held.resolve({ name: 'one' });
    await settled();
    end(body);
    expect(exits).toEqual([reason]);
    end(body);
    expect(heard).toEqual(['init one', 'disconnect one']);
  });

  it('that hangs as it is given back does not outlive a kill', async () => {
    const { body, exits, heard, held } = connecting({ disconnect: () => new Promise(() => undefined) });
    held.resolve({ name: 'one' });
    await settled();
    body.post({ type: 'terminate' });
    await settled();
    expect(exits).toEqual([]);
    body.kill();
    expect(exits).toEqual(['killed']);
    expect(heard).toEqual(['init one', 'disconnect one']);
  });

  it('is given back before the end of a start that fails, however often that has failed by then', async () => {
    const given = Promise.withResolvers<void>();
    const heard: string[] = [];
    const definition = defineAgent({
      type: 'subject',
      connect: () => 1,
      init: ({ self }) => {
        self.crash(new Error('first'));
        self.crash(new Error('second'));
        throw new Error('third');
      },
      tasks: {},
      disconnect: () => {
        heard.push('disconnect');
        return given.promise;
      },
    });
    const { exits } = run(definition);
    await settled();
    expect([heard, exits]).toEqual([['disconnect'], []]);
    given.resolve();
    await settled();
    expect(exits).toEqual([{ error: expect.objectContaining({ message: 'first' }) }]);
    expect(heard).toEqual(['disconnect']);
  });

  it('tells of nothing but log lines between an init that failed and its end', async () => {
    const held = Promise.withResolvers<void>();
    const definition = defineAgent({
      type: 'subject',
      connect: () => 1,
      init: () => {
        throw new Error('no init');
      },
      tasks: {},
      disconnect: () => held.promise,
    });
    const { body, reports, exits } = run(definition);
    body.post({ type: 'health.check', checkId: 1 });
    body.post(fault);
    expect([reports, exits]).toEqual([[], []]);
    held.reject(new Error('still in use'));
    await settled();
    expect(reports).toMatchObject([{ type: 'log', level: 'error', message: 'disconnect threw' }]);
    expect(exits).toMatchObject([{ error: { message: 'no init' } }]);
  });
});

class Untellable {
  readonly load = 1;
  toJSON(): never {
    return fails();
  }
}

test.each([
  ['small', { detail: 'well' }, { detail: 'well' }, 0],
  ['long', 'x'.repeat(2_000_000), undefined, 1],
  ['few objects that occur many times', doubled(40), undefined, 1],
  ['a bigint', { free: 1n }, undefined, 1],
  ['an object around a bigint', { free: Object(1n) as unknown }, undefined, 1],
  ['a circle', circle(), undefined, 1],
  ['a function that JSON would call', { toJSON: fails }, undefined, 1],
  ['one that cannot be read', readable(fails), undefined, 1],
  ['an instance whose class fails as JSON', new Untellable(), { load: 1 }, 0],
])(
  'the detail of a health check that is %s is told as far as a record may hold it',
  (_, given, told, warnings) => {
    const { body, reports } = run(
      defineAgent({ type: 'subject', init: () => ({}), tasks: {}, health: () => given }),
    );
    body.post({ type: 'health.check', checkId: 1 });
    expect(reports.filter(({ type }) => type === 'health.answered')).toEqual([
      { type: 'health.answered', checkId: 1, detail: told },
    ]);
    expect(() => JSON.stringify(reports)).not.toThrow();
    expect(reports.filter((report) => report.type === 'log' && report.level === 'warn')).toHaveLength(
      warnings,
    );
  },
);

it('the detail of a health check is a copy: what the agent changes later is not in it', () => {
  const load = { now: 1 };
  const { body, reports } = run(
    defineAgent({ type: 'subject', init: () => ({}), tasks: {}, health: () => ({ load }) }),
  );
  body.post({ type: 'health.check', checkId: 1 });
  load.now = 2;
  expect(reports.at(-1)).toEqual({ type: 'health.answered', checkId: 1, detail: { load: { now: 1 } } });
});

function fails(): never {
  throw new Error('not to be had');
}

function readable(get: () => unknown): object {
  return Object.defineProperty({}, 'load', { get, enumerable: true });
}

function circle(): object {
  const one: { self?: object } = {};
  return Object.assign(one, { self: one });
}

function doubled(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level += 1) value = [value, value];
  return value;
}

it('a state whose task may yet fail, for its output is being judged, is told with the end of that task', async () => {
  const output = z.number().refine(async (given) => (await Promise.resolve(given)) < 3);
  const definition = defineAgent({
    type: 'subject',
    init: () => ({ n: 0 }),
    tasks: { add: { output, run: ({ state }) => (state.n += 1) } },
  });
  const { body, reports } = run(definition);
  const self = body.selfOf({ variables: [] } as unknown as BodyStart);
  const toldStates = () =>
    reports.flatMap((report) =>
      'state' in report && report.state ? [`${report.type} ${report.state.json}`] : [],
    );
  self.changed();
  const told = ['state.changed {"n":0}'];
  for (const n of [1, 2]) {
    body.post({ type: 'task.run', taskId: `t${n}`, task: 'add', input: undefined });
    self.changed();
    expect(toldStates()).toEqual(told);
    await settled();
    told.push(`task.completed {"n":${n}}`);
    expect(toldStates()).toEqual(told);
  }
  body.post({ type: 'task.run', taskId: 't3', task: 'add', input: undefined });
  self.changed();
  await settled();
  expect(reports.at(-1)).toMatchObject({ type: 'task.failed', taskId: 't3' });
  expect(toldStates()).toEqual(told);
  // With nothing left to be judged, what changes by itself is told at once again.
  (body.state.current as { n: number }).n = 9;
  self.changed();
  expect(toldStates()).toEqual([...told, 'state.changed {"n":9}']);
});

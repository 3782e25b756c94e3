/** One definition at work, without a host or a system around it. */
import { describe, expect, it, test } from 'vitest';
import { z } from 'zod';
import { type AnyAgentDefinition, defineAgent, type ExitReason, type TaskContext } from '../../src/index.ts';
import { AgentBody } from '../../src/runtime/hosting/agent-body.ts';
import type { BodyReport, BodyRequest, BodyStart } from '../../src/runtime/hosting/host.ts';
import { settled } from '../../src/testing/index.ts';

/** The body of a definition, run, and what it tells. */
function run(definition: AnyAgentDefinition) {
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
  };
  const body = new AgentBody(start, {
    report: (report) => void reports.push(report),
    exited: (reason) => void exits.push(reason),
  });
  body.run(definition);
  return { body, reports, exits };
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

test.each([
  ['small', { detail: 'well' }, { detail: 'well' }, 0],
  ['long', 'x'.repeat(2_000_000), undefined, 1],
  ['few objects that occur many times', doubled(40), undefined, 1],
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
    expect(reports.filter((report) => report.type === 'log' && report.level === 'warn')).toHaveLength(
      warnings,
    );
  },
);

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

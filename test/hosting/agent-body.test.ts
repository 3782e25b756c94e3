/** One definition at work, without a host or a system around it. */
import { describe, expect, it } from 'vitest';
import { type AnyAgentDefinition, defineAgent, type ExitReason, type TaskContext } from '../../src/index.ts';
import { AgentBody } from '../../src/runtime/hosting/agent-body.ts';
import type { BodyReport, BodyStart } from '../../src/runtime/hosting/host.ts';
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

import { eachReport } from '../../src/runtime/hosting/hosts/message-check.ts';
import { describe, expect, test } from 'vitest';
import { countHere } from '../../src/runtime/engine/agent-counts.ts';
import { BodyServer } from '../../src/runtime/hosting/hosts/body-server.ts';
import {
  childMessage,
  type ChildRequest,
  type ChildReport,
} from '../../src/runtime/hosting/hosts/protocol.ts';

const fixture = (name: string): string => new URL(`../fixtures/agents/${name}.ts`, import.meta.url).href;
const MOST = 20_000;
const long = 'x'.repeat(MOST);

/** A server with one body that is being opened, over a channel that takes no message longer than `MOST`. */
function opened(module = fixture('hostile')) {
  const reports: ChildReport[] = [];
  const left: number[] = [];
  let heard: (() => void) | undefined;
  const server = new BodyServer({
    reach: 'process',
    send: (message, _transfer, sent) => {
      if (JSON.stringify(message).length > MOST) throw new RangeError(`it is longer than ${MOST}`);
      eachReport(message, (_body, report) => reports.push(report));
      sent?.();
      heard?.();
    },
    leave: (exitCode) => left.push(exitCode),
  });
  const ask = (request: ChildRequest): void => server.receive(childMessage(0, [{ body: 1, request }]));
  const until = async (type: ChildReport['type']): Promise<ChildReport> => {
    for (;;) {
      const place = reports.findIndex((report) => report.type === type);
      if (place !== -1) return reports.splice(place, 1)[0]!;
      await new Promise<void>((resolve) => (heard = resolve));
    }
  };
  const run = (task: string, input: unknown): void => ask({ type: 'task.run', taskId: task, task, input });
  ask({
    type: 'open',
    start: {
      agentId: 'agent',
      incarnation: 1,
      module,
      initArgs: undefined,
      restored: undefined,
      previousStop: undefined,
      variables: [],
      resources: { cpuPriority: 'normal', maxRuntimeMs: Infinity },
    },
  });
  return { server, ask, run, until, reports, left };
}

/** With its body at work. */
async function serving(module?: string) {
  const server = opened(module);
  await server.until('ready');
  return server;
}

describe('what is too long to be sent', () => {
  test('as an output fails its task', async () => {
    const { run, until } = await serving();
    run('echo', long);
    expect(await until('task.failed')).toMatchObject({
      code: 'TASK_FAILED',
      error: {
        message: expect.stringMatching(
          /^the output of the task cannot be sent .*: it is longer than 20000$/,
        ) as unknown,
      },
    });
  });
  test('as a line of a log is cut, and says why', async () => {
    const { run, until } = await serving();
    run('say', long);
    expect(await until('log')).toMatchObject({
      message: 'x'.repeat(8_192),
      fields: { problem: expect.stringMatching(/: it is longer than 20000$/) as unknown },
    });
    expect(await until('task.completed')).toMatchObject({ output: 'answered' });
  });
  test('as a state fails the task that left it so, and its save', async () => {
    const { ask, run, until, reports } = await serving();
    run('detail', long);
    expect(await until('task.failed')).toMatchObject({ code: 'TASK_FAILED' });
    ask({ type: 'state.save' });
    expect(await until('state.save_failed')).toMatchObject({
      error: {
        message: expect.stringMatching(/^the state cannot be sent .*: it is longer than 20000$/) as unknown,
      },
    });
    expect(reports).toEqual([]);
  });
});

test('what was counted of charts goes along with an answer, once, and never costs one', async () => {
  const { run, until, reports } = await serving();
  const charts = [{ chart: 'c', hash: 'h', transitions: { a: 1 }, refusals: {} }];
  let fresh: typeof charts | undefined = charts;
  countHere({
    charts: () => charts,
    changes: () => {
      const told = fresh;
      fresh = undefined;
      return told;
    },
  });
  // Both together are too long: the answer goes, and the counts wait for the next.
  run('echo', 'x'.repeat(MOST - 150));
  expect(await until('task.completed')).toMatchObject({ taskId: 'echo' });
  expect(reports).toEqual([]);
  run('echo', 'short');
  expect(await until('counted')).toEqual({ type: 'counted', charts });
  await until('task.completed');
  run('echo', 'short');
  await until('task.completed');
  expect(reports).toEqual([]);
});

test('the detail of a health check that cannot be sent is left out with a warning', async () => {
  const { ask, run, until } = await serving();
  run('detail', 'module');
  await until('task.completed');
  ask({ type: 'health.check', checkId: 7 });
  expect(await until('health.answered')).toEqual({ type: 'health.answered', checkId: 7 });
  expect(await until('log')).toMatchObject({
    level: 'warn',
    message: expect.stringMatching(
      /^the detail of a health check .*: layers\[1\] is a WebAssembly\.Module$/,
    ) as unknown,
  });
});

/** Longer than the slice that work is done in. */
const BUSY_MS = 6;
const busy = (taskId: string): ChildRequest => ({ type: 'task.run', taskId, task: 'busy', input: BUSY_MS });
const cancelled = (taskId: string, more = {}): ChildRequest => ({
  type: 'task.cancel',
  taskId,
  reason: 'changed my mind',
  ...more,
});
const answered = (reports: readonly ChildReport[]): string[] =>
  reports.map((report) => ('taskId' in report ? report.taskId : report.type));
/** All reports, once the body has ended. */
const untilEnd = async ({ ask, until, reports }: Awaited<ReturnType<typeof serving>>) => {
  ask({ type: 'terminate' });
  await until('exited');
  return reports;
};

describe('requests that wait for their turn', () => {
  test('are served in the order in which they came, over as many slices as it takes, and a health check between two', async () => {
    const serves = await serving(fixture('faulty'));
    serves.server.receive(
      childMessage(
        0,
        ['1', '2', '3'].map((id) => ({ body: 1, request: busy(id) })),
      ),
    );
    serves.ask({ type: 'health.check', checkId: 1 });
    serves.ask(busy('4'));
    serves.ask(busy('5'));
    const reports = await untilEnd(serves);
    expect(answered(reports.filter(({ type }) => type === 'task.completed'))).toEqual([
      '1',
      '2',
      '3',
      '4',
      '5',
    ]);
    expect(answered(reports).indexOf('health.answered')).toBeLessThan(answered(reports).indexOf('2'));
  });
  test.each([
    [{}, 'TASK_ABANDONED', { name: 'AbortError', message: 'changed my mind' }, undefined],
    [
      { error: { name: 'Mine', message: 'why' } },
      'TASK_ABANDONED',
      { name: 'Mine', message: 'why' },
      undefined,
    ],
    [{ endsAttempt: 'timed_out' }, 'TASK_TIMED_OUT', { message: 'changed my mind' }, true],
    [{ endsAttempt: 'stalled' }, 'TASK_ABANDONED', { message: 'changed my mind' }, true],
  ])(
    'are answered without being run when they are cancelled before: %o',
    async (more, code, error, retry) => {
      const serves = await serving(fixture('faulty'));
      serves.server.receive(
        childMessage(
          0,
          ['1', '2', '3'].map((id) => ({ body: 1, request: busy(id) })),
        ),
      );
      serves.ask(cancelled('2', more));
      // Another body's task of the same name, and one that is not there.
      serves.server.receive(childMessage(0, [{ body: 2, request: cancelled('3') }]));
      serves.ask(cancelled('9'));
      const reports = await untilEnd(serves);
      expect(new Set(answered(reports))).toEqual(new Set(['1', '2', '3']));
      expect(reports).toHaveLength(3);
      const failed = reports.filter(({ type }) => type === 'task.failed');
      expect(failed).toMatchObject([{ taskId: '2', code, error }]);
      expect((failed[0] as { retry?: boolean }).retry).toBe(retry);
    },
  );
  test('are not served once the child has crashed: it tells of that once, and leaves with 1', async () => {
    const { server, reports, left, ask } = await serving(fixture('faulty'));
    server.receive(
      childMessage(
        0,
        ['1', '2'].map((id) => ({ body: 1, request: busy(id) })),
      ),
    );
    server.crash(new TypeError('nobody caught it'));
    server.crash(new Error('nor this'));
    ask(busy('3'));
    // The turn that waited would have come by then.
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    expect(answered(reports)).toEqual(['1', 'crashed']);
    expect(reports.at(-1)).toMatchObject({
      reason: { error: { name: 'TypeError', message: 'nobody caught it' } },
    });
    expect(left).toEqual([1]);
  });
});

test('a body whose module does not load is told of as exited, and as one that did not load', async () => {
  const { until, reports } = opened(fixture('not-there'));
  expect(await until('exited')).toMatchObject({
    didNotLoad: true,
    reason: { error: { message: expect.stringMatching(/not-there\.ts did not load/) as unknown } },
  });
  expect(reports).toEqual([]);
});

test('a body that is killed exits once; what is asked of it afterwards is no matter of its child', async () => {
  const { ask, run, until, reports, left } = await serving(fixture('faulty'));
  ask({ type: 'kill' });
  const exited = await until('exited');
  expect(exited).toEqual({ type: 'exited', reason: 'killed' });
  ask({ type: 'kill' });
  run('echo', 1);
  ask({ type: 'health.check', checkId: 1 });
  expect([reports, left]).toEqual([[], []]);
  ask({ type: 'end' });
  expect([reports, left]).toEqual([[], [0]]);
});

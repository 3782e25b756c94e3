import { eachReport } from '../../src/runtime/hosting/hosts/message-check.ts';
import { describe, expect, test } from 'vitest';
import { countHere } from '../../src/runtime/engine/agent-counts.ts';
import { BodyServer } from '../../src/runtime/hosting/hosts/body-server.ts';
import {
  childMessage,
  type ChildRequest,
  type ChildReport,
} from '../../src/runtime/hosting/hosts/protocol.ts';

const module = new URL('../fixtures/agents/hostile.ts', import.meta.url).href;
const MOST = 20_000;
const long = 'x'.repeat(MOST);

/** A server with one body, over a channel that takes no message longer than `MOST`. */
async function serving() {
  const reports: ChildReport[] = [];
  let heard: (() => void) | undefined;
  const server = new BodyServer({
    reach: 'process',
    send: (message, _transfer, sent) => {
      if (JSON.stringify(message).length > MOST) throw new RangeError(`it is longer than ${MOST}`);
      eachReport(message, (_body, report) => reports.push(report));
      sent?.();
      heard?.();
    },
    leave: () => {},
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
  await until('ready');
  return { ask, run, until, reports };
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

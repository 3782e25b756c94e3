/** `tasks`, `task` and `schedules` on a store that no program has open: they say what a running system says of the same. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  createAgentSystem,
  defineAgent,
  type ScheduleRecord,
  type SystemEvent,
  type TaskRecord,
} from '../../src/index.ts';
import { sqliteStore } from '../../src/sqlite.ts';
import { mabeamHere as mabeam } from '../kit/command-line.ts';
import { silent } from '../kit/rig.ts';

const worker = defineAgent({
  type: 'worker',
  init: () => ({}),
  tasks: {
    add: { run: ({ input }) => Number(input) + 1 },
    fail: {
      run: () => {
        throw new Error('no luck');
      },
    },
    again: {
      retry: { attempts: 3, backoff: { delayMs: 3_600_000, maxDelayMs: 3_600_000 } },
      run: () => {
        throw new Error('not yet');
      },
    },
    limited: {
      run: () => {
        throw Object.assign(new Error('Too many requests'), {
          status: 429,
          headers: { 'retry-after': '3600' },
        });
      },
    },
    ask: { run: ({ ask }) => ask({ key: 'may', question: 'May I?' }) },
    hang: { run: ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', reject)) },
  },
});

let folder: string;
let store: string;
let known: readonly TaskRecord[];
let scheduled: readonly ScheduleRecord[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mabeam-cli-tasks-'));
  store = join(folder, 'copy.db');
  const own = sqliteStore(join(folder, 'fleet.db'));
  await using system = await createAgentSystem({ logger: silent, store: own });
  const { agents, tasks, events } = system;
  for (const id of ['ada', 'bob', 'cat', 'dan', 'eve']) {
    await agents.register({ id, module: worker, restart: { policy: 'never' } });
    await agents.start(id);
  }
  const happened = (type: SystemEvent['type'], agentId: string) =>
    new Promise<void>((resolve) => {
      events.subscribe((event) => {
        if (event.type === type && event.agentId === agentId) resolve();
      });
    });
  const done = await tasks.submit('ada', { type: 'add', input: 1, idempotencyKey: 'once' });
  const failed = await tasks.submit('ada', { type: 'fail' });
  await tasks.result(done.id);
  await tasks.result(failed.id).catch(() => undefined);
  for (const [agentId, type, until] of [
    ['bob', 'again', 'task.retry_scheduled'],
    ['cat', 'limited', 'task.parked'],
    ['dan', 'ask', 'question.asked'],
    ['eve', 'hang', 'task.started'],
  ] as const) {
    const reached = happened(until, agentId);
    await tasks.submit(agentId, { type });
    await reached;
  }
  await tasks.submit('eve', { type: 'add', input: 2 });
  const late = await tasks.submit('eve', { type: 'add', input: 3, delayMs: 3_600_000 });
  await tasks.cancel(late.id);
  await tasks.submit('eve', { type: 'add', input: 4, delayMs: 7_200_000 });
  await tasks.schedule({
    name: 'nightly',
    target: 'ada',
    task: { type: 'add', input: 5 },
    cron: '0 3 * * *',
  });
  // As the store has them in this moment: what a program that dies now leaves.
  await own.backup(store);
  known = tasks.list();
  scheduled = tasks.schedules();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const json = async (...args: string[]) => {
  const { exitCode, stdout, stderr } = await mabeam([...args, '--json', '--store', store]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return JSON.parse(stdout);
};

const byId = (one: { readonly id: string }, other: { readonly id: string }) => one.id.localeCompare(other.id);
const idsOf = (fits: (task: TaskRecord) => boolean) => known.filter(fits).map(({ id }) => id);
const idOf = (name: string) => known.find(({ task }) => task === name)!.id;

it('tasks are those that the system knew, with status, attempts, times and reasons', async () => {
  const { tasks, counts } = await json('tasks');
  const wanted = known.map(({ output: _, error, ...record }) => ({
    ...record,
    ...(error === undefined ? {} : { error: `${error.name}: ${error.message}` }),
  }));
  expect(tasks.toSorted(byId)).toEqual(wanted.toSorted(byId));
  expect(known.map(({ status }) => status).toSorted()).toEqual([
    'cancelled',
    'done',
    'failed',
    'parked',
    'running',
    'waiting',
    'waiting',
    'waiting',
    'waiting_for_input',
  ]);
  expect(counts).toMatchObject({ done: 1, failed: 1, waiting: 3, parked: 1, cancelled: 1, timed_out: 0 });
});

it('tasks are chosen by status, agent, name and number, and listed', async () => {
  const ids = async (...args: string[]) =>
    (await mabeam(['tasks', '--ids', '--store', store, ...args])).stdout.trim().split('\n');
  expect(await ids('--status', 'failed,parked')).toEqual(
    idsOf(({ status }) => status === 'failed' || status === 'parked'),
  );
  expect(await ids('--agent', 'dan')).toEqual(idsOf(({ agentId }) => agentId === 'dan'));
  expect(await ids('--type', 'again', '--limit', '1')).toEqual(idsOf(({ task }) => task === 'again'));
  const { stdout, stderr } = await mabeam(['tasks', '--store', store, '--status', 'failed']);
  expect(stdout).toMatch(/ fail +ada +failed .* Error: no luck$/m);
  expect(stderr).toMatch(/1 failed/);
});

it('a task has its output, its error and its questions; an unknown one ends with 1', async () => {
  expect(await json('task', idOf('add'))).toMatchObject({
    task: { idempotencyKey: 'once' },
    legal: [],
    output: 2,
  });
  expect(await json('task', idOf('fail'))).toMatchObject({ error: { message: 'no luck' } });
  expect(await json('task', idOf('ask'))).toMatchObject({
    task: { status: 'waiting_for_input' },
    questions: [{ question: 'May I?' }],
  });
  const { exitCode, stderr } = await mabeam(['task', 'task-404', '--store', store]);
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/no task "task-404" is in this store/);
});

it('schedules are those that the system knew', async () => {
  expect(await json('schedules')).toEqual(JSON.parse(JSON.stringify(scheduled)));
});

it('a store or a system is asked, not both', async () => {
  for (const command of ['tasks', 'schedules']) {
    const asked = await mabeam([command, '--store', store, '--url', 'http://127.0.0.1:1']);
    expect(asked).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/either --url or --store/) });
  }
});

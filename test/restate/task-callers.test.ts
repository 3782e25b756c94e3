/** Laws of tasks that were asked for under a key, and of those that wait for them: an agent's object, and no engine. */
import { describe, expect, it } from 'vitest';
import { agentSpec } from '../../src/machines/index.ts';
import { defineAgent } from '../../src/index.ts';
import { agentObject } from '../../src/restate/agent/agent-object.ts';
import type { AgentState } from '../../src/restate/agent/agent-state.ts';
import type { LostNode, MessageBatch } from '../../src/restate/engine/names.ts';
import type { CalledRecord } from '../../src/restate/tasks/task-record-of.ts';
import type { TaskRecord } from '../../src/runtime/fleet/task-record.ts';
import { manifestOf } from '../../src/runtime/definition/manifest.ts';
import { specToKeep } from '../../src/runtime/fleet/spec-reading.ts';
import { objectContext } from './object-context.ts';

const run = (): number => 0;
const worker = defineAgent({
  type: 'worker',
  init: run,
  tasks: { work: { run }, again: { run, retry: 'on_host_loss' } },
});
const [BOB, EVE, ZOE] = ['bob/task-x-1', 'eve/task-x-1', 'zoe/task-x-1'];

async function rig(concurrency = 1) {
  const placement = { node: 'n', epoch: 'e' };
  const object = objectContext(agentObject, {
    key: 'ada',
    answer: (to) => (to === 'nodes fleet place' ? { placement } : null),
  });
  const { does, sent } = object;
  const command = (type: string, more: object = {}): Promise<unknown> =>
    does('command', { type, at: 0, token: 'caller', ...more });
  const spec = specToKeep(
    agentSpec.parse({ id: 'ada', module: worker, tasks: { concurrency } }),
    'ada',
    'worker',
  );
  const manifest = manifestOf(worker);
  await command('register', { spec, manifest });
  await command('start');
  const heard = { count: 0 };
  const report = (reports: readonly object[]) => {
    const first = heard.count + 1;
    heard.count += reports.length;
    return does('report', { incarnation: 1, first, reports, at: 0 });
  };
  await report([{ type: 'ready', manifest }]);
  sent();
  const submit = async (work: object = {}): Promise<TaskRecord> => {
    const answer = await command('submit', { work: { type: 'work', submitted: true, ...work } });
    return (answer as { readonly value: TaskRecord }).value;
  };
  return {
    ...object,
    command,
    report,
    submit,
    /** A task asks for one under a key. */
    call: (caller: string, chain = [caller], more: object = {}) =>
      command('submit', {
        work: {
          type: 'work',
          submitted: true,
          idempotencyKey: 'k',
          whenDown: 'wait',
          caller,
          terms: { chain },
          ...more,
        },
      }),
    leave: (taskId: string, caller: string, joined?: number) =>
      command('leaveTask', { taskId, caller, joined }),
    record: async (taskId: string) =>
      ((await does('task', { taskId })) as { readonly value: TaskRecord }).value,
    /** What was told about tasks: to their agents, and to the node. */
    told: () =>
      sent().flatMap(({ to, given }): readonly unknown[] => {
        if (to.endsWith('command')) return [[to, given]];
        return to === 'host_n ada post' ? (given as MessageBatch).messages : [];
      }),
  };
}
const valueOf = (answer: unknown): CalledRecord => (answer as { readonly value: CalledRecord }).value;

describe('a called task', () => {
  it('is one for all of its callers, each of which is told of each of its calls', async () => {
    const { call, told } = await rig();
    const { id: called, status } = valueOf(await call(BOB));
    expect(status).toBe('running');
    expect(told()).toMatchObject([
      ['agent bob command', { type: 'calledTask', taskId: BOB, called }],
      { type: 'task.run', terms: { chain: [BOB] } },
    ]);
    expect(valueOf(await call(BOB)).id).toBe(called);
    expect(told()).toMatchObject([['agent bob command', { type: 'calledTask', taskId: BOB, called }]]);
    expect(valueOf(await call(EVE)).id).toBe(called);
    expect(told()).toMatchObject([
      ['agent eve command', { type: 'calledTask', taskId: EVE, called }],
      { type: 'task.awaited', taskId: called, chain: [BOB, EVE] },
    ]);
  });

  it('ends with the last of its callers, and not sooner', async () => {
    const { call, leave, record, told } = await rig();
    const { id } = valueOf(await call(BOB));
    await call(EVE);
    told();
    await leave(id, BOB);
    await leave(id, BOB);
    expect((await record(id)).status).toBe('running');
    expect(told()).toMatchObject([
      ['agent bob command', { type: 'calledOver', taskId: BOB, called: id }],
      { type: 'task.awaited', taskId: id, chain: [EVE] },
    ]);
    await leave(id, EVE);
    expect((await record(id)).status).toBe('cancelled');
    expect(told()).toMatchObject([
      ['agent eve command', { type: 'calledOver' }],
      { type: 'task.awaited' },
      { type: 'task.cancel', taskId: id },
    ]);
    expect(await leave(id, EVE)).toEqual({});
  });

  it('that is left late is kept by a call that its caller has made since', async () => {
    const { call, leave, record } = await rig();
    const { id, joined } = valueOf(await call(BOB));
    const { joined: again } = valueOf(await call(BOB));
    await leave(id, BOB, joined);
    expect((await record(id)).status).toBe('running');
    await leave(id, BOB, again);
    expect((await record(id)).status).toBe('cancelled');
  });

  it('tells its callers when it ends, and no one that has left', async () => {
    const { call, leave, report, told } = await rig();
    const { id } = valueOf(await call(BOB));
    await call(EVE);
    await leave(id, BOB);
    const { joined } = valueOf(await call(ZOE));
    told();
    await report([{ type: 'task.completed', taskId: id, output: 7 }]);
    expect(told()).toMatchObject([
      ['agent eve command', { type: 'calledOver', taskId: EVE, called: id }],
      ['agent zoe command', { type: 'calledOver', taskId: ZOE, called: id, joined }],
    ]);
  });

  it('that somebody else submits too, before or after, goes on without them', async () => {
    const after = await rig();
    const { id } = valueOf(await after.call(BOB));
    expect((await after.submit({ idempotencyKey: 'k' })).id).toBe(id);
    await after.leave(id, BOB);
    expect((await after.record(id)).status).toBe('running');
    const before = await rig();
    const submitted = await before.submit({ idempotencyKey: 'k' });
    expect(valueOf(await before.call(BOB)).id).toBe(submitted.id);
    await before.leave(submitted.id, BOB);
    expect((await before.record(submitted.id)).status).toBe('running');
    const failed = { type: 'task.failed', code: 'TASK_FAILED', error: { name: 'E', message: '' } };
    for (const { report, call, leave, record } of [after, before]) {
      await report([{ ...failed, taskId: id }]);
      expect(valueOf(await call(EVE))).toMatchObject({ id, status: 'running', attempts: 2 });
      await leave(id, EVE);
      expect((await record(id)).status).toBe('running');
    }
  });

  it('that has ended without an output is done again for the next caller, and ends with that', async () => {
    const { call, leave, record, report, told } = await rig();
    const { id } = valueOf(await call(BOB));
    await leave(id, BOB);
    await report([
      { type: 'task.failed', taskId: id, code: 'TASK_FAILED', error: { name: 'E', message: '' } },
    ]);
    told();
    expect(valueOf(await call(EVE))).toMatchObject({ id, status: 'running', attempts: 2 });
    expect(told()).toMatchObject([
      ['agent eve command', { type: 'calledTask', called: id }],
      { type: 'task.run', attempt: 2, terms: { chain: [EVE] } },
    ]);
    await leave(id, EVE);
    expect((await record(id)).status).toBe('cancelled');
  });

  it('that is done again is of the kind that it was, and has the time that it had, whatever is asked for now', async () => {
    const { call, report, submit, told } = await rig();
    const { id } = await submit({ type: 'again', timeoutMs: 1000, idempotencyKey: 'k' });
    await report([
      { type: 'task.failed', taskId: id, code: 'TASK_FAILED', error: { name: 'E', message: '' } },
    ]);
    told();
    await call(BOB, [BOB], { type: 'work', timeoutMs: 5 });
    expect(told().at(-1)).toMatchObject({ type: 'task.run', task: 'again', terms: { endsAt: 1000 } });
  });

  it('that is done is what its next caller gets, and nobody is told', async () => {
    const { call, report, told } = await rig();
    const { id } = valueOf(await call(BOB));
    await report([{ type: 'task.completed', taskId: id, output: 7 }]);
    told();
    expect(valueOf(await call(EVE))).toMatchObject({ id, status: 'done', output: 7 });
    expect(told()).toEqual([]);
  });

  it('waits where its agent comes back by itself, and is refused where it does not', async () => {
    const crashed = await rig();
    await crashed.report([{ type: 'exited', reason: 'killed' }]);
    expect(valueOf(await crashed.call(BOB)).status).toBe('waiting');
    const stopped = await rig();
    await stopped.command('stop');
    await stopped.report([{ type: 'exited', reason: 'shutdown' }]);
    expect(await stopped.call(BOB)).toMatchObject({ refusal: { code: 'AGENT_NOT_RUNNING' } });
  });

  it('is refused to a caller that it waits for, and while it waits itself for those that wait for its caller', async () => {
    const { call, submit } = await rig();
    const { id } = valueOf(await call(BOB));
    expect(await call(EVE, [id, EVE])).toMatchObject({
      refusal: { code: 'WAIT_CIRCLE', details: { circle: ['eve', 'ada', 'eve'], tasks: [EVE, id] } },
    });
    const other = await rig();
    const { id: holder } = await other.submit();
    const { id: queued } = valueOf(await other.call(BOB));
    expect((await other.record(queued)).status).toBe('waiting');
    expect(await other.call(EVE, [holder, EVE])).toMatchObject({ refusal: { code: 'WAIT_CIRCLE' } });
    expect(await submit()).toMatchObject({ status: 'waiting' });
  });
});

describe('a caller', () => {
  it.each([
    [
      'is done',
      async ({ report }: Rig, taskId: string) => report([{ type: 'task.completed', taskId, output: 1 }]),
    ],
    [
      'is cancelled',
      async ({ command }: Rig, taskId: string) => command('cancelTask', { taskId, why: 'no' }),
    ],
    ['is lost with its node', async ({ does }: Rig) => does('lost', LOST)],
  ] as const)('that %s leaves all that it has called, once', async (_, end) => {
    const given = await rig();
    const { command, submit, told } = given;
    const { id } = await submit();
    for (const [joined, called] of [EVE, BOB, EVE].entries())
      await command('calledTask', { taskId: id, called, joined, chain: [id] });
    told();
    await end(given, id);
    expect(told().filter((one) => Array.isArray(one))).toEqual([
      ['agent bob command', { type: 'leaveTask', taskId: BOB, caller: id, joined: 1 }],
      ['agent eve command', { type: 'leaveTask', taskId: EVE, caller: id, joined: 2 }],
    ]);
  });

  it('that runs again after the loss of its node leaves nothing', async () => {
    const { command, does, submit, told } = await rig();
    const { id } = await submit({ type: 'again' });
    await command('calledTask', { taskId: id, called: BOB, joined: 1, chain: [id] });
    told();
    await does('lost', LOST);
    expect(told().filter((one) => Array.isArray(one))).toEqual([]);
  });

  it('that has ended before it hears that it has called, or whose agent is no more, leaves at once', async () => {
    const { command, report, submit, told } = await rig();
    const { id } = await submit();
    await report([{ type: 'task.completed', taskId: id, output: 1 }]);
    told();
    const news = { taskId: id, called: BOB, joined: 1, chain: [id] };
    await command('calledTask', news);
    const left = [['agent bob command', { type: 'leaveTask', taskId: BOB, caller: id, joined: 1 }]];
    expect(told()).toEqual(left);
    await command('stop');
    await report([{ type: 'exited', reason: 'shutdown' }]);
    await command('forget');
    told();
    await command('calledTask', news);
    expect(told()).toEqual(left);
  });

  it('no longer keeps a task that is over, and keeps one that it has called again since', async () => {
    const { command, report, submit, told } = await rig();
    const { id } = await submit();
    const of = { taskId: id, chain: [id] };
    await command('calledTask', { ...of, called: BOB, joined: 1 });
    await command('calledTask', { ...of, called: EVE, joined: 1 });
    for (const joined of [3, 2]) await command('calledTask', { ...of, called: EVE, joined });
    await command('calledOver', { taskId: id, called: BOB, joined: 1 });
    await command('calledOver', { taskId: id, called: EVE, joined: 1 });
    told();
    await report([{ type: 'task.completed', taskId: id, output: 1 }]);
    expect(told()).toEqual([
      ['agent eve command', { type: 'leaveTask', taskId: EVE, caller: id, joined: 3 }],
    ]);
  });

  it('for which others wait, too, tells that to what it has called, once, and not round a circle', async () => {
    const { command, call, leave, told } = await rig();
    const { id } = valueOf(await call(BOB));
    await command('calledTask', { taskId: id, called: EVE, joined: 1, chain: [BOB, id] });
    told();
    const ofEve = (chain: readonly string[]) => [
      'agent eve command',
      { type: 'awaitedTask', taskId: EVE, caller: id, chain: [...chain, id], news: expect.any(Number) },
    ];
    const tellsEve = () => told().filter((one) => String(one).startsWith('agent eve'));
    await call(ZOE);
    expect(tellsEve()).toEqual([ofEve([BOB, ZOE])]);
    await call(BOB);
    expect(tellsEve()).toEqual([]);
    await leave(id, BOB);
    expect(tellsEve()).toEqual([ofEve([ZOE])]);
    await command('awaitedTask', { taskId: id, caller: ZOE, chain: [BOB, ZOE] });
    expect(told()).toEqual([ofEve([BOB, ZOE]), { type: 'task.awaited', taskId: id, chain: [BOB, ZOE] }]);
    await command('awaitedTask', { taskId: id, caller: ZOE, chain: [id, EVE, ZOE] });
    expect(told()).toEqual([{ type: 'task.awaited', taskId: id, chain: [id, EVE, ZOE] }]);
  });

  it('that others have joined while it called tells those who wait for it now', async () => {
    const { command, call, told } = await rig();
    const { id } = valueOf(await call(BOB));
    await call(ZOE);
    told();
    await command('calledTask', { taskId: id, called: EVE, joined: 1, chain: [BOB, id] });
    expect(told()).toEqual([
      [
        'agent eve command',
        { type: 'awaitedTask', taskId: EVE, caller: id, chain: [BOB, ZOE, id], news: expect.any(Number) },
      ],
    ]);
  });

  it('tells who waits for it in numbered news, of which the older ones, that come again later, change nothing', async () => {
    const { command, call, told } = await rig();
    const { id } = valueOf(await call(BOB));
    await command('calledTask', { taskId: id, called: EVE, joined: 1, chain: [BOB, id] });
    told();
    await call(ZOE);
    await call('ida/task-x-1');
    const sent = told().flatMap((one) =>
      String(one).startsWith('agent eve') ? [(one as [string, { news: number }])[1]] : [],
    );
    expect(sent.map(({ news }) => news)).toEqual(
      sent.map(({ news }) => news).toSorted((one, other) => one - other),
    );
    expect(new Set(sent.map(({ news }) => news)).size).toBe(2);

    const chains = () =>
      told().flatMap((one) => ('chain' in (one as object) ? [(one as { chain: unknown }).chain] : []));
    await command('awaitedTask', { taskId: id, caller: BOB, chain: ['x/task-1', BOB], news: 7 });
    chains();
    await command('awaitedTask', { taskId: id, caller: BOB, chain: ['y/task-1', BOB], news: 6 });
    expect(chains()).toEqual([]);
    await call(BOB);
    await command('awaitedTask', { taskId: id, caller: BOB, chain: ['y/task-1', BOB], news: 6 });
    expect(JSON.stringify(chains())).not.toContain('y/task-1');
    await command('awaitedTask', { taskId: id, caller: BOB, chain: ['z/task-1', BOB], news: 8 });
    expect(JSON.stringify(chains())).toContain('z/task-1');
  });
});

/** Calls had no number, and of what a task had called there was the id alone. */
const asBefore = ({ kept, keep }: Rig, taskId: string, called: readonly string[] = []) => {
  const state = kept('agent') as AgentState;
  const tasks = state.tasks.map((task) =>
    task.id === taskId
      ? { ...task, called, callers: task.callers?.map(({ joined: _, ...caller }) => caller) }
      : task,
  );
  keep('agent', { ...state, tasks });
};

describe('what an earlier version has kept', () => {
  it('of a called task: it ends with the last of its callers, and a call that is made again keeps it', async () => {
    const given = await rig();
    const { call, leave, record, told } = given;
    const { id } = valueOf(await call(BOB));
    await call(EVE);
    asBefore(given, id);
    const { joined } = valueOf(await call(EVE));
    told();
    await leave(id, BOB, 0);
    expect(told()).toMatchObject([
      ['agent bob command', { type: 'calledOver', taskId: BOB, called: id, joined: 0 }],
      { type: 'task.awaited', taskId: id, chain: [EVE] },
    ]);
    await leave(id, EVE, 0);
    expect((await record(id)).status).toBe('running');
    await leave(id, EVE, joined);
    expect((await record(id)).status).toBe('cancelled');
  });

  it('of a caller: what it has called hears who waits for it, and is left when it ends; not what was called again, or is over', async () => {
    const given = await rig();
    const { call, command, report, told } = given;
    const { id } = valueOf(await call(BOB));
    const IDA = 'ida/task-x-1';
    asBefore(given, id, [EVE, ZOE, IDA]);
    await command('calledTask', { taskId: id, called: EVE, joined: 3, chain: [BOB, id] });
    await command('calledOver', { taskId: id, called: ZOE, joined: 0 });
    told();
    await command('awaitedTask', { taskId: id, caller: BOB, chain: ['x/task-1', BOB] });
    const awaited = {
      type: 'awaitedTask',
      caller: id,
      chain: ['x/task-1', BOB, id],
      news: expect.any(Number),
    };
    expect(told().filter((one) => Array.isArray(one))).toEqual([
      ['agent ida command', { ...awaited, taskId: IDA }],
      ['agent eve command', { ...awaited, taskId: EVE }],
    ]);
    await report([{ type: 'task.completed', taskId: id, output: 1 }]);
    expect(told()).toMatchObject([
      ['agent ida command', { type: 'leaveTask', taskId: IDA, caller: id, joined: 0 }],
      ['agent eve command', { type: 'leaveTask', taskId: EVE, caller: id, joined: 3 }],
      ['agent bob command', { type: 'calledOver', taskId: BOB, called: id }],
    ]);
  });
});

type Rig = Awaited<ReturnType<typeof rig>>;
const LOST: LostNode = {
  node: 'n',
  incarnation: 1,
  at: 1,
  offer: { occupant: {} as never, place: 'queued' },
};

/** Laws of the object that keeps one agent: what each of its steps answers, sends and keeps, over state that is data. */
import { describe, expect, it } from 'vitest';
import { type AgentSpecInput, agentSpec } from '../../src/machines/index.ts';
import { defineAgent } from '../../src/index.ts';
import { agentObject } from '../../src/restate/agent/agent-object.ts';
import type { NodeReport } from '../../src/restate/agent/agent-acts.ts';
import { agentChartHash } from '../../src/restate/agent/chart-version.ts';
import type { Look, MessageBatch } from '../../src/restate/engine/names.ts';
import type { AnyAgentDefinition } from '../../src/runtime/definition/define-agent.ts';
import { manifestOf } from '../../src/runtime/definition/manifest.ts';
import { specToKeep } from '../../src/runtime/fleet/spec-reading.ts';
import { objectContext, type Sent } from './object-context.ts';

const run = (): number => 0;
const worker = defineAgent({
  type: 'worker',
  init: run,
  tasks: { work: { run }, again: { run, retry: 'on_host_loss' } },
});
const leader = defineAgent({ type: 'worker', init: run, variables: ['rate'], tasks: { work: { run } } });
const PLACED = { placement: { node: 'n', epoch: 'e' } };

interface RigOptions {
  readonly spec?: Omit<AgentSpecInput, 'module' | 'id'>;
  readonly definition?: AnyAgentDefinition;
  readonly answers?: Record<string, unknown>;
}

function rig({ spec = {}, definition = worker, answers = {} }: RigOptions = {}) {
  const given: Record<string, unknown> = { 'nodes fleet place': PLACED, ...answers };
  const object = objectContext(agentObject, { key: 'ada', answer: (to) => given[to] ?? null });
  const { does, sent, called, resolved, events } = object;
  const kept = specToKeep(
    agentSpec.parse({ id: 'ada', module: definition, ...spec }),
    'ada',
    definition.type,
  );
  const manifest = manifestOf(definition);
  const seat = { incarnation: 0, heard: 0 };
  const command = (type: string, more: object = {}, at = 0): Promise<unknown> =>
    does('command', { type, at, ...more });
  const report = (reports: readonly NodeReport[], at = 0, more: object = {}): Promise<unknown> => {
    const first = seat.heard + 1;
    seat.heard += reports.length;
    return does('report', { incarnation: seat.incarnation, first, reports, at, ...more });
  };
  const forget = (): void => {
    for (const all of [sent, called, resolved, events]) all();
  };
  const register = () => command('register', { spec: kept, manifest });
  const opened = (): void => {
    seat.incarnation += 1;
    seat.heard = 0;
  };
  return {
    ...object,
    answers: given,
    command,
    report,
    register,
    opened,
    forget,
    /** It runs, and nothing is left to be looked at. */
    running: async () => {
      await register();
      await command('start', { token: 'starter' });
      opened();
      await report([{ type: 'ready', manifest }]);
      forget();
    },
    ready: () => report([{ type: 'ready', manifest }]),
    exit: (reason: 'normal' | 'killed' | { shutdown: string }, at = 0) =>
      report([{ type: 'exited', reason } as never], at),
    execute: (work: object = {}, more: object = {}) =>
      command('execute', { work: { type: 'work', submitted: false, ...work }, token: 'caller', ...more }),
    submit: async (work: object = {}): Promise<string> => {
      const answer = await command('submit', { work: { type: 'work', submitted: true, ...work } });
      return (answer as { value: { id: string } }).value.id;
    },
    lookedAt: async (): Promise<Look> => does('look'),
    path: async () => ((await does('look')) as { record: { state: string } } | null)?.record.state,
    types: () => events().map((event) => (event as { type: string }).type),
  };
}
/** What the node of its body is sent: number of the first message, and types. */
function mailOf(sent: readonly Sent[]): unknown[] {
  return sent
    .filter(({ to }) => to === 'host_n ada post')
    .map(({ given }) => given as MessageBatch)
    .map(({ first, messages }) => [first, ...messages.map(({ type }) => type)]);
}
/** Its body runs, and the code changes. */
async function changed() {
  const object = rig();
  await object.running();
  const state = object.kept('agent') as object;
  object.keep('agent', { ...state, chart: 'another' });
  return { ...object, chart: () => (object.kept('agent') as { chart: string }).chart };
}
const unread = async () => {
  const object = await changed();
  const state = object.kept('agent') as { known: object };
  object.keep('agent', { ...state, wakeAt: 5, known: { ...state.known, at: 'nowhere' } });
  return object;
};

const metricsOf = async ({ lookedAt }: ReturnType<typeof rig>) => (await lookedAt()).record.metrics;
/** The last task that its body was told to do. */
const taskOf = (mail: readonly Sent[]) =>
  (mail.find(({ to }) => to.startsWith('host'))!.given as { messages: { taskId: string }[] }).messages.at(
    -1,
  )!;
const besides = (sent: readonly Sent[]): readonly Sent[] =>
  sent.filter(({ to }) => !to.startsWith('registry'));

describe('an agent that is not registered', () => {
  it('is refused by its name, or is nothing', async () => {
    const { command, does, sent } = rig();
    const nobody = { refusal: { code: 'AGENT_NOT_FOUND', agentId: 'ada' } };
    expect(await command('start')).toMatchObject(nobody);
    expect(await does('savedState')).toMatchObject(nobody);
    expect(await does('look')).toBe(null);
    expect([await does('tasks'), await does('questions'), await does('taskOf', {})]).toEqual([[], [], null]);
    for (const handler of ['task', 'legalForTask'])
      expect(await does(handler, { taskId: 't' })).toMatchObject({ refusal: { code: 'TASK_UNKNOWN' } });
    expect(await does('question', { id: 'q' })).toMatchObject({ refusal: { code: 'QUESTION_UNKNOWN' } });
    const batch = { incarnation: 1, first: 1, reports: [], at: 0 };
    expect(await does('report', batch)).toEqual({ isAlive: false, isWatched: false, answers: [] });
    await does('wake', { at: 1 });
    await does('quota', { quota: 'model', parked: null, at: 1 });
    expect(sent()).toEqual([]);
  });

  it('gives back what it is offered', async () => {
    const { does, sent } = rig();
    await does('lost', { node: 'n', incarnation: 3, at: 0 });
    await does('permit', { placement: PLACED.placement, incarnation: 7 });
    expect(sent()).toEqual([
      { to: 'nodes fleet giveBack', given: { agentId: 'ada', incarnation: 4 } },
      { to: 'nodes fleet giveBack', given: { agentId: 'ada', incarnation: 7 } },
    ]);
  });
});

describe('a registration', () => {
  it('is told and listed before it is answered; a second one is refused, and changes nothing', async () => {
    const { register, called, types, sent, does } = rig();
    expect(await register()).toEqual({ value: 'ada' });
    expect(called()).toMatchObject([
      { to: expect.stringMatching(/^registry \d+ put$/) as string, given: { id: 'ada' } },
    ]);
    expect(types()).toEqual(['agent.registered']);
    const before = await does('look');
    expect(await register()).toMatchObject({ refusal: { code: 'AGENT_EXISTS' } });
    expect([called(), types(), sent()]).toEqual([[], [], []]);
    expect(await does('look')).toEqual(before);
  });
});

describe('a start', () => {
  it('asks for a place, opens its body there, and is answered once it runs', async () => {
    const { register, command, opened, ready, called, sent, resolved, types, forget } = rig();
    await register();
    forget();
    expect(await command('start', { token: 'starter', by: 'ann' }, 5)).toBe('pending');
    expect(called()).toMatchObject([{ to: 'nodes fleet place', given: { agentId: 'ada', incarnation: 1 } }]);
    const out = besides(sent());
    expect(mailOf(out)).toEqual([[1, 'open']]);
    expect(out.find(({ to }) => to.startsWith('host'))!.given).toMatchObject({ epoch: 'e', incarnation: 1 });
    // It may take 30 s.
    expect(out.find(({ to }) => to === 'agent ada wake')).toEqual({
      to: 'agent ada wake',
      given: { at: 30_005 },
      delay: 30_000,
    });
    opened();
    expect(await ready()).toEqual({ isAlive: true, isWatched: true, answers: [] });
    expect(resolved()).toEqual([['starter', { value: 1 }]]);
    expect(types()).toEqual(['agent.starting', 'agent.started']);
  });

  it('without a place is refused, and nothing has begun', async () => {
    const { register, command, answers, sent, types, forget, path } = rig();
    await register();
    forget();
    answers['nodes fleet place'] = { problem: 'no node has room' };
    expect(await command('start')).toMatchObject({
      refusal: { code: 'RESOURCES_EXHAUSTED', details: { problem: 'no node has room' } },
    });
    expect([sent(), types(), await path()]).toEqual([[], [], 'registered']);
  });

  it('that its state does not allow is refused before a place is asked for', async () => {
    const { running, command, called } = rig();
    await running();
    expect(await command('start')).toMatchObject({ refusal: { code: 'AGENT_ALREADY_RUNNING' } });
    expect(called()).toEqual([]);
  });

  it('restores what it saved last', async () => {
    const { running, report, exit, command, opened, sent, forget, does } = rig();
    await running();
    await report([{ type: 'state.changed', state: { json: '7', stateVersion: 1 } }]);
    expect(await does('savedState')).toMatchObject({ value: { json: '7' } });
    await exit('normal');
    forget();
    await command('start', { token: 'starter' });
    opened();
    expect(sent().find(({ to }) => to.startsWith('host'))!.given).toMatchObject({
      incarnation: 2,
      first: 1,
      messages: [{ type: 'open', start: { restored: { json: '7' }, previousStop: 'normal' } }],
    });
  });
});

describe('a caller that waits by a token', () => {
  it('gets an answer that is there at once by the token, too; any other later, and once', async () => {
    const { running, command, resolved, exit } = rig();
    await running();
    expect(await command('awaitTask', { taskId: 'none', token: 'a', isAwaited: true })).toBe(null);
    expect(resolved()).toMatchObject([['a', { refusal: { code: 'TASK_UNKNOWN' } }]]);
    expect(await command('awaitEnd', { token: 'b', isAwaited: true })).toBe(null);
    expect(resolved()).toEqual([]);
    await exit('normal');
    expect(resolved()).toMatchObject([['b', { value: { status: 'completed' } }]]);
    expect(await command('awaitEnd', { token: 'c' })).toMatchObject({ value: { status: 'completed' } });
    expect(await command('awaitEnd', { token: 'd', isAwaited: true })).toBe(null);
    expect(resolved()).toMatchObject([['d', { value: { status: 'completed' } }]]);
  });
});

describe('a task', () => {
  it('goes to its body with its input, in the order of messages, and its end to the caller', async () => {
    const { running, execute, report, sent, resolved, keys } = rig();
    await running();
    const before = keys();
    expect(await execute({ input: 7 })).toBe('pending');
    const [mail] = sent();
    expect(mail).toMatchObject({
      to: 'host_n ada post',
      given: { first: 2, messages: [{ type: 'task.run', task: 'work', input: 7, attempt: 1 }] },
    });
    await execute({ input: 8 }, { token: 'second' });
    expect(mailOf(sent())).toEqual([]);
    const { taskId } = (mail!.given as { messages: { taskId: string }[] }).messages[0]!;
    await report([{ type: 'task.completed', taskId, output: 'done' }]);
    expect(resolved()).toEqual([['caller', { value: 'done' }]]);
    const next = sent();
    expect(next.find(({ to }) => to.startsWith('host'))!.given).toMatchObject({
      first: 3,
      messages: [{ type: 'task.run', input: 8 }],
    });
    const second = (next.find(({ to }) => to.startsWith('host'))!.given as { messages: { taskId: string }[] })
      .messages[0]!;
    await report([{ type: 'task.completed', taskId: second.taskId, output: 2 }]);
    expect(resolved()).toEqual([['second', { value: 2 }]]);
    expect(keys()).toEqual(before);
  });

  it('that begins is told with the next step, and what else happens meanwhile after it', async () => {
    const { running, execute, types, report, sent } = rig();
    await running();
    await execute();
    expect(types()).toEqual([]);
    const { taskId } = (sent()[0]!.given as { messages: { taskId: string }[] }).messages[0]!;
    await report([{ type: 'task.completed', taskId, output: 1 }]);
    expect(types()).toEqual(['task.accepted', 'task.started', 'task.completed']);
  });

  it('that is submitted is answered with its record at once, told, and found by its id and its key', async () => {
    const { running, submit, does, types, command } = rig();
    await running();
    const id = await submit({ idempotencyKey: 'k', input: 1 });
    expect(types()).toEqual([]);
    expect(await submit({ idempotencyKey: 'k' })).toBe(id);
    expect(types()).toEqual(['task.accepted', 'task.started']);
    expect(await does('taskOf', { idempotencyKey: 'k' })).toMatchObject({ id, status: 'running' });
    expect(await does('taskOf', { idempotencyKey: 'other' })).toBe(null);
    expect(await does('task', { taskId: id })).toMatchObject({ value: { id, agentId: 'ada' } });
    const listed = async (wish: object | null) =>
      ((await does('tasks', wish)) as { id: string }[]).map((task) => task.id);
    const waiting = await submit({ type: 'again' });
    expect(await listed(null)).toEqual([id, waiting]);
    expect(await listed({ type: 'again' })).toEqual([waiting]);
    expect(await listed({ status: 'running' })).toEqual([id]);
    expect(await does('legalForTask', { taskId: waiting })).toMatchObject({ value: ['cancel'] });
    expect(await command('cancelTask', { taskId: waiting, why: 'no', by: 'ann' })).toMatchObject({
      value: { id: waiting, status: 'cancelled' },
    });
    expect(await command('cancelTask', { taskId: waiting, why: 'no' })).toMatchObject({
      refusal: { code: 'AGENT_ILLEGAL_COMMAND' },
    });
    expect(await command('awaitTask', { taskId: waiting })).toMatchObject({
      refusal: { code: 'TASK_ABANDONED' },
    });
    expect(await command('retryTask', { taskId: waiting })).toMatchObject({
      value: { id: waiting, status: 'waiting' },
    });
    await command('cancelTask', { taskId: waiting, why: 'no' });
    expect(await command('forgetTask', { taskId: waiting })).toEqual({});
    expect(await listed(null)).toEqual([id]);
    expect(await command('forgetTask', { taskId: id })).toMatchObject({
      refusal: { code: 'AGENT_ILLEGAL_COMMAND' },
    });
  });

  it('whose end is awaited by its id is answered with it, to each who waits', async () => {
    const { running, submit, command, report, resolved } = rig();
    await running();
    const taskId = await submit();
    expect(await command('awaitTask', { taskId, token: 'a' })).toBe('pending');
    expect(await command('awaitTask', { taskId, token: 'b' })).toBe('pending');
    await report([{ type: 'task.completed', taskId, output: 4 }]);
    expect(resolved()).toEqual([
      ['a', { value: 4 }],
      ['b', { value: 4 }],
    ]);
    expect(await command('awaitTask', { taskId, token: 'c' })).toEqual({ value: 4 });
  });

  it('of a kind that it has not, or for an incarnation that has ended, is refused and not kept', async () => {
    const { running, execute, does, exit } = rig();
    await running();
    expect(await execute({ type: 'none' })).toMatchObject({ refusal: { code: 'TASK_INCOMPATIBLE' } });
    expect(await execute({}, { incarnation: 2 })).toMatchObject({
      refusal: { code: 'AGENT_NOT_RUNNING', details: { incarnation: 2, newest: 1, status: 'running' } },
    });
    expect(await does('tasks')).toEqual([]);
    expect(await execute({}, { incarnation: 1 })).toBe('pending');
    await exit('normal');
    expect(await execute({}, { incarnation: 1 })).toMatchObject({ refusal: { code: 'AGENT_NOT_RUNNING' } });
  });

  it('whose priority is no number is refused and not kept', async () => {
    const { running, execute, lookedAt } = rig();
    await running();
    expect(await execute({ priority: 'high' })).toMatchObject({ refusal: { code: 'TASK_INPUT_INVALID' } });
    expect((await lookedAt()).record.metrics).toMatchObject({ running: 0, waiting: 0 });
  });

  it('that would wait for itself is refused while all that hold a place of its agent wait for it', async () => {
    const { running, execute, submit, exit } = rig({ spec: { tasks: { concurrency: 2 } } });
    await running();
    const [one, two] = [await submit(), await submit()];
    const chain = ['eve/task-x-1', one, 'bob/task-x-1'];
    expect(await execute({ terms: { chain } })).toBe('pending');
    expect(await execute({ terms: { chain: [two, ...chain] } })).toMatchObject({
      refusal: {
        code: 'WAIT_CIRCLE',
        details: {
          circle: ['bob', 'ada', 'eve', 'ada', 'bob'],
          tasks: ['bob/task-x-1', two, 'eve/task-x-1', one],
        },
      },
    });
    expect(await execute({ terms: { chain: [two, one] } })).toMatchObject({
      refusal: { code: 'WAIT_CIRCLE', message: 'agent ada would wait for itself: ada → ada → ada' },
    });
    await exit('normal');
  });

  it('for an agent that does not run waits where it is submitted and may wait, or where its agent comes back', async () => {
    const { register, execute, command, submit } = rig({
      spec: { restart: { policy: 'immediate' } },
    });
    await register();
    const wait = { whenDown: 'wait' };
    expect(await command('submit', { work: { type: 'work', submitted: true } })).toHaveProperty('refusal');
    expect(await submit(wait)).toMatch(/^ada\/task-/);
    expect(await execute(wait)).toMatchObject({ refusal: { code: 'AGENT_NOT_RUNNING' } });
    const other = rig({ spec: { restart: { policy: 'immediate' } } });
    await other.running();
    await other.exit('killed');
    expect(await other.execute()).toMatchObject({ refusal: { code: 'AGENT_NOT_RUNNING' } });
    expect(await other.execute(wait)).toBe('pending');
  });

  it('is cancelled by the id of its call, by whoever asked for it', async () => {
    const { running, execute, command, resolved, sent } = rig();
    await running();
    await execute({ terms: { callId: 'c' } });
    sent();
    expect(await command('cancelCall', { callId: 'other' })).toEqual({});
    expect(resolved()).toEqual([]);
    expect(await command('cancelCall', { callId: 'c' })).toEqual({});
    expect(resolved()).toMatchObject([['caller', { refusal: { code: 'TASK_ABANDONED' } }]]);
    expect(mailOf(sent())).toEqual([[3, 'task.cancel']]);
  });
});

describe('reports', () => {
  it('that arrive twice are taken once; those of a former life change nothing, and it is told that it is over', async () => {
    const { running, does, events } = rig();
    await running();
    const saved = { type: 'state.changed', state: { json: '1', stateVersion: 1 } };
    const batch = { incarnation: 1, first: 2, reports: [saved], at: 0 };
    await does('report', batch);
    expect(events()).toHaveLength(1);
    expect(await does('report', batch)).toMatchObject({ isAlive: true });
    expect(events()).toEqual([]);
    expect(await does('report', { ...batch, first: 3, incarnation: 0 })).toMatchObject({ isAlive: false });
    expect(events()).toEqual([]);
    expect(await does('report', { ...batch, first: 2, reports: [saved, saved] })).toMatchObject({
      isAlive: true,
    });
    expect(events()).toHaveLength(1);
  });

  it('of the body that has ended are over with that: its place is free, and it is listed no more as running', async () => {
    const { running, exit, sent, does } = rig();
    await running();
    expect(await exit('normal')).toMatchObject({ isAlive: false, isWatched: false });
    expect(besides(sent()).filter(({ to }) => to.startsWith('nodes'))).toEqual([
      { to: 'nodes fleet vacate', given: { agentId: 'ada', incarnation: 1 } },
    ]);
    expect(await does('look')).toMatchObject({ record: { status: 'completed' } });
    expect(await does('look')).not.toHaveProperty('placement');
  });

  it('of what it uses are shown of the living body alone', async () => {
    const { running, report, does } = rig();
    await running();
    await report([], 0, { usage: { memoryBytes: 5 }, incarnation: 9 });
    const uses = async () => ((await does('look')) as { record: { metrics: object } }).record.metrics;
    expect(await uses()).not.toMatchObject({ memoryBytes: 5 });
    await report([], 0, { usage: { memoryBytes: 5 } });
    expect(await uses()).toMatchObject({ memoryBytes: 5 });
  });
});

/** Until when a stop of a running agent may take. */
const timeOf = async (more: object) => {
  const { running, command, kept, at } = rig({ spec: { shutdownMs: 9_000 } });
  await running();
  at(0);
  await command('stop', { token: 's', ...more });
  return (kept('agent') as { deadlines: { dueAt: number }[] }).deadlines.map(({ dueAt }) => dueAt);
};

describe('a stop, or a kill', () => {
  it('is for the incarnation that it names', async () => {
    const { running, command, sent } = rig();
    await running();
    for (const type of ['stop', 'kill'])
      expect(await command(type, { incarnation: 2, token: 't' })).toMatchObject({
        refusal: { code: 'AGENT_NOT_RUNNING' },
      });
    expect(sent()).toEqual([]);
    expect(await command('stop', { incarnation: 1, token: 't' })).toBe('pending');
    expect(mailOf(sent())).toHaveLength(1);
  });

  it('tells its body how much time it has, where its caller says so', async () => {
    const usual = await timeOf({});
    const brief = await timeOf({ timeoutMs: 100 });
    expect(Math.max(...brief)).toBe(100);
    expect(Math.max(...usual)).toBe(9_000);
  });

  it('of an agent that does not run is refused, and changes nothing', async () => {
    const { register, command, events, path } = rig();
    await register();
    events();
    for (const type of ['stop', 'kill'])
      expect(await command(type)).toMatchObject({ refusal: { code: 'AGENT_NOT_RUNNING' } });
    expect([events(), await path()]).toEqual([[], 'registered']);
  });

  it('is answered with the record once the body has ended', async () => {
    const { running, command, exit, resolved } = rig();
    await running();
    expect(await command('kill', { token: 't' })).toBe('pending');
    expect(resolved()).toEqual([]);
    await exit('killed');
    expect(resolved()).toMatchObject([['t', { value: { id: 'ada', status: 'crashed' } }]]);
    expect(await command('kill', { token: 't' })).toMatchObject({
      refusal: { code: 'AGENT_NOT_RUNNING' },
    });
  });
});

describe('its wake', () => {
  it('is asked for once for what is due first, and one that was replaced does nothing', async () => {
    const { register, command, does, sent, path, forget } = rig({ spec: { startTimeoutMs: 100 } });
    await register();
    forget();
    await command('start', { token: 't' }, 5);
    const wakes = () => sent().filter(({ to }) => to === 'agent ada wake');
    expect(wakes()).toEqual([{ to: 'agent ada wake', given: { at: 105 }, delay: 100 }]);
    await does('wake', { at: 104 });
    expect([wakes(), await path()]).toMatchObject([[], 'alive.starting.initializing']);
    await does('wake', { at: 105 });
    expect(await path()).not.toBe('alive.starting.initializing');
  });
});

describe('a restart', () => {
  const RESTART = { policy: 'immediate', delayMs: 10 } as const;

  it('asks for a permit; granted at once it begins, else when it is told', async () => {
    const { running, exit, does, path, sent, called } = rig({ spec: { restart: RESTART } });
    await running();
    await exit('killed', 1);
    const [wake] = sent().filter(({ to }) => to === 'agent ada wake');
    expect(wake).toMatchObject({ given: { at: 11 }, delay: 10 });
    await does('wake', { at: 11 });
    expect(called().filter(({ to }) => to.startsWith('nodes'))).toMatchObject([
      { to: 'nodes fleet requestRestart', given: { agentId: 'ada', incarnation: 2 } },
    ]);
    expect(await path()).toBe('crashed.queued');
    sent();
    // The nodes know it as one that waits for its second life: what is given back would be that.
    await does('permit', { placement: PLACED.placement, incarnation: 1 });
    expect(await path()).toBe('crashed.queued');
    expect(sent().filter(({ to }) => to.startsWith('nodes'))).toEqual([]);
    await does('permit', { placement: PLACED.placement, incarnation: 2 });
    expect(await path()).toBe('alive.starting.initializing');
    expect(mailOf(sent())).toEqual([[1, 'open']]);
  });

  it('that a caller starts while its permit is on the way keeps the place that it runs on', async () => {
    const { running, exit, does, command, path, sent } = rig({ spec: { restart: RESTART } });
    await running();
    await exit('killed', 1);
    await does('wake', { at: 11 });
    await command('start', { token: 't' });
    sent();
    await does('permit', { placement: { node: 'other', epoch: 'e' }, incarnation: 2 });
    expect(await path()).toBe('alive.starting.initializing');
    expect(sent().filter(({ to }) => to.startsWith('nodes'))).toEqual([]);
  });

  it('that waits for a permit when the chart changes gives that back, and asks again at once', async () => {
    const { running, exit, does, kept, keep, path, sent, called } = rig({ spec: { restart: RESTART } });
    await running();
    await exit('killed', 1);
    await does('wake', { at: 11 });
    keep('agent', { ...(kept('agent') as object), chart: 'another' });
    for (const all of [sent, called]) all();
    await does('permit', { placement: PLACED.placement, incarnation: 2 });
    const [back, wake] = sent();
    expect(back).toEqual({ to: 'nodes fleet giveBack', given: { agentId: 'ada', incarnation: 2 } });
    expect(wake).toMatchObject({ to: 'agent ada wake' });
    await does('wake', wake!.given);
    expect(called().filter(({ to }) => to.startsWith('nodes'))).toMatchObject([
      { to: 'nodes fleet requestRestart', given: { agentId: 'ada', incarnation: 2 } },
    ]);
    expect(await path()).toBe('crashed.queued');
  });

  it('that is granted at once withdraws nothing, and frees its permit when it runs', async () => {
    const { running, exit, does, sent, answers, opened, ready, path } = rig({ spec: { restart: RESTART } });
    await running();
    await exit('killed', 1);
    answers['nodes fleet requestRestart'] = PLACED.placement;
    sent();
    await does('wake', { at: 11 });
    expect([await path(), sent().filter(({ to }) => to.startsWith('nodes'))]).toEqual([
      'alive.starting.initializing',
      [],
    ]);
    opened();
    await ready();
    expect(sent().filter(({ to }) => to.startsWith('nodes'))).toEqual([
      { to: 'nodes fleet stands', given: { agentId: 'ada', incarnation: 2, hasPermit: true } },
    ]);
  });

  it('that is stopped while it waits for a permit withdraws that', async () => {
    const { running, exit, does, command, sent } = rig({ spec: { restart: RESTART } });
    await running();
    await exit('killed', 1);
    await does('wake', { at: 11 });
    sent();
    await command('stop', { token: 't' });
    expect(sent().filter(({ to }) => to.startsWith('nodes'))).toEqual([
      { to: 'nodes fleet withdraw', given: { agentId: 'ada' } },
    ]);
  });
});

describe('one that takes part in coordination', () => {
  it('says so before its start is answered, and that it does no more when it stops', async () => {
    const { register, command, opened, ready, called, forget, sent } = rig({ definition: leader });
    await register();
    await command('start', { token: 't' });
    opened();
    forget();
    await ready();
    const stands = () => called().filter(({ to }) => to === 'nodes fleet stands');
    expect(stands()).toMatchObject([
      { given: { agentId: 'ada', incarnation: 1, voter: { variables: ['rate'] }, hasPermit: false } },
    ]);
    await command('stop', { token: 't' });
    const [stood] = stands();
    expect(stood).toMatchObject({ given: { agentId: 'ada', hasPermit: false } });
    expect(stood!.given).not.toHaveProperty('voter');
    expect(sent().filter(({ to }) => to === 'nodes fleet stands')).toEqual([]);
  });

  it.each([
    [false, []],
    [true, ['nodes fleet stands']],
  ])('without variables does so where it may lead: %s', async (leadershipEligible, wanted) => {
    const { register, command, opened, ready, called, forget } = rig({
      spec: { coordination: { leadershipEligible } },
    });
    await register();
    await command('start', { token: 't' });
    opened();
    forget();
    await ready();
    expect(
      called()
        .map(({ to }) => to)
        .filter((to) => to.endsWith('stands')),
    ).toEqual(wanted);
  });
});

describe('the loss of its node', () => {
  const restart = { policy: 'immediate', delayMs: 10 } as const;
  it('is that of the node and the life that it is on; anything else is stale, and what comes with it goes back', async () => {
    const { running, does, path, sent } = rig({ spec: { restart } });
    await running();
    const offer = { occupant: {}, place: PLACED.placement };
    await does('lost', { node: 'other', incarnation: 1, at: 1, offer });
    await does('lost', { node: 'n', incarnation: 2, at: 1, offer });
    expect(await path()).toBe('alive.serving.running.coordinated.idle');
    expect(sent()).toEqual([
      { to: 'nodes fleet giveBack', given: { agentId: 'ada', incarnation: 2 } },
      { to: 'nodes fleet giveBack', given: { agentId: 'ada', incarnation: 3 } },
    ]);
  });

  it('is its end: its tasks that may not be done again are unknown, and it begins elsewhere', async () => {
    const { running, execute, does, resolved, path } = rig({ spec: { restart } });
    await running();
    await execute();
    await does('lost', { node: 'n', incarnation: 1, at: 1 });
    expect(resolved()).toMatchObject([['caller', { refusal: { code: 'TASK_ABANDONED' } }]]);
    expect(await path()).toMatch(/^crashed/);
  });
});

describe('a member of a pool', () => {
  it('tells its pool of each change, once, and also that it refused a task', async () => {
    const { register, command, sent, execute, opened, ready } = rig({ spec: { pool: 'p' } });
    const news = () =>
      sent()
        .filter(({ to }) => to === 'pool p member')
        .map(({ given }) => (given as { news: { path: string; heard: number; holds: number[] } }).news);
    await register();
    expect(news()).toMatchObject([{ path: 'registered', heard: 0 }]);
    await command('start', { token: 't' });
    opened();
    await ready();
    expect(news().at(-1)).toMatchObject({ takesWork: true, holds: [] });
    await command('coordinate', { turns: 0 });
    expect(news()).toEqual([]);
    await execute({ terms: { pool: 1 } });
    expect(news()).toMatchObject([{ heard: 1, holds: [1] }]);
    expect(await execute({ type: 'none', terms: { pool: 2 } })).toHaveProperty('refusal');
    expect(news()).toMatchObject([{ heard: 2, holds: [1] }]);
    expect(await execute({ type: 'none' })).toHaveProperty('refusal');
    await execute({ terms: { pool: 1 } });
    expect(news()).toMatchObject([{ heard: 2, holds: [1, 1] }]);
  });
});

describe('one that is forgotten', () => {
  it('does not run: while it does that is refused', async () => {
    const { running, command, path } = rig();
    await running();
    expect(await command('forget')).toMatchObject({ refusal: { code: expect.any(String) as unknown } });
    expect(await path()).toMatch(/^alive\.serving/);
  });

  it('leaves nothing: no state, no entry in the list; its children end by their rules', async () => {
    const { running, command, exit, forget, keys, called, sent, resolved, types } = rig();
    await running();
    const adopt = (id: string, rule: string) => command('adopt', { child: { id, rule } });
    expect([await adopt('kid', 'stop'), await adopt('free', 'detach')]).toEqual([
      { value: true },
      { value: true },
    ]);
    await exit('normal');
    expect(sent().filter(({ to }) => to.startsWith('agent'))).toMatchObject([
      { to: 'agent kid command', given: { type: 'stop' } },
    ]);
    forget();
    await command('forget', { token: 't' });
    expect(keys()).toEqual([]);
    expect(called()).toMatchObject([{ given: { id: 'ada', look: null } }]);
    expect(types()).toContain('agent.forgotten');
    expect(resolved()).toEqual([]);
    expect(await adopt('late', 'stop')).toMatchObject({ refusal: { code: 'AGENT_NOT_FOUND' } });
  });
});

describe('a change of its spec', () => {
  it('is made of the revision that it was worked out from, or not at all', async () => {
    const { running, command, lookedAt, types } = rig();
    await running();
    const { record, manifest, revision } = await lookedAt();
    const change = (of: number) =>
      command('update', { spec: record.spec, manifest, changes: [], revision: of });
    expect(await change(revision + 1)).toEqual({ value: false });
    expect(types()).toEqual([]);
    expect(await change(revision)).toEqual({ value: true });
    expect(await change(revision)).toEqual({ value: false });
    expect(types()).toEqual(['agent.updated']);
  });
});

describe('a pause', () => {
  it('is answered when it is paused, and its list says so before that', async () => {
    const { running, command, does, called } = rig();
    await running();
    expect(await command('pause', { by: 'ann', token: 'p' })).toMatchObject({
      value: { paused: { by: 'ann' } },
    });
    expect(called()).toMatchObject([{ given: { id: 'ada', look: { record: { paused: {} } } } }]);
    expect(await does('look')).toMatchObject({ record: { paused: { by: 'ann' } } });
    expect(await command('pause', { token: 'p' })).toMatchObject({
      refusal: { code: 'AGENT_ILLEGAL_COMMAND' },
    });
    const { value } = (await command('resume', { token: 'r' })) as { value: object };
    expect(value).not.toHaveProperty('paused');
  });
});

describe('a snapshot of another version of the chart', () => {
  it.each([
    ['command', { type: 'coordinate', turns: 0, at: 0 }],
    ['report', { incarnation: 1, first: 9, reports: [], at: 0 }],
    ['quota', { quota: 'model', parked: null, at: 0 }],
    ['lost', { node: 'other', incarnation: 1, at: 0 }],
    ['lost', { node: 'n', incarnation: 1, at: 0 }],
  ])('goes on under this one with the next step: %s %o', async (handler, given) => {
    const { does, chart } = await changed();
    expect(await does('look')).toMatchObject({ chart: agentChartHash() });
    expect(chart()).toBe('another');
    await does(handler, given);
    expect(chart()).toBe(agentChartHash());
  });

  it('goes on under this one when it is woken', async () => {
    const { keep, kept, does, chart } = await changed();
    keep('agent', { ...(kept('agent') as object), wakeAt: 5 });
    await does('wake', { at: 5 });
    expect(chart()).toBe(agentChartHash());
  });

  it('that has no place here is left as it is: what has come for it comes again in a second', async () => {
    const { does, sent, chart, command } = await unread();
    const batch = { incarnation: 1, first: 9, reports: [], at: 0 };
    expect(await does('report', batch)).toEqual({
      isAlive: true,
      isWatched: false,
      answers: [],
      isUnread: true,
    });
    await does('wake', { at: 5 });
    await does('quota', { quota: 'model', parked: null, at: 7 });
    const lost = { node: 'n', incarnation: 1, at: 0 };
    await does('lost', lost);
    const permit = { placement: PLACED.placement, incarnation: 2 };
    await does('permit', permit);
    const ofTasks = [
      { type: 'calledTask', taskId: 'ada/task-1', called: 'bob/task-1', joined: 1, chain: ['ada/task-1'] },
      { type: 'leaveTask', taskId: 'ada/task-1', caller: 'bob/task-1', joined: 1 },
      { type: 'calledOver', taskId: 'ada/task-1', called: 'bob/task-1', joined: 1 },
      { type: 'awaitedTask', taskId: 'ada/task-1', caller: 'bob/task-1', chain: ['bob/task-1'] },
    ];
    for (const news of ofTasks) await does('command', { ...news, at: 7 });
    expect(sent()).toEqual([
      { to: 'agent ada wake', given: { at: 5 }, delay: 1_000 },
      { to: 'agent ada quota', given: { quota: 'model', parked: null, at: 7 }, delay: 1_000 },
      { to: 'agent ada lost', given: lost, delay: 1_000 },
      { to: 'agent ada permit', given: permit, delay: 1_000 },
      ...ofTasks.map((given) => ({ to: 'agent ada command', given, delay: 1_000 })),
    ]);
    expect(await command('stop')).toMatchObject({ refusal: { code: 'STORE_FAILED' } });
    expect(await does('look', { takesRefusal: true })).toMatchObject({ refusal: { code: 'STORE_FAILED' } });
    await expect(does('look')).rejects.toThrow('its snapshot is of chart another');
    expect(chart()).toBe('another');
  });
});

describe('what a body has told', () => {
  it('of a former life, or that it was not asked for, is counted as dropped', async () => {
    const agent = rig();
    await agent.running();
    const late = { node: 'n', incarnation: 0, first: 1, at: 0 };
    await agent.does('report', { ...late, reports: [{ type: 'finished' }, { type: 'finished' }] });
    await agent.report([{ type: 'dropped' }]);
    expect(await metricsOf(agent)).toMatchObject({ dropped: 3 });
  });

  it('of its use is over with its life: with its end, and with its node', async () => {
    for (const end of [
      (agent: ReturnType<typeof rig>) => agent.exit('normal'),
      (agent: ReturnType<typeof rig>) => agent.does('lost', { node: 'n', incarnation: 1, at: 0 }),
    ]) {
      const agent = rig();
      await agent.running();
      await agent.report([], 0, { usage: { memoryBytes: 5 } });
      expect(await metricsOf(agent)).toMatchObject({ memoryBytes: 5 });
      await end(agent);
      expect(await metricsOf(agent)).not.toHaveProperty('memoryBytes');
    }
  });

  it('of a health check that is missed makes it unresponsive, and the next that passes makes it run again', async () => {
    const { running, report, lookedAt, exit } = rig();
    await running();
    const health = { status: 'healthy', misses: 0 } as const;
    await report([{ type: 'health', health: { status: 'unknown', misses: 1 }, verdict: 'missed' }]);
    expect((await lookedAt()).record).toMatchObject({ status: 'unresponsive', health: { misses: 1 } });
    await report([{ type: 'health', health, verdict: 'passed' }]);
    expect((await lookedAt()).record).toMatchObject({ status: 'running', health });
    await exit('normal');
    expect((await lookedAt()).record.health).toEqual({ status: 'not_running', misses: 0 });
  });
});

describe('a step of a task', () => {
  it('is kept with those before it, given to the next attempt, and dropped with the task', async () => {
    const { running, execute, report, sent, does, opened, ready, keys, answers, resolved } = rig({
      spec: { restart: { policy: 'immediate', delayMs: 10 } },
    });
    await running();
    await execute({ type: 'again', input: 3 });
    const { taskId } = taskOf(sent());
    const step = (requestId: number, key: string) =>
      report([
        { type: 'request.made', requestId, taskId, name: 'task.step', args: { key, value: `of ${key}` } },
      ]);
    expect(await step(1, 'a')).toMatchObject({
      answers: [{ type: 'request.answered', requestId: 1, taskId }],
    });
    await step(2, 'b');
    expect(keys()).toContain(`steps ${taskId}`);
    answers['nodes fleet requestRestart'] = PLACED.placement;
    await does('lost', { node: 'n', incarnation: 1, at: 1 });
    opened();
    sent();
    await ready();
    expect(taskOf(sent())).toMatchObject({
      type: 'task.run',
      taskId,
      input: 3,
      attempt: 2,
      steps: [
        ['a', 'of a'],
        ['b', 'of b'],
      ],
    });
    await report([{ type: 'task.completed', taskId, output: 1 }]);
    expect(resolved().at(-1)).toEqual(['caller', { value: 1 }]);
    expect(keys().filter((key) => key.startsWith('steps') || key.startsWith('input'))).toEqual([]);
  });
});

describe('one that shares a limit', () => {
  it('asks how that stands before it takes tasks, is parked by the answer, and goes on when it is told', async () => {
    const parked = { at: 0, until: 50, why: 'full', quota: 'model' };
    const { register, command, opened, ready, called, answers, path, does, sent, exit, execute, report } =
      rig({
        spec: { quota: 'model' },
      });
    answers['quota model join'] = parked;
    await register();
    await command('start', { token: 't' });
    opened();
    called();
    await ready();
    expect(called()).toContainEqual({ to: 'quota model join', given: { agentId: 'ada', load: 0 } });
    expect(await path()).toMatch(/parked$/);
    await execute();
    sent();
    await does('quota', { quota: 'model', parked: null, at: 50 });
    expect(await path()).not.toMatch(/parked$/);
    const [mail] = sent().filter(({ to }) => to.startsWith('host'));
    const { taskId } = (mail!.given as { messages: { taskId: string }[] }).messages[0]!;
    await report([{ type: 'task.completed', taskId, output: 1 }]);
    await exit('normal');
    expect(sent().filter(({ to }) => to === 'quota model told')).toEqual([
      { to: 'quota model told', given: { agentId: 'ada', load: 0, message: { type: 'passed' } } },
      { to: 'quota model told', given: { agentId: 'ada', load: 0, message: { type: 'part' } } },
    ]);
  });
});

describe('a wake that is on its way', () => {
  it('serves what is due later, too: there is one at the most', async () => {
    const { running, execute, sent } = rig();
    await running();
    await execute({ timeoutMs: 60_000 });
    expect(sent().filter(({ to }) => to.endsWith('wake'))).toEqual([]);
    await execute({ timeoutMs: 20_000 }, { token: 'second' });
    expect(sent().filter(({ to }) => to.endsWith('wake'))).toEqual([
      { to: 'agent ada wake', given: { at: 20_000 }, delay: 20_000 },
    ]);
  });
});

describe('a move', () => {
  it('ends its body in order, keeps taking tasks, and begins where there is room, now or later', async () => {
    const { running, command, exit, sent, path, execute, called, answers, does, opened, ready } = rig();
    await running();
    await command('move');
    expect(mailOf(sent())).toHaveLength(1);
    expect(await command('awaitEnd', { token: 'e' })).toMatchObject({ value: { id: 'ada' } });
    expect(await execute()).toBe('pending');
    await exit({ shutdown: 'requested' });
    expect(sent()).toContainEqual({ to: 'agent ada command', given: { type: 'moveOn' } });
    called();
    await command('moveOn');
    expect(called()).toMatchObject([{ to: 'nodes fleet requestRestart', given: { incarnation: 2 } }]);
    expect(await path()).toBe('stopped');
    answers['nodes fleet requestRestart'] = PLACED.placement;
    await command('moveOn');
    expect(await path()).toBe('alive.starting.initializing');
    opened();
    sent();
    await ready();
    expect(mailOf(sent())).toEqual([[2, 'task.run']]);
    await command('moveOn');
    await does('look');
    expect(called().filter(({ to }) => to.endsWith('requestRestart'))).toHaveLength(1);
  });

  it('of one that starts begins once it runs: its starter hears that it has started', async () => {
    const { register, command, exit, sent, path, opened, ready, resolved } = rig();
    await register();
    await command('start', { token: 'starter' });
    opened();
    await command('move');
    expect(await path()).toBe('alive.starting.initializing');
    await ready();
    expect(resolved()).toEqual([['starter', { value: 1 }]]);
    expect(await path()).toMatch(/^alive\.stopping\./);
    await exit({ shutdown: 'requested' });
    expect(sent()).toContainEqual({ to: 'agent ada command', given: { type: 'moveOn' } });
  });

  it('of one that starts is over where that start fails: its next body is elsewhere, and stays', async () => {
    const { register, command, exit, path, opened, ready } = rig();
    await register();
    await command('start', { token: 'starter' });
    opened();
    await command('move');
    await exit('killed');
    await command('start', { token: 'starter' });
    opened();
    await ready();
    expect(await path()).toMatch(/^alive\.serving\.running/);
  });
});

it('a task that runs is not retried', async () => {
  const { running, submit, command } = rig();
  await running();
  const taskId = await submit();
  expect(await command('retryTask', { taskId })).toMatchObject({
    refusal: { code: 'AGENT_ILLEGAL_COMMAND' },
  });
});

/** Laws of the object that keeps one pool: what each of its steps answers, sends and keeps, over state that is data. */
import { TerminalError } from '@restatedev/restate-sdk';
import { describe, expect, it } from 'vitest';
import { defineAgent } from '../../src/index.ts';
import { poolSpec, scalingPolicy } from '../../src/machines/index.ts';
import type { MemberNews } from '../../src/restate/pools/pool-members.ts';
import { poolCrewOf, poolObjectOf } from '../../src/restate/pools/pool-object.ts';
import { SignalCode } from '../../src/restate/pools/scaling-signals.ts';
import { manifestOf } from '../../src/runtime/definition/manifest.ts';
import { objectContext, type Sent } from './object-context.ts';

const run = (): number => 0;
const code = new SignalCode([]);
const manifest = manifestOf(defineAgent({ type: 'worker', init: run, tasks: { work: { run } } }));
const spec = { module: { type: 'worker' }, tasks: { concurrency: 1 }, resources: {}, shutdownMs: 5_000 };
const news = (id: string, holds: readonly number[] = []): MemberNews => ({
  id,
  path: 'alive.serving.running.coordinated.idle',
  incarnation: 1,
  takesWork: true,
  holds,
  heard: holds.at(-1) ?? 0,
  reason: undefined,
  done: 0,
  abandoned: [],
});
const node = (name: string, more: object) => ({
  name,
  labels: {},
  types: ['worker'],
  maxAgents: 10,
  maxMemoryBytes: 1_000,
  isDraining: false,
  agents: 8,
  memoryBytes: 0,
  ...more,
});
const of = (sent: readonly Sent[], service: string) =>
  sent
    .filter(({ to }) => to.startsWith(service))
    .map(({ to, given }) => [to.replace(`${service} `, ''), given]);

/** What takes time, of any pool. */
function crew(answers: Record<string, unknown>, asked: (to: string) => void = () => {}) {
  const answer = (to: string) => {
    asked(to);
    if (answers[to] instanceof Error) throw answers[to];
    return answers[to] ?? {};
  };
  const object = objectContext(
    { object: (poolCrewOf(code) as unknown as { service: object }).service },
    { answer },
  );
  object.at(9);
  return object;
}

const { spec: _, name: __, ...poolFields } = poolSpec.parse({ name: 'p', spec: {}, min: 1, max: 3 });

function rig(fields: object = {}, answer?: (to: string) => unknown) {
  const object = objectContext(poolObjectOf(code), { key: 'p', ...(answer && { answer }) });
  const { does, sent, called, resolved, events } = object;
  const pool = { ...poolFields, ...fields };
  const command = (type: string, more: object = {}, at = 0) =>
    does('command', { type, at, token: type, ...more });
  const clear = () => {
    for (const all of [sent, called, resolved, events]) all();
  };
  return {
    ...object,
    clear,
    command,
    create: () => command('create', { pool, spec, manifest, by: 'ann' }),
    member: (id: string, holds: readonly number[] = [], more: object = {}) =>
      does('member', { news: { ...news(id, holds), ...more }, at: 0 }),
    /** It is open, with its first members. */
    opened: async (count = 1) => {
      await command('create', { pool, spec, manifest });
      for (let n = 1; n <= count; n++) {
        await does('broughtUp', { id: `p-${n}`, failure: null, at: 0 });
        await does('member', { news: news(`p-${n}`), at: 0 });
      }
      clear();
    },
    record: () => does('record') as Promise<Record<string, unknown> | null>,
    execute: (token: string, work: object = {}) =>
      does('command', { type: 'execute', at: 0, token, work: { type: 'work', submitted: false, ...work } }),
  };
}

describe('a pool that is not there', () => {
  it('is refused by its name, and lists nothing', async () => {
    const { command, does, resolved, sent, keys } = rig();
    for (const type of ['resize', 'close', 'execute']) await command(type);
    const refusal = { code: 'POOL_UNKNOWN', details: { pool: 'p' } };
    expect(resolved()).toMatchObject([
      ['resize', { refusal }],
      ['close', { refusal }],
      ['execute', { refusal }],
    ]);
    expect([await does('record'), await does('tasks', {})]).toEqual([null, []]);
    await does('wake', { at: 0 });
    await does('member', { news: news('p-1'), at: 0 });
    expect([sent(), keys()]).toEqual([[], []]);
  });

  it('answers the callers of its tasks all the same', async () => {
    const { does, resolved } = rig();
    await does('taskEnded', { number: 1, token: 't', answer: { value: 3 }, at: 0 });
    expect(resolved()).toEqual([['t', { value: 3 }]]);
  });
});

describe('a pool that is made', () => {
  it('brings up its members, and is answered once they run', async () => {
    const { create, does, sent, resolved, called, member } = rig();
    await create();
    const [brought] = of(sent(), 'crew');
    expect(brought).toEqual([
      'bringUp',
      { pool: 'p', id: 'p-1', spec: { ...spec, id: 'p-1', pool: 'p' }, manifest, at: 0 },
    ]);
    expect(resolved()).toEqual([]);
    await does('broughtUp', { id: 'p-1', failure: null, at: 0 });
    await member('p-1');
    expect(resolved()).toEqual([['create', { value: 'p' }]]);
    // It is listed so before its caller hears of it.
    expect(
      called()
        .filter(({ to }) => to.startsWith('registry'))
        .at(-1),
    ).toMatchObject({ given: { id: 'p', look: { record: { name: 'p' } } } });
  });

  it('is listed before its caller hears of it, also where it needs no members', async () => {
    const heard: unknown[] = [];
    const pool = rig({ min: 0 }, (to) => heard.push(to, ...pool.resolved()));
    await pool.create();
    expect(heard).toEqual(['registry pools put']);
    expect(pool.resolved()).toEqual([['create', { value: 'p' }]]);
  });

  it('tells who asked for it, and for another size; what its members report is no event', async () => {
    const { create, does, command, member, events } = rig();
    await create();
    await does('broughtUp', { id: 'p-1', failure: null, at: 5 });
    await member('p-1');
    const scaled = { type: 'pool.scaled', pool: 'p' };
    expect(events()).toEqual([{ ...scaled, from: 0, to: 1, why: 'created', by: 'ann', at: 5 }]);
    await command('resize', { size: 2, by: 'bob' }, 7);
    expect(events()).toEqual([{ ...scaled, from: 1, to: 2, why: 'ensureSize', by: 'bob', at: 7 }]);
    await member('p-1');
    expect(events()).toEqual([]);
  });

  it('is listed anew by a message where nobody waits for an answer: its object never waits', async () => {
    const { opened, member, called, sent } = rig();
    await opened();
    await member('p-1', [], { done: 1 });
    expect(called()).toEqual([]);
    expect(of(sent(), 'registry')).toMatchObject([['pools put', { id: 'p', look: { record: { live: 1 } } }]]);
  });

  it('a second time is refused, and stays as it was', async () => {
    const { opened, create, resolved, record, sent } = rig();
    await opened();
    const before = await record();
    await create();
    expect(resolved()).toMatchObject([['create', { refusal: { code: 'AGENT_SPEC_INVALID' } }]]);
    expect([await record(), sent()]).toEqual([before, []]);
  });
});

describe('a size', () => {
  it.each([0, 4, 1.5])('of %d, which it may not have, is refused', async (size) => {
    const { opened, command, resolved, sent } = rig();
    await opened();
    await command('resize', { size });
    expect(resolved()).toEqual([
      [
        'resize',
        {
          refusal: {
            code: 'AGENT_SPEC_INVALID',
            message: `ensureSize: size: expected 1 to 3 (min to max), got ${size}`,
          },
        },
      ],
    ]);
    expect(sent()).toEqual([]);
  });

  it('up to its largest, and down to its least, is reached by members that come and go', async () => {
    const { opened, command, does, sent, resolved, member } = rig();
    await opened();
    await command('resize', { size: 3 });
    expect(of(sent(), 'crew').map(([what, given]) => [what, (given as { id: string }).id])).toEqual([
      ['bringUp', 'p-2'],
      ['bringUp', 'p-3'],
    ]);
    for (const id of ['p-2', 'p-3']) {
      await does('broughtUp', { id, failure: null, at: 0 });
      await member(id);
    }
    expect(resolved()).toMatchObject([['resize', { value: { members: { length: 3 } } }]]);
    await command('resize', { size: 1 });
    expect(of(sent(), 'crew').map(([what]) => what)).toEqual(['dismiss', 'dismiss']);
  });
});

describe('a task', () => {
  it('goes to a free member by its number, as one that waits for it, and its end frees it', async () => {
    const { opened, execute, sent, member, does } = rig();
    await opened();
    await execute('a', { input: 7, terms: { callId: 'c' } });
    expect(of(sent(), 'agent')).toEqual([
      [
        'p-1 command',
        {
          type: 'execute',
          at: 0,
          token: 'a',
          isAwaited: true,
          work: {
            type: 'work',
            input: 7,
            submitted: false,
            whenDown: 'wait',
            terms: { callId: 'c', pool: 1 },
          },
        },
      ],
    ]);
    await member('p-1', [1]);
    await execute('b');
    expect(of(sent(), 'agent')).toEqual([]);
    expect(await does('tasks', {})).toMatchObject([{ task: 'work', status: 'waiting' }]);
    expect(await does('tasks', { type: 'other' })).toEqual([]);
    await member('p-1', [], { heard: 1, done: 1 });
    expect(of(sent(), 'agent')).toMatchObject([
      ['p-1 command', { token: 'b', work: { terms: { pool: 2 } } }],
    ]);
    expect(await does('tasks', {})).toEqual([]);
  });

  it('of a kind that its members have not is refused, and takes no member', async () => {
    const { opened, execute, resolved, sent } = rig();
    await opened();
    await execute('a', { type: 'none' });
    expect(resolved()).toMatchObject([['a', { refusal: { code: 'TASK_INCOMPATIBLE' } }]]);
    expect(of(sent(), 'agent')).toEqual([]);
  });

  it('whose priority is no number is refused', async () => {
    const { opened, execute, resolved } = rig();
    await opened();
    await execute('a', { priority: 'high' });
    expect(resolved()).toMatchObject([['a', { refusal: { code: 'TASK_INPUT_INVALID' } }]]);
  });

  it('that waits is cancelled by its number, once, with the reason that is given', async () => {
    const { opened, execute, command, member, resolved } = rig();
    await opened();
    await execute('a');
    await member('p-1', [1]);
    await execute('b');
    await command('cancelTask', { number: 2, why: 'too late' }, 30);
    const message = 'task work of pool p was abandoned: too late';
    const error = { name: 'Error', message: 'too late' };
    expect(resolved()).toMatchObject([
      ['b', { refusal: { code: 'TASK_ABANDONED', message } }],
      ['cancelTask', { value: { status: 'cancelled', endedAt: 30, error } }],
    ]);
    await command('cancelTask', { number: 2, why: 'again' });
    expect(resolved()).toMatchObject([['cancelTask', { refusal: { code: 'TASK_UNKNOWN' } }]]);
  });

  it('that may be done again goes to a member by the crew, and its end is answered by the pool', async () => {
    const again = manifestOf(
      defineAgent({ type: 'worker', init: run, tasks: { work: { run, retry: 'on_host_loss' } } }),
    );
    const { command, does, member, execute, sent, resolved, clear } = rig();
    await command('create', { pool: { ...poolFields, retryAbandoned: 1 }, spec, manifest: again });
    await does('broughtUp', { id: 'p-1', failure: null, at: 0 });
    await member('p-1');
    clear();
    await execute('a', { input: 7 });
    const asked = { type: 'execute', at: 0, work: { input: 7, whenDown: 'wait', terms: { pool: 1 } } };
    expect(of(sent(), 'crew')).toMatchObject([
      ['run', { pool: 'p', id: 'p-1', number: 1, token: 'a', asked }],
    ]);
    await does('taskEnded', { number: 1, token: 'a', answer: { value: 3 }, at: 1 });
    expect(resolved()).toEqual([['a', { value: 3 }]]);
  });

  it('is asked for as a command, whose answer is awaited', async () => {
    const { does, sent } = rig();
    const answer = await does('ask', { type: 'execute', work: { type: 'work' } });
    const command = { type: 'execute', work: { type: 'work' }, token: 'awaited' };
    expect([answer, sent()]).toEqual(['its answer', [{ to: 'pool p command', given: command }]]);
  });

  it('that its caller gives up is cancelled with the member that has it, or while it waits', async () => {
    const { opened, execute, command, sent, resolved, member, does } = rig();
    await opened();
    await execute('a', { terms: { callId: 'c' } });
    await member('p-1', [1]);
    await execute('b', { terms: { callId: 'd' } });
    sent();
    await command('cancelCall', { callId: 'c', reason: { cause: 1 } });
    expect(of(sent(), 'agent')).toEqual([
      ['p-1 command', { type: 'cancelCall', callId: 'c', reason: { cause: 1 }, at: 0 }],
    ]);
    await command('cancelCall', { callId: 'd' });
    expect(resolved()).toMatchObject([
      ['cancelCall', {}],
      ['b', { refusal: { code: 'TASK_ABANDONED' } }],
      ['cancelCall', {}],
    ]);
    expect(await does('tasks', {})).toEqual([]);
  });
});

describe('its end', () => {
  it('refuses what comes, dismisses its members within their time, and leaves nothing once they are gone', async () => {
    const { opened, command, execute, sent, resolved, does, keys, called } = rig();
    await opened();
    await command('close', {}, 10);
    const [dismissed] = of(sent(), 'crew');
    expect(dismissed).toMatchObject(['dismiss', { pool: 'p', id: 'p-1', at: 10 }]);
    await execute('a');
    await command('resize', { size: 2 });
    const refusal = { code: 'POOL_UNKNOWN', message: 'pool p is closing' };
    expect(resolved()).toMatchObject([
      ['a', { refusal }],
      ['resize', { refusal }],
    ]);
    called();
    await does('dismissed', { id: 'p-1', isInOrder: true, at: 20 });
    expect(resolved()).toMatchObject([['close', { value: { stopped: ['p-1'], abandoned: [] } }]]);
    expect([keys(), called()]).toMatchObject([[], [{ given: { id: 'p', look: null } }]]);
  });
});

describe('its wake', () => {
  it('is for what is due first; one that was replaced, or comes twice, does nothing', async () => {
    const { opened, command, does, sent, kept, clear } = rig();
    await opened();
    await command('close', { timeoutMs: 1_000 }, 0);
    const [wake] = sent().filter(({ to }) => to === 'pool p wake');
    const { at } = wake!.given as { at: number };
    expect(wake!.delay).toBe(at);
    expect(kept('pool')).toMatchObject({ wakeAt: at });
    clear();
    await does('wake', { at: at - 1 });
    expect(of(sent(), 'agent')).toEqual([]);
    expect(kept('pool')).toMatchObject({ wakeAt: at });
    await does('wake', { at });
    const killed = { type: 'kill', at: 1_000 };
    const after = sent();
    expect([at, of(after, 'agent')]).toEqual([1_000, [['p-1 command', killed]]]);
    expect(after.at(-1)).toEqual({ to: 'pool p wake', given: { at: 2_000 }, delay: 1_000 });
    clear();
    await does('wake', { at });
    expect(of(sent(), 'agent')).toEqual([]);
  });

  it('is asked for once, whatever happens until then', async () => {
    const { opened, command, sent } = rig();
    const wakes = () => sent().filter(({ to }) => to === 'pool p wake');
    await opened();
    await command('close', { timeoutMs: 1_000 }, 0);
    expect(wakes()).toHaveLength(1);
    await command('close', { timeoutMs: 1_000 }, 1);
    expect(wakes()).toEqual([]);
  });
});

describe('a pool that grows by itself', () => {
  it('asks how much room there is for its members, and how busy it was until then', async () => {
    const { command, does, member, sent, record } = rig();
    const scale = scalingPolicy.parse({ intervalMs: 1_000 });
    await command('create', { pool: { ...poolFields, scale }, spec, manifest });
    await does('broughtUp', { id: 'p-1', failure: null, at: 0 });
    await member('p-1');
    // A quarter of the time until it looks.
    await command('execute', { work: { type: 'work', submitted: false } }, 750);
    await does('member', { news: news('p-1', [1]), at: 750 });
    sent();
    await does('wake', { at: 1_000 });
    const occupant = { type: 'worker', isModule: false, memoryBytes: 0 };
    expect(of(sent(), 'crew')).toMatchObject([['measure', { pool: 'p', look: 1, occupant }]]);
    await does('measured', { measured: { look: 1, admissible: 2, strain: {} }, at: 1_000 });
    const metrics = { size: 1, waiting: 0, busyShare: 0.25, admissible: 2, isSettled: true };
    expect(await record()).toMatchObject({ scaling: { metrics } });
  });
});

describe('the crew', () => {
  const refusal = { code: 'AGENT_START_FAILED', message: 'no' };

  it('registers and starts a member, and tells the pool how that went', async () => {
    const { does, called, sent } = crew({});
    await does('bringUp', { pool: 'p', id: 'p-1', spec, manifest, at: 3 });
    expect(called()).toEqual([
      { to: 'agent p-1 command', given: { type: 'register', spec, manifest, at: 3 } },
      { to: 'agent p-1 ask', given: { type: 'start' } },
    ]);
    expect(sent()).toEqual([{ to: 'pool p broughtUp', given: { id: 'p-1', failure: null, at: 9 } }]);
  });

  it.each(['agent p-1 command', 'agent p-1 ask'])('tells why a member is not there: %s', async (step) => {
    const { does, called, sent } = crew({ [step]: { refusal } });
    await does('bringUp', { pool: 'p', id: 'p-1', spec, manifest, at: 3 });
    expect(called()).toHaveLength(step.endsWith('ask') ? 2 : 1);
    expect(sent()).toEqual([{ to: 'pool p broughtUp', given: { id: 'p-1', failure: refusal, at: 9 } }]);
  });

  it('does a task, and tells the pool its end', async () => {
    const { does, called, sent } = crew({ 'agent p-1 ask': { value: 4 } });
    await does('run', { pool: 'p', id: 'p-1', number: 2, token: 't', asked: { type: 'execute' } });
    expect(called()).toEqual([{ to: 'agent p-1 ask', given: { type: 'execute' } }]);
    expect(sent()).toEqual([
      { to: 'pool p taskEnded', given: { number: 2, token: 't', answer: { value: 4 }, at: 9 } },
    ]);
  });

  it('tells that a member is gone only once it is forgotten', async () => {
    const early: unknown[] = [];
    const refused = { 'agent p-1 ask': { refusal } };
    const dismissing = crew(refused, () => early.push(...dismissing.sent()));
    await dismissing.does('dismiss', { pool: 'p', id: 'p-1', timeoutMs: 5 });
    expect([early, dismissing.sent()]).toMatchObject([[], [{ to: 'pool p dismissed' }]]);
  });

  const occupant = { type: 'worker', isModule: false, memoryBytes: 100, wish: {} };

  it('measures the room of all nodes, and of each strain that of the node that has least of it', async () => {
    const { does, called, sent } = crew({
      'nodes fleet list': [node('a', {}), node('b', { agents: 9 }), node('c', { memoryBytes: 900 })],
      'node_a serve': { memoryUsed: 0.5, loadPerCpu: 3 },
      'node_b serve': { memoryUsed: 0.7, loadPerCpu: 1 },
      'node_c serve': new Error('it does not answer'),
    });
    await does('measure', { pool: 'p', look: 4, occupant });
    expect(called()).toMatchObject([
      { to: 'nodes fleet list' },
      { to: 'node_a serve', given: { what: 'strain' } },
      { to: 'node_b serve' },
      { to: 'node_c serve' },
    ]);
    const measured = { look: 4, admissible: 4, strain: { memoryUsed: 0.5, loadPerCpu: 1 } };
    expect(sent()).toEqual([{ to: 'pool p measured', given: { measured, at: 9 } }]);
  });

  it('tells why nothing could be measured; what may pass is tried again', async () => {
    const { does, sent } = crew({ 'nodes fleet list': new TerminalError('no list') });
    await does('measure', { pool: 'p', look: 4, occupant });
    const measured = { look: 4, why: 'no list' };
    expect(sent()).toEqual([{ to: 'pool p measured', given: { measured, at: 9 } }]);
    const other = crew({ 'nodes fleet list': new Error('for now') });
    await expect(other.does('measure', { pool: 'p', look: 4, occupant })).rejects.toThrow('for now');
    expect(other.sent()).toEqual([]);
  });

  it.each([
    [{ value: { status: 'stopped', reason: { shutdown: 'requested' }, abandoned: [] } }, true],
    [{ value: { status: 'crashed', reason: 'killed' } }, false],
    [{ refusal }, false],
  ])('ends a member, forgets it, and tells whether it went in order: %o, %s', async (answer, isInOrder) => {
    const { does, called, sent } = crew({ 'agent p-1 ask': answer });
    await does('dismiss', { pool: 'p', id: 'p-1', timeoutMs: 5 });
    expect(called()).toEqual([
      { to: 'agent p-1 ask', given: { type: 'stop', timeoutMs: 5 } },
      { to: 'agent p-1 command', given: { type: 'forget' } },
    ]);
    expect(sent()).toEqual([{ to: 'pool p dismissed', given: { id: 'p-1', isInOrder, at: 9 } }]);
  });
});

/** Laws of the object that keeps one pool: what each of its steps answers, sends and keeps, over state that is data. */
import { describe, expect, it } from 'vitest';
import { defineAgent } from '../../src/index.ts';
import { poolSpec } from '../../src/machines/index.ts';
import type { MemberNews } from '../../src/restate/pools/pool-members.ts';
import { poolCrewOf, poolObjectOf } from '../../src/restate/pools/pool-object.ts';
import { SignalCode } from '../../src/restate/pools/scaling-signals.ts';
import { manifestOf } from '../../src/runtime/definition/manifest.ts';
import { objectContext, type Sent } from './object-context.ts';

const run = (): number => 0;
const code = new SignalCode([]);
const manifest = manifestOf(defineAgent({ type: 'worker', init: run, tasks: { work: { run } } }));
const spec = { tasks: { concurrency: 1 }, shutdownMs: 5_000 };
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
const of = (sent: readonly Sent[], service: string) =>
  sent
    .filter(({ to }) => to.startsWith(service))
    .map(({ to, given }) => [to.replace(`${service} `, ''), given]);

/** What takes time, of any pool. */
function crew(answers: Record<string, unknown>) {
  const object = objectContext(
    { object: (poolCrewOf(code) as unknown as { service: object }).service },
    { answer: (to) => answers[to] ?? {} },
  );
  object.at(9);
  return object;
}

function rig(fields: object = {}) {
  const object = objectContext(poolObjectOf(code), { key: 'p' });
  const { does, sent, called, resolved, events } = object;
  const { spec: _, name: __, ...pool } = poolSpec.parse({ name: 'p', spec: {}, min: 1, max: 3, ...fields });
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

/** Laws of the variables of a system: changes, those who hear of them, and what the next program finds. */
import { describe, expect, it } from 'vitest';
import { pino } from 'pino';
import { z } from 'zod';
import { defineAgent, memoryStore, type Store, variable, type VariableChange } from '../../src/index.ts';
import { manifestOf } from '../../src/runtime/definition/manifest.ts';
import type { VariableRegistry } from '../../src/runtime/coordination/variables/variables.ts';
import { scriptedHost } from '../../src/testing/index.ts';
import { codeOf, fateOf, gate, refusal, rig } from '../kit/rig.ts';
import { mortalStore } from '../kit/mortal-store.ts';

const lr = variable.float({ min: 0, max: 1, default: 0.1 });
const listener = defineAgent({
  type: 'listener',
  variables: ['lr'],
  init: ({ variables }) => ({ seen: [variables['lr']] }),
  onVariable: ({ value, state }) => void state.seen.push(value),
  tasks: { seen: { run: ({ state }) => state.seen }, now: { run: ({ variables }) => variables['lr'] } },
});
const deaf = defineAgent({ type: 'deaf', init: () => null, tasks: {} });

/** What no type keeps out: a function that is `async`, and fails. */
const rejecting = () => Promise.reject(new Error('mine')) as never;

/** Writes to every field, however deep, that lets itself be written. */
function forge(given: object): void {
  for (const [key, value] of Object.entries(given)) {
    if (typeof value === 'object' && value !== null) forge(value as object);
    else Reflect.set(given, key, 'forged');
  }
}

/** A store of which each method can be had alone. */
const bound = (store: Store): Store => ({
  isDurable: true,
  recover: () => store.recover(),
  append: (batch) => store.append(batch),
  read: (query) => store.read(query),
  state: (agentId) => store.state(agentId),
  close: () => store.close(),
});

describe('changes', () => {
  it('reach every agent that declared the variable, and no other', async () => {
    const { system, agents, eventsOf } = await rig();
    await system.variables.define('lr', lr);
    await agents.register({ id: 'a', module: listener });
    await agents.register({ id: 'b', module: listener });
    await agents.register({ id: 'c', module: deaf });
    for (const id of ['a', 'b', 'c']) await agents.start(id);
    expect(await system.variables.set('lr', 0.2)).toEqual({
      version: 2,
      acknowledged: ['a', 'b'],
      outOfDate: [],
    });
    expect(await agents.execute('a', { type: 'seen' })).toEqual([0.1, 0.2]);
    expect(eventsOf('variable.acknowledged').map(({ agentId, version }) => [agentId, version])).toEqual([
      ['a', 2],
      ['b', 2],
    ]);
  });

  it('are versions 1, 2, 3 …, each with who and why; a rollback is one more', async () => {
    const { system, clock } = await rig();
    await system.variables.define('lr', lr);
    await clock.advance(10);
    await system.variables.set('lr', 0.2, { by: 'trainer-1', why: 'better on fold 3' });
    await system.variables.set('lr', 0.3);
    await system.variables.rollback('lr', 2, { by: 'ops' });
    expect(
      system.variables.history('lr').map(({ version, value, by, why }) => ({ version, value, by, why })),
    ).toEqual([
      { version: 1, value: 0.1, by: 'definition', why: 'its default' },
      { version: 2, value: 0.2, by: 'trainer-1', why: 'better on fold 3' },
      { version: 3, value: 0.3, by: 'operator' },
      { version: 4, value: 0.2, by: 'ops', why: 'rollback to version 2' },
    ]);
    expect(await codeOf(system.variables.rollback('lr', 9))).toBe('VARIABLE_INVALID');
    expect(system.variables.get('lr')).toMatchObject({ version: 4, updatedAt: clock.now() });
  });

  it('are kept as history up to a bound, the newest of them', async () => {
    const { system } = await rig();
    await system.variables.define('n', variable.integer({ default: 0 }));
    for (let n = 1; n <= 150; n++) await system.variables.set('n', n);
    const history = system.variables.history('n');
    expect([history.length, history[0]?.value, history.at(-1)?.value]).toEqual([100, 51, 150]);
    expect(await codeOf(system.variables.rollback('n', 1))).toBe('VARIABLE_INVALID');
  });

  it('are heard by subscribers in order, whatever one of them throws', async () => {
    const { system } = await rig();
    const heard: VariableChange[] = [];
    system.variables.subscribe(() => {
      throw new Error('mine');
    });
    const stop = system.variables.subscribe((change) => heard.push(change));
    await system.variables.define('lr', lr);
    await system.variables.set('lr', 0.5, { by: 'me' });
    stop();
    await system.variables.set('lr', 0.6);
    expect(heard.map(({ version, value, previous, by }) => [version, value, previous, by])).toEqual([
      [1, 0.1, undefined, 'definition'],
      [2, 0.5, 0.1, 'me'],
    ]);
  });

  it('are heard by subscribers that reject, too: it is logged, and harms nobody', async () => {
    const lines: string[] = [];
    const logger = pino({ level: 'error' }, { write: (line: string) => lines.push(line) });
    const { system } = await rig({ logger });
    system.variables.subscribe(rejecting);
    await system.variables.define('lr', lr);
    await system.variables.set('lr', 0.5);
    expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual(
      Array(2).fill('a listener of variables threw'),
    );
  });

  it('stay what they were, whatever is done to what was handed out of them', async () => {
    const { system } = await rig();
    const { variables } = system;
    const heard: VariableChange[] = [];
    variables.subscribe((change) => forge(change));
    variables.subscribe((change) => heard.push({ ...change }));
    await variables.define('mode', variable.choice({ options: ['a', 'b'], default: 'a' }));
    await variables.set('mode', 'b', { by: 'me', why: 'better' });
    const before = [variables.get('mode'), variables.list(), variables.history('mode')];
    const kept = structuredClone(before);
    for (const given of before) forge(given);
    forge(variables.outOfDate('mode'));
    expect([variables.get('mode'), variables.list(), variables.history('mode')]).toEqual(kept);
    await variables.rollback('mode', 1);
    expect(variables.get('mode').value).toBe('a');
    expect(heard.map(({ version, value, previous, by }) => [version, value, previous, by])).toEqual([
      [1, 'a', undefined, 'definition'],
      [2, 'b', 'a', 'me'],
      [3, 'a', 'b', 'operator'],
    ]);
  });

  it('of unknown variables, or by malformed options, are refused', async () => {
    const { system } = await rig();
    await system.variables.define('lr', lr);
    const { code, message } = await refusal(system.variables.set('rl', 1));
    expect([code, message]).toEqual(['VARIABLE_UNKNOWN', 'no variable "rl" is defined, there are: lr']);
    for (const work of [
      () => system.variables.get('__proto__'),
      () => system.variables.history('x'),
      () => system.variables.outOfDate('x'),
    ]) {
      expect(await codeOf(work)).toBe('VARIABLE_UNKNOWN');
    }
    const unreadable = {
      get by(): string {
        throw new Error('a getter threw');
      },
    };
    for (const [options, problem] of [
      [null, /^variables\.set: options: .*got null$/],
      [{ who: 'me' }, /: options: who: unknown option \(there are: by, why, timeoutMs\), got "me"$/],
      [{ by: 5 }, /: options: by: .*got 5$/],
      [{ timeoutMs: 0 }, /: options: timeoutMs: .*got 0$/],
      [unreadable, /: options: it cannot be read: a getter threw$/],
    ] as const) {
      const refused = await refusal(system.variables.set('lr', 0.5, options as never));
      expect(refused.code).toBe('VARIABLE_INVALID');
      expect(refused.message).toMatch(problem);
    }
    expect(await codeOf(() => system.variables.subscribe(1 as never))).toBe('VARIABLE_INVALID');
    expect(await codeOf(system.variables.define('lr', lr))).toBe('VARIABLE_INVALID');
    expect(system.variables.get('lr').version).toBe(1);
  });

  it('that a failing store did not take are in force, and their caller is told so', async () => {
    const kept = memoryStore();
    let isDown = false;
    const store: Store = {
      ...bound(kept),
      append: (batch) => {
        if (isDown) throw new Error('disk full');
        return kept.append(batch);
      },
    };
    const { system, agents, clock } = await rig({ store });
    await system.variables.define('lr', lr);
    await agents.register({ id: 'a', module: listener });
    await agents.start('a');
    isDown = true;
    expect(await codeOf(system.variables.set('lr', 0.2))).toBe('STORE_FAILED');
    isDown = false;
    await clock.advance(1_000);
    expect(system.variables.get('lr')).toMatchObject({ value: 0.2, version: 2 });
    expect((await store.recover()).variables).toMatchObject([{ value: 0.2, version: 2 }]);
  });
});

/** Agents whose bodies say what a test has them say. */
async function scripted(patterns: Readonly<Record<string, 'sync' | 'async'>>) {
  const host = scriptedHost();
  const whole = await rig({ hosts: { 'in-process': host } });
  await whole.system.variables.define('lr', lr);
  const start = async (id: string, communicationPattern: 'sync' | 'async') => {
    await whole.agents.register({
      id,
      module: listener,
      coordination: { communicationPattern },
      health: { intervalMs: Infinity },
      restart: { policy: 'never' },
    });
    const started = whole.agents.start(id);
    await fateOf(started);
    host.bodiesOf(id)[0]!.ready();
    await started;
  };
  for (const [id, pattern] of Object.entries(patterns)) await start(id, pattern);
  const body = (id: string) => host.bodiesOf(id).at(-1)!;
  const acknowledge = (id: string, version: number) =>
    body(id).report({ type: 'variable.acknowledged', name: 'lr', version });
  return { ...whole, host, body, acknowledge };
}

describe('acknowledgement', () => {
  it('of every sync agent is awaited; an async one that is behind is listed', async () => {
    const { system, acknowledge } = await scripted({ s1: 'sync', s2: 'sync', a: 'async' });
    const set = system.variables.set('lr', 0.2);
    acknowledge('s1', 2);
    expect(await fateOf(set)).toBe('pending');
    expect(system.variables.outOfDate('lr')).toEqual([
      { agentId: 's2', incarnation: 1, version: 1 },
      { agentId: 'a', incarnation: 1, version: 1 },
    ]);
    acknowledge('s2', 2);
    expect(await set).toEqual({ version: 2, acknowledged: ['s1', 's2'], outOfDate: ['a'] });
    acknowledge('a', 2);
    expect(system.variables.outOfDate('lr')).toEqual([]);
  });

  it('is not awaited of one that has died, or is stopping', async () => {
    const { system, agents, body } = await scripted({ s1: 'sync', s2: 'sync' });
    const set = system.variables.set('lr', 0.2);
    body('s1').exit('out_of_memory');
    expect(await fateOf(set)).toBe('pending');
    void agents.stop('s2', { timeoutMs: 1_000 }).catch(() => {});
    expect(await set).toEqual({ version: 2, acknowledged: [], outOfDate: [] });
  });

  it('of an older version does not count for a newer one; a superseded update says so', async () => {
    const { system, acknowledge, eventsOf } = await scripted({ s1: 'sync', s2: 'sync' });
    const second = system.variables.set('lr', 0.2);
    acknowledge('s1', 2);
    await fateOf(second);
    const third = system.variables.set('lr', 0.3);
    expect(await second).toEqual({ version: 2, acknowledged: ['s1'], outOfDate: ['s2'], supersededBy: 3 });
    acknowledge('s2', 2);
    acknowledge('s1', 2);
    acknowledge('s1', 3);
    expect(await fateOf(third)).toBe('pending');
    acknowledge('s2', 3);
    expect(await third).toEqual({ version: 3, acknowledged: ['s1', 's2'], outOfDate: [] });
    expect(eventsOf('variable.acknowledged').map(({ agentId, version }) => `${agentId} ${version}`)).toEqual([
      's1 2',
      's2 2',
      's1 3',
      's2 3',
    ]);
  });

  it('of a version that was never told, or of a variable never declared, is worth nothing', async () => {
    const { system, acknowledge, body, eventsOf } = await scripted({ s: 'sync' });
    const set = system.variables.set('lr', 0.2);
    for (const version of [3, 99, NaN, -1]) acknowledge('s', version);
    body('s').report({ type: 'variable.acknowledged', name: 'nothing', version: 1 });
    expect(await fateOf(set)).toBe('pending');
    expect(eventsOf('variable.acknowledged')).toEqual([]);
    expect(system.variables.outOfDate('lr')).toHaveLength(1);
    acknowledge('s', 2);
    await set;
  });

  it('is awaited for so long only', async () => {
    const { system, clock } = await scripted({ s: 'sync' });
    const set = system.variables.set('lr', 0.2, { timeoutMs: 500 });
    await clock.advance(499);
    expect(await fateOf(set)).toBe('pending');
    await clock.advance(1);
    expect(await set).toEqual({ version: 2, acknowledged: [], outOfDate: ['s'] });
  });

  it('an agent that starts while values change begins with those of its start, and hears of the rest before its first task', async () => {
    const { system, agents, host } = await scripted({});
    await agents.register({ id: 'new', module: listener, coordination: { communicationPattern: 'sync' } });
    const started = agents.start('new');
    await fateOf(started);
    const [body] = host.bodiesOf('new');
    expect(body!.start.variables).toEqual([{ name: 'lr', value: 0.1, version: 1 }]);
    const task = agents.execute('new', { type: 'now' }).catch(() => {});
    expect(await system.variables.set('lr', 0.9)).toEqual({ version: 2, acknowledged: [], outOfDate: [] });
    expect(body!.takeRequests()).toEqual([]);
    body!.ready();
    await started;
    expect(body!.takeRequests().map(({ type }) => type)).toEqual(['variable.changed', 'task.run']);
    expect(system.variables.outOfDate('lr')).toEqual([{ agentId: 'new', incarnation: 1, version: 1 }]);
    body!.exit('killed');
    await task;
  });
});

describe('agents', () => {
  it.each([
    ['nothing', []],
    ['one of two', ['lr']],
  ])(
    'whose module declares more than when it was registered, %s, are told of the rest as they start',
    async (_, before) => {
      const host = scriptedHost();
      const { system, agents } = await rig({ hosts: { 'in-process': host } });
      for (const name of ['lr', 'depth']) await system.variables.define(name, lr);
      const module = defineAgent({ type: 'older', variables: before, init: () => null, tasks: {} });
      const newer = defineAgent({ type: 'older', variables: ['lr', 'depth'], init: () => null, tasks: {} });
      const coordination = { communicationPattern: 'sync' } as const;
      await agents.register({ id: 'a', module, coordination, health: { intervalMs: Infinity } });
      const started = agents.start('a');
      await fateOf(started);
      const [body] = host.bodiesOf('a');
      expect(body!.start.variables.map(({ name }) => name)).toEqual(before);
      body!.report({ type: 'ready', manifest: manifestOf(newer) });
      await started;
      const told = body!.takeRequests().flatMap((asked) => ('variable' in asked ? [asked.variable] : []));
      const missed = ['lr', 'depth'].filter((name) => !before.includes(name));
      expect(told).toEqual(missed.map((name) => ({ name, value: 0.1, version: 1 })));
      for (const name of missed) {
        expect(system.variables.outOfDate(name)).toEqual([{ agentId: 'a', incarnation: 1, version: 0 }]);
        body!.report({ type: 'variable.acknowledged', name, version: 1 });
        expect(system.variables.outOfDate(name)).toEqual([]);
      }
      for (const name of ['lr', 'depth']) {
        const set = system.variables.set(name, 0.2);
        body!.report({ type: 'variable.acknowledged', name, version: 2 });
        expect(await set).toEqual({ version: 2, acknowledged: ['a'], outOfDate: [] });
      }
      body!.exit('killed');
      expect(await system.variables.set('depth', 0.3)).toMatchObject({ acknowledged: [], outOfDate: [] });
    },
  );

  it('that are restarted begin with the current value', async () => {
    const { system, agents, clock, eventsOf } = await rig();
    await system.variables.define('lr', lr);
    await agents.register({ id: 'a', module: listener, restart: { policy: 'immediate', delayMs: 10 } });
    await agents.start('a');
    await agents.kill('a');
    await system.variables.set('lr', 0.7);
    await clock.advance(10);
    expect(await agents.execute('a', { type: 'seen' })).toEqual([0.7]);
    expect(system.variables.outOfDate('lr')).toEqual([]);
    expect(eventsOf('variable.acknowledged')).toEqual([]);
  });

  it('that throw as they hear of a change crash; it is confirmed without them, and they begin again with it', async () => {
    const touchy = defineAgent({
      type: 'touchy',
      variables: ['lr'],
      init: ({ variables }) => ({ seen: [variables['lr']] }),
      onVariable: () => {
        throw new Error('not that');
      },
      tasks: { seen: { run: ({ state }) => state.seen } },
    });
    const { system, agents, clock, eventsOf } = await rig();
    await system.variables.define('lr', lr);
    const restart = { policy: 'immediate', delayMs: 10 } as const;
    const coordination = { communicationPattern: 'sync' } as const;
    await agents.register({ id: 'a', module: touchy, restart, coordination });
    await agents.start('a');
    expect(await system.variables.set('lr', 0.7)).toEqual({ version: 2, acknowledged: [], outOfDate: [] });
    expect(agents.get('a')).toMatchObject({
      status: 'crashed',
      reason: { error: { message: expect.stringContaining('not that') } },
    });
    await clock.advance(10);
    expect(await agents.execute('a', { type: 'seen' })).toEqual([0.7]);
    expect(system.variables.outOfDate('lr')).toEqual([]);
    expect(eventsOf('variable.acknowledged')).toEqual([]);
  });

  it('that declared a variable before it was defined hear of it when it is', async () => {
    const { system, agents } = await rig();
    await agents.register({ id: 'a', module: listener });
    await agents.start('a');
    await system.variables.define('lr', lr);
    expect(await agents.execute('a', { type: 'seen' })).toEqual([undefined, 0.1]);
  });

  it.each([
    ['first', ['a', 'b', 'c']],
    ['last', ['c', 'b', 'a']],
    ['middle', ['b', 'c', 'a']],
    ['middle, then the first', ['b', 'a', 'c']],
  ])('answer several variables at once, whichever is answered first: the %s', async (_, order) => {
    const gates = new Map<string, PromiseWithResolvers<void>>();
    const heard: string[] = [];
    const slow = defineAgent({
      type: 'slow',
      variables: ['a', 'b', 'c'],
      init: () => null,
      onVariable: async ({ name, version }) => {
        heard.push(`${name} ${version}`);
        const held = gate();
        gates.set(name, held);
        await held.promise;
      },
      tasks: {},
    });
    const { system, agents, eventsOf } = await rig();
    for (const name of order) await system.variables.define(name, variable.integer({ default: 0 }));
    await agents.register({ id: 's', module: slow, coordination: { communicationPattern: 'sync' } });
    await agents.start('s');
    const changes = ['a', 'b', 'c', 'a', 'b', 'c', 'a', 'b', 'c'].map((name) =>
      system.variables.set(name, 1),
    );
    await fateOf(Promise.allSettled(changes));
    expect(heard).toEqual(['a 2', 'b 2', 'c 2']);
    for (const name of [...order, ...order]) {
      gates.get(name)!.resolve();
      await fateOf(changes[8]!);
    }
    expect(heard).toEqual(['a 2', 'b 2', 'c 2', ...order.map((name) => `${name} 4`)]);
    expect(eventsOf('variable.acknowledged').map(({ name, version }) => `${name} ${version}`)).toEqual(
      [2, 4].flatMap((version) => order.map((name) => `${name} ${version}`)),
    );
    for (const change of changes.slice(6)) {
      expect(await change).toEqual({ version: 4, acknowledged: ['s'], outOfDate: [] });
    }
  });

  it('answer one version at a time, and the newest is the last', async () => {
    const gates = new Map([
      [0.2, gate()],
      [0.4, gate()],
    ]);
    const slow = defineAgent({
      type: 'slow',
      variables: ['lr'],
      init: () => ({ lr: 0 }),
      onVariable: async ({ value, state }) => {
        await gates.get(value as number)?.promise;
        state.lr = value as number;
      },
      tasks: { lr: { run: ({ state }) => state.lr } },
    });
    const { system, agents, eventsOf } = await rig();
    await system.variables.define('lr', lr);
    await agents.register({ id: 'a', module: slow, coordination: { communicationPattern: 'sync' } });
    await agents.start('a');
    const changes = [0.2, 0.3, 0.4].map((value) => system.variables.set('lr', value));
    gates.get(0.4)!.resolve();
    expect(await fateOf(changes[2]!)).toBe('pending');
    gates.get(0.2)!.resolve();
    expect(await changes[2]).toMatchObject({ version: 4, acknowledged: ['a'] });
    expect(await agents.execute('a', { type: 'lr' })).toBe(0.4);
    expect(eventsOf('variable.acknowledged').map(({ version }) => version)).toEqual([2, 4]);
    expect(await Promise.all(changes)).toMatchObject([{ supersededBy: 3 }, { supersededBy: 4 }, {}]);
  });

  it('that change a variable as they hear of it leave everybody with the last value', async () => {
    const { system, agents } = await rig();
    let isFirst = true;
    const meddler = defineAgent({
      type: 'meddler',
      variables: ['lr'],
      init: () => null,
      onVariable: () => {
        if (isFirst) void system.variables.set('lr', 0.9, { by: 'meddler' });
        isFirst = false;
      },
      tasks: {},
    });
    await system.variables.define('lr', lr);
    await agents.register({ id: 'a', module: listener });
    await agents.register({ id: 'm', module: meddler });
    await agents.register({ id: 'b', module: listener });
    for (const id of ['a', 'm', 'b']) await agents.start(id);
    const set = await system.variables.set('lr', 0.2);
    expect(set).toMatchObject({ version: 2, supersededBy: 3 });
    expect(await agents.execute('a', { type: 'seen' })).toEqual([0.1, 0.2, 0.9]);
    expect((await agents.execute('b', { type: 'seen' })) as number[]).toContain(0.9);
    expect(((await agents.execute('b', { type: 'seen' })) as number[]).at(-1)).toBe(0.9);
    expect(system.variables.get('lr')).toMatchObject({ value: 0.9, version: 3 });
    expect(system.variables.outOfDate('lr')).toEqual([]);
  });
});

const curious = defineAgent({ type: 'curious', variables: ['soon'], init: () => null, tasks: {} });
/** Names of which anything is kept. */
const known = (variables: object) =>
  [...(variables as VariableRegistry).topics()].map(({ name }) => name).toSorted();

describe('a name that nobody defined', () => {
  it('is kept as long as an agent with a body declared it', async () => {
    const { system, agents } = await rig();
    const { variables } = system;
    for (const id of ['a', 'b']) {
      await agents.register({ id, module: curious });
      await agents.start(id);
    }
    expect(known(variables)).toEqual(['soon']);
    await agents.stop('a');
    expect(known(variables)).toEqual(['soon']);
    await agents.stop('b');
    expect(known(variables)).toEqual([]);
    await agents.start('a');
    await variables.define('soon', lr);
    expect(await variables.set('soon', 0.2)).toEqual({ version: 2, acknowledged: ['a'], outOfDate: [] });
    await agents.stop('a');
    expect(known(variables)).toEqual(['soon']);
  });

  it('is not kept for a definition that was refused, or for an answer that nobody asked for', async () => {
    const { system, body } = await scripted({ s: 'sync' });
    const { variables } = system;
    body('s').report({ type: 'variable.acknowledged', name: 'nothing', version: 1 });
    const unfit = variable.json({ schema: z.number(), default: 'x' as never });
    expect(await codeOf(variables.define('unfit', unfit))).toBe('VARIABLE_INVALID');
    system.coordination.suspend();
    expect(await codeOf(variables.define('away', lr))).toBe('COORDINATION_UNAVAILABLE');
    expect(known(variables)).toEqual(['lr']);
  });

  it('may be defined twice at once: one of the two is refused', async () => {
    const { system } = await rig();
    const both = [system.variables.define('lr', lr), system.variables.define('lr', lr)];
    expect(await Promise.all(both.map((one) => fateOf(one)))).toEqual([
      { value: expect.objectContaining({ name: 'lr', version: 1 }) },
      'VARIABLE_INVALID',
    ]);
  });
});

describe('the next program', () => {
  it('finds the values, their versions and their history, and its agents begin with them', async () => {
    const store = mortalStore(undefined, { isDurable: true });
    const first = await rig({ store });
    await first.system.variables.define('lr', lr);
    await first.system.variables.set('lr', 0.4, { by: 'ops' });
    await first.agents.register({ id: 'a', module: listener });
    await first.agents.start('a');
    // The first program dies.
    const { system, agents, clock } = await rig({ store: store.die(), agents: [listener] });
    await clock.advance(1);
    expect(await agents.execute('a', { type: 'seen' })).toEqual([0.4]);
    expect(system.variables.get('lr')).toMatchObject({ kind: undefined, value: 0.4, version: 2 });
    expect(await codeOf(system.variables.set('lr', 0.5))).toBe('VARIABLE_UNKNOWN');
    expect(await system.variables.define('lr', lr)).toMatchObject({ kind: 'float', value: 0.4, version: 2 });
    await system.variables.rollback('lr', 1);
    expect(system.variables.history('lr').map(({ version, value }) => [version, value])).toEqual([
      [1, 0.1],
      [2, 0.4],
      [3, 0.1],
    ]);
  });

  it('finds values and versions that nobody can change by what they are given', async () => {
    const store = mortalStore(undefined, { isDurable: true });
    const first = await rig({ store });
    const json = variable.json({ default: { list: [1] } });
    await first.system.variables.define('v', json);
    await first.system.variables.set('v', { list: [2] });
    const left = store.die();
    // As a store on a disk does, it gives what it kept, and not what it was given.
    const onDisk: Store = { ...bound(left), recover: () => structuredClone(left.recover()) };
    const { system } = await rig({ store: onDisk });
    const kept = structuredClone([system.variables.get('v'), system.variables.history('v')]);
    for (const given of [system.variables.get('v'), system.variables.history('v')]) forge(given);
    expect([system.variables.get('v'), system.variables.history('v')]).toEqual(kept);
    await system.variables.define('v', json);
    await system.variables.rollback('v', 1);
    expect(system.variables.get('v').value).toEqual({ list: [1] });
  });

  it('falls back to the default, as a new version, where the kept value no longer fits', async () => {
    const store = mortalStore(undefined, { isDurable: true });
    const first = await rig({ store });
    await first.system.variables.define('lr', lr);
    await first.system.variables.set('lr', 0.4);
    const { system } = await rig({ store: store.die() });
    const narrow = variable.float({ max: 0.2, default: 0.15 });
    expect(await system.variables.define('lr', narrow)).toMatchObject({ value: 0.15, version: 3 });
    expect(system.variables.history('lr').at(-1)?.why).toMatch(/no longer fits/);
  });
});

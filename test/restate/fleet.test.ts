/** One node: the life of an agent on a real server, by the API of one program. */
import { readFile } from 'node:fs/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { createAgentSystem, defineAgent, variable } from '../../src/index.ts';
import { connectFleet, createAgentNode } from '../../src/restate.ts';
import { codeOf } from '../kit/rig.ts';
import { hasEngine } from './engine.ts';
import { worker } from './worker.ts';
import { fleetRig, fresh, sharedEngine } from './fleet-rig.ts';

const counter = defineAgent({
  type: 'counter',
  init: ({ initArgs, restored }) =>
    (restored as { n: number } | undefined) ?? { n: (initArgs as { from?: number }).from ?? 0 },
  tasks: {
    add: {
      run: ({ input, state }) => {
        state.n += input as number;
        return state.n;
      },
    },
    fail: {
      run: () => {
        throw new RangeError('too far');
      },
    },
    tell: {
      run: ({ progress }) => {
        for (let step = 1; step <= 3; step++) progress({ step });
        return 'told';
      },
    },
    find: { run: () => new Map([['a', 1]]) },
    hang: {
      run: ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')))),
    },
    complete: { run: ({ complete }) => complete() },
  },
});

const MEBIBYTE = 1024 * 1024;
const grouped = (maxMemoryBytes: number) => ({
  module: new URL('./bodily.ts', import.meta.url),
  resources: { group: 'odd', maxMemoryBytes },
});

describe.runIf(hasEngine())('one node', () => {
  const engine = sharedEngine();

  test('what is refused in one program is refused here, with the same codes', async () => {
    const { fleet, node } = await fleetRig(engine(), [counter]);
    const { agents } = fleet;
    const id = await agents.register({ id: fresh('ada'), module: counter });
    expect(await codeOf(agents.start(id))).toBe('RESOURCES_EXHAUSTED');
    await node(fresh('n'));
    for (const stranger of ['stranger', '__proto__', '']) {
      expect(await codeOf(agents.get(stranger))).toBe('AGENT_NOT_FOUND');
      expect(await codeOf(agents.stop(stranger))).toBe('AGENT_NOT_FOUND');
    }
    expect(await codeOf(agents.register({ id, module: counter }))).toBe('AGENT_EXISTS');
    expect(await codeOf(agents.register({ module: counter, restartt: {} } as never))).toBe(
      'AGENT_SPEC_INVALID',
    );
    expect(await codeOf(agents.register({ module: counter, placement: { zone: 'a' } } as never))).toBe(
      'AGENT_SPEC_INVALID',
    );
    expect(await codeOf(agents.restart(id))).toBe('AGENT_ILLEGAL_COMMAND');
    expect(await codeOf(agents.stop(id))).toBe('AGENT_NOT_RUNNING');
    expect(await codeOf(agents.execute(id, { type: 'add', input: 1 }))).toBe('AGENT_NOT_RUNNING');
    const first = await agents.start(id);
    expect(await codeOf(agents.start(id))).toBe('AGENT_ALREADY_RUNNING');
    expect(await codeOf(agents.forget(id))).toBe('AGENT_ILLEGAL_COMMAND');
    expect(await codeOf(agents.execute(id, { type: 'fly' } as never))).toBe('TASK_INCOMPATIBLE');
    expect(await codeOf(agents.execute(id, { type: 'add', input: () => 1 } as never))).toBe(
      'TASK_INPUT_INVALID',
    );
    await expect(agents.execute(id, { type: 'fail' })).rejects.toMatchObject({
      code: 'TASK_FAILED',
      agentId: id,
      cause: { name: 'RangeError', message: 'too far' },
    });
    await agents.stop(id);
    await agents.start(id);
    const late = [
      () => first.execute({ type: 'add', input: 1 }),
      () => first.stop(),
      () => first.kill(),
      () => first.health(),
    ];
    for (const call of late) expect(await codeOf(call())).toBe('AGENT_NOT_RUNNING');
    expect(await agents.get(id)).toMatchObject({ status: 'running', incarnation: 2 });
  });

  test('a task that is submitted is a thing: looked up, waited for, done once for its key, and tried again', async () => {
    const { fleet, node } = await fleetRig(engine(), [counter]);
    await node(fresh('n'));
    const { agents, tasks } = fleet;
    const id = await agents.register({ id: fresh('ada'), module: counter });
    await agents.start(id);
    const first = await tasks.submit(id, { type: 'add', input: 3, idempotencyKey: 'once' });
    const second = await tasks.submit(id, { type: 'add', input: 3, idempotencyKey: 'once' });
    expect(second.id).toBe(first.id);
    expect(await tasks.result(first.id)).toBe(3);
    expect(await tasks.get(first.id)).toMatchObject({ status: 'done', output: 3, attempts: 1 });
    expect(await codeOf(tasks.cancel(first.id))).toBe('AGENT_ILLEGAL_COMMAND');
    const failing = await tasks.submit({ type: 'counter' }, { type: 'fail' });
    expect(await codeOf(tasks.result(failing.id))).toBe('TASK_FAILED');
    await tasks.retry(failing.id);
    expect(await codeOf(tasks.result(failing.id))).toBe('TASK_FAILED');
    expect(await tasks.get(failing.id)).toMatchObject({ status: 'failed', attempts: 2 });
    const hanging = await tasks.submit(id, { type: 'hang' });
    expect(await codeOf(tasks.result(hanging.id, { timeoutMs: 50 }))).toBe('TASK_TIMED_OUT');
    expect(await tasks.cancel(hanging.id, 'enough')).toMatchObject({ status: 'cancelled' });
    expect((await tasks.list({ agentId: id })).map(({ status }) => status)).toEqual([
      'done',
      'failed',
      'cancelled',
    ]);
    await tasks.forget(first.id);
    expect(await codeOf(tasks.get(first.id))).toBe('TASK_UNKNOWN');
  });

  test('a connection that is closed refuses calls, and the fleet lives on', async () => {
    const { fleet, node } = await fleetRig(engine(), [counter]);
    await node(fresh('n'));
    const id = await fleet.agents.register({ id: fresh('ada'), module: counter });
    await fleet.agents.start(id);
    const other = await connectFleet({ ingressUrl: engine().ingressUrl });
    const hanging = other.agents.execute(id, { type: 'hang' });
    hanging.catch(() => {});
    await other.close();
    expect(await codeOf(hanging)).toBe('SYSTEM_CLOSED');
    expect(await codeOf(other.agents.get(id))).toBe('SYSTEM_CLOSED');
    expect((await fleet.agents.get(id)).status).toBe('running');
  });

  test('what a fleet does not have is refused by the codes that its page lists, row by row, and changes nothing', async () => {
    const { fleet, node } = await fleetRig(engine(), [counter]);
    const { agents, variables } = fleet;
    await node(fresh('lister'));
    const id = await agents.register({ module: counter });
    await fleet.variables.define('heard', variable.json({ schema: z.object({}), default: {} }));
    const other = await connectFleet({ ingressUrl: engine().ingressUrl });
    onTestFinished(() => other.close());
    const trials: Readonly<Record<string, () => readonly Promise<unknown>[]>> = {
      inputs: () => [
        agents.execute(id, { type: 'add', input: () => 1 }),
        (async () => {
          const finder = await agents.register({ id: fresh('finder'), module: counter });
          await (await agents.start(finder)).execute({ type: 'find' });
        })(),
        agents.register({ module: counter, initArgs: { from: () => 1 } }),
      ],
      'members of a group': () => [
        (async () => {
          await agents.start(await agents.register({ id: fresh('one'), ...grouped(128 * MEBIBYTE) }));
          await agents.start(await agents.register({ id: fresh('two'), ...grouped(256 * MEBIBYTE) }));
        })(),
      ],
      '`transfer`': () => [agents.execute(id, { type: 'add', input: 1, transfer: [] } as never)],
      '`scale.signal`': () => [
        fleet.pools.create({
          name: 'crew',
          spec: { module: counter },
          min: 0,
          max: 2,
          scale: { signal: Object },
        } as never),
      ],
      '`variables.constrain`': () => [
        (variables.constrain as unknown as (...given: unknown[]) => Promise<unknown>)(['a'], () => true),
      ],
      'changing a `json` variable': () => [other.variables.set('heard', {})],
    };
    const page = await readFile(new URL('../../docs/scale.md', import.meta.url), 'utf8');
    const [, table = ''] = /^## What is not the same[^|]*\n(\|[^]*?\n)\n/m.exec(page) ?? [];
    const rows = [...table.matchAll(/^\| (.+?) \| (.+?) \| .+ \|$/gm)].slice(1);
    const refused = rows.filter(([, , happens]) => /`[A-Z]+_[A-Z_]+`/.test(happens!));
    expect(refused).toHaveLength(Object.keys(trials).length);
    for (const [, what, happens] of refused) {
      const [, trial] = Object.entries(trials).find(([key]) => what!.startsWith(key)) ?? [what, () => []];
      const codes = [...happens!.matchAll(/`([A-Z]+_[A-Z_]+)`/g)].map(([, code]) => code);
      const told = new Set(await Promise.all(trial().map(codeOf)));
      expect([what, [...told]]).toEqual([what, codes]);
    }
    for (const more of [{ pool: 'crew' }, { secrets: ['key'] }]) {
      expect(await codeOf(agents.register({ module: counter, ...more }))).toBe('AGENT_SPEC_INVALID');
    }
    expect(await fleet.pools.list()).toEqual([]);
    expect(await variables.get('heard')).toMatchObject({ value: {}, version: 1 });
    expect((await agents.list()).map(({ status }) => status).toSorted()).toEqual([
      'registered',
      'registered',
      'running',
      'running',
    ]);
  });

  test('a node whose module is of another type than it says does not run it in the place of what was asked for', async () => {
    const posing = defineAgent({ type: 'posing', init: () => ({}), tasks: {} });
    const { fleet, node } = await fleetRig(engine(), [posing]);
    const module = new URL('./bodily.ts', import.meta.url);
    await node(fresh('n'), { agents: [{ type: 'posing', module }] });
    const id = await fleet.agents.register({ id: fresh('odd'), module: posing });
    await expect(fleet.agents.start(id)).rejects.toMatchObject({
      code: 'AGENT_START_FAILED',
      message: expect.stringMatching(/expected an agent of type "posing", got "bodily"/) as string,
    });
  });

  test('any whole characters are a name: dots, slashes, line ends; half a character is refused by name', async () => {
    const { fleet, node } = await fleetRig(engine(), [worker]);
    await node(fresh('n'));
    for (const name of ['.', '..', '../..', '%2e%2E', 'a/b?c#d', ' ', '\n', 'ünï 🚀\0', '__proto__']) {
      await fleet.agents.register({ id: name, module: worker });
      await fleet.agents.start(name);
      expect([name, await fleet.agents.execute(name, { type: 'count' })]).toEqual([name, 1]);
      expect((await fleet.agents.list()).map(({ id }) => id)).toContain(name);
      await fleet.agents.kill(name);
    }
    const pool = await fleet.pools.create({ name: '..', spec: { module: worker }, min: 1, max: 1 });
    expect(await fleet.pools.execute(pool, { type: 'count' })).toBe(1);
    await fleet.pools.close(pool);
    const half = '\ud800';
    const task = { type: 'count' };
    for (const [code, work] of [
      ['AGENT_SPEC_INVALID', fleet.agents.register({ id: half, module: worker })],
      ['AGENT_NOT_FOUND', fleet.agents.get(half)],
      ['AGENT_NOT_FOUND', fleet.agents.start(half)],
      ['AGENT_SPEC_INVALID', fleet.pools.create({ name: half, spec: { module: worker }, min: 1, max: 1 })],
      ['POOL_UNKNOWN', fleet.pools.get(half)],
      ['TASK_INPUT_INVALID', fleet.tasks.schedule({ name: half, everyMs: 60_000, target: '.', task })],
      ['TASK_UNKNOWN', fleet.tasks.unschedule(half)],
    ] as const)
      expect(await codeOf(work)).toBe(code);
  });

  test('a second connection to the same engine is the same fleet', async () => {
    const { fleet, node } = await fleetRig(engine(), [worker]);
    await node(fresh('n'));
    const id = await fleet.agents.register({ module: worker });
    await fleet.agents.start(id);
    const other = await connectFleet({ ingressUrl: engine().ingressUrl, agents: [worker] });
    onTestFinished(() => other.close());
    expect(await other.agents.execute(id, { type: 'count' })).toBe(1);
    await other.agents.stop(id);
    expect(await fleet.agents.get(id)).toMatchObject({ status: 'stopped' });
    expect(await codeOf(other.agents.register({ id, module: worker }))).toBe('AGENT_EXISTS');
    await other.close();
    await fleet.agents.start(id);
    expect(await fleet.agents.execute(id, { type: 'count' })).toBe(2);
  });

  test('a fleet has all that a system has', async () => {
    const { fleet } = await fleetRig(engine(), []);
    const system = await createAgentSystem();
    onTestFinished(async () => void (await system.close()));
    const rooms = {
      agents:
        'register ensure update start startAll restart stop kill pause resume forget execute stream handle get list ids counts can next legal chart checkHealth savedState',
      tasks: 'submit get list counts legal result cancel retry forget schedule schedules unschedule',
      variables: 'define get set list history outOfDate rollback subscribe constrain',
      consensus: 'propose rounds',
      coordination: 'leader status suspend resume',
      pools: 'create ensureSize execute stream get list close',
      questions: 'list get answer',
      quotas: 'list lift',
      budgets: 'define list get refill',
      events: 'subscribe read replay',
      alerts: 'list',
    } as const;
    for (const [room, names] of Object.entries(rooms)) {
      for (const name of names.split(' ')) {
        for (const of of [system, fleet]) {
          const found = (of as unknown as Record<string, Record<string, unknown>>)[room]?.[name];
          expect([room, name, typeof found]).toEqual([room, name, 'function']);
        }
      }
    }
  });

  test('options that are not as expected are refused by name', async () => {
    expect(await codeOf(connectFleet({ ingressUrl: 'nowhere' }))).toBe('AGENT_SPEC_INVALID');
    const { ingressUrl, adminUrl } = engine();
    const options = { name: 'n', listen: 'http://127.0.0.1:0', restate: { ingressUrl, adminUrl } };
    expect(await codeOf(createAgentNode({ ...options, name: 'a b' }))).toBe('AGENT_SPEC_INVALID');
    expect(await codeOf(createAgentNode({ ...options, lease: 1 } as never))).toBe('AGENT_SPEC_INVALID');
    const away = { ...options, restate: { ingressUrl, adminUrl: 'http://127.0.0.1:1' } };
    expect(await codeOf(createAgentNode(away))).toBe('STORE_FAILED');
  });
});

/** What a spec calls a secret is given to the agent, and told to nobody: in every host, store and life. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { pino } from 'pino';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket } from 'ws';
import { setup } from 'xstate';
import { z } from 'zod';
import { type ChartInput, defineChartAgent } from '../../src/chart-agent.ts';
import {
  type AgentSystem,
  type AgentSystemOptions,
  createAgentSystem,
  defineAgent,
  defineFleet,
  type Isolation,
  memoryStore,
  planRecovery,
  type Store,
  variable,
} from '../../src/index.ts';
import { createInspector } from '../../src/inspector.ts';
import { sqliteStore } from '../../src/sqlite.ts';
import { settled } from '../../src/testing/index.ts';
import { disks, diskOf } from '../fleet/program.ts';
import { awaited, fateOf, refusal, rig } from '../kit/rig.ts';
import careless from './secret-agent.ts';
import helper from './secret-helper.ts';
import { eventually } from '../kit/eventually.ts';

const KEY = 'key-"5f3e\\91-very-secret';
const TOKEN = 'Bearer-0a1b2c3d4e';
const module = new URL('./secret-agent.ts', import.meta.url);
const initArgs = { apiKey: KEY, headers: { authorization: TOKEN }, model: 'large' };
const secrets = ['apiKey', 'headers.authorization'];
const hidden = { apiKey: '[redacted]', headers: { authorization: '[redacted]' }, model: 'large' };

// What an agent prints in this very thread is nobody's to hide.
beforeEach(() => {
  const printed = vi.spyOn(console, 'log').mockImplementation(() => undefined);
  onTestFinished(() => printed.mockRestore());
});

/** As they are, and as they stand in JSON, once and twice. */
const TEXTS = [KEY, TOKEN].flatMap((text) => {
  const json = JSON.stringify(text).slice(1, -1);
  return [text, json, JSON.stringify(json).slice(1, -1)];
});

function expectNoSecret(where: string, text: string): void {
  for (const secret of TEXTS)
    expect({ where, holds: text.includes(secret) }).toEqual({ where, holds: false });
}

describe.each<Isolation>(['in-process', 'thread', 'process'])('%s', (isolation) => {
  it('is in the agent’s hands, and in no event, record, error, log line, stream or byte of the store', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'mabeam-secrets-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const lines: string[] = [];
    const logger = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) });
    const inspector = await createInspector();
    const streamed: string[] = [];
    const viewer = new WebSocket(inspector.webSocketUrl, { origin: new URL(inspector.url).origin });
    viewer.on('message', (data: Buffer) => streamed.push(data.toString()));
    await new Promise((resolve) => viewer.once('open', resolve));
    const system = await createAgentSystem({
      store: sqliteStore(join(folder, 'fleet.db')),
      logger,
      inspect: inspector.observe,
    });
    const told: unknown[] = [];
    const { agents, tasks } = system;
    system.events.subscribe((event) => {
      told.push(event);
      if (event.type === 'agent.parked') {
        told.push(agents.get('ada'), agents.get('ada').parked, tasks.list(), system.quotas.list());
      }
    });
    const spec = { id: 'ada', module, isolation, initArgs, secrets, restart: { policy: 'never' as const } };

    const files = async () => {
      const bytes = await Promise.all(
        (await readdir(folder)).map((name) => readFile(join(folder, name), 'latin1')),
      );
      return bytes.join('\n');
    };
    const badly = { ...spec, initArgs: { ...initArgs, apiKey: `bad-${KEY}` } };
    told.push(await refusal(agents.register(badly)));
    await agents.register(spec);
    await agents.start('ada');
    expect(await agents.execute('ada', { type: 'use' })).toBe(`${KEY} large`);
    told.push(await refusal(agents.execute('ada', { type: 'fail' })));
    const kept = await refusal(agents.execute('ada', { type: 'keep' }));
    expect(kept.message).toContain('state.mine.list[1]');
    told.push(kept, await agents.checkHealth('ada'));
    for (const type of ['step', 'stepKey']) {
      const refused = await refusal(agents.execute('ada', { type }));
      expect(refused.cause).toMatchObject({
        code: 'REQUEST_INVALID',
        message: expect.stringContaining('holds a secret'),
      });
      told.push(refused);
    }
    await agents.start(await agents.register({ id: 'helper', module: helper }));
    for (const input of [
      'input of a task that may be repeated',
      'input with a key',
      'key',
      'child',
      'initArgs of a child',
    ]) {
      const refused = await refusal(agents.execute('ada', { type: 'call', input }));
      expect(refused.cause).toMatchObject({
        code: 'REQUEST_INVALID',
        message: expect.stringContaining('holds a secret'),
      });
      told.push(refused);
    }
    expect(await agents.execute('ada', { type: 'call', input: 'input' })).toBe('helped');
    const child = await agents.execute('ada', { type: 'call', input: 'child with it as its secret' });
    expect(child).toBe('child');
    for (const input of ['asks', 'throws']) {
      const { id } = await tasks.submit('ada', { type: 'park', input });
      expect(await tasks.result(id)).toBe('went on');
    }
    expect(told.filter((one) => (one as { type?: unknown }).type === 'agent.parked')).toHaveLength(2);
    told.push(await refusal(agents.execute('ada', { type: 'ask', input: 'key' })));
    const asking = await tasks.submit('ada', { type: 'ask', input: { echo: KEY } });
    const { questions } = system;
    const open = () => questions.list({ taskId: asking.id })[0];
    await eventually(open, (question) => question !== undefined);
    expect(open()!.question).toBe('which, with [redacted]?');
    told.push(open(), questions.list());
    expectNoSecret('the files of the store while a question is open', await files());
    await questions.answer(open()!.id, 'no', { by: 'ben' });
    await eventually(open, (question) => question?.refused !== undefined);
    told.push(open());
    await questions.answer(open()!.id, 'yes');
    expect(await tasks.result(asking.id)).toBe('yes');
    const { id } = await tasks.submit('ada', { type: 'use' });
    await tasks.result(id);
    await tasks.submit('ada', { type: 'use', input: { echo: KEY } }).then((task) => tasks.result(task.id));
    await agents.update('ada', { initArgs: { ...initArgs, apiKey: `${KEY}-2` } });
    expect(agents.get('ada').pending).toEqual(['initArgs']);
    told.push(agents.get('ada'), agents.list(), tasks.list(), await agents.savedState('ada'));
    if (isolation !== 'in-process') {
      told.push(await refusal(agents.execute('ada', { type: 'crash' })));
      await eventually(
        () => agents.get('ada').status,
        (now) => now === 'crashed',
      );
    }
    told.push(agents.get('ada'), system.alerts.list());
    expectNoSecret('the files of the store while it is open', await files());
    await system.close();
    expectNoSecret('the files of the store', await files());
    expect(await files()).toContain('[redacted]');
    viewer.close();
    await inspector.close();
    for (const value of told) {
      expectNoSecret('what was told', inspect(value, { depth: Infinity, maxStringLength: Infinity }));
    }
    expect(lines.some((line) => line.includes('connects with [redacted]'))).toBe(true);
    expectNoSecret('the log', lines.join('\n'));
    expect(streamed.length).toBeGreaterThan(0);
    expectNoSecret("the inspector's stream", streamed.join('\n'));
  });
});

const ensured = (system: AgentSystem, args = initArgs) =>
  system.agents.ensure({
    id: 'ada',
    module: careless,
    initArgs: args,
    secrets,
    restart: { policy: 'immediate' },
  });

it('in the context of an agent that is a chart it is in nothing that an inspector shows', async () => {
  const inspector = await createInspector();
  const viewer = new WebSocket(inspector.webSocketUrl, { origin: new URL(inspector.url).origin });
  const streamed: string[] = [];
  viewer.on('message', (data: Buffer) => streamed.push(data.toString()));
  await new Promise((resolve) => viewer.once('open', resolve));
  const system = await createAgentSystem({
    logger: pino({ level: 'silent' }),
    inspect: inspector.observe,
  });
  onTestFinished(async () => {
    viewer.close();
    await system.close();
    await inspector.close();
  });
  const knowing = defineChartAgent({
    type: 'knowing',
    tasks: {},
    machine: setup({
      types: { context: {} as { key: unknown }, input: {} as ChartInput<{ apiKey: string }> },
    }).createMachine({ id: 'knowing', context: ({ input }) => ({ key: input.initArgs.apiKey }) }),
  });
  await system.agents.start(await system.agents.register({ module: knowing, initArgs, secrets }));
  await eventually(
    () => streamed.join('\n'),
    (text) => text.includes('"context":{"key":'),
  );
  expectNoSecret("the inspector's stream", streamed.join('\n'));
});

describe.each(disks)('a later program, on a %s', (kind) => {
  async function left(restart: 'immediate' | 'never' = 'immediate') {
    const disk = await diskOf(kind);
    const first = await disk.boot();
    await first.agents.register({
      id: 'ada',
      module: careless,
      initArgs,
      secrets,
      restart: { policy: restart },
    });
    await first.agents.start('ada');
    return disk;
  }
  it('gives them by ensure: until then its agent waits, an alert says so, and nothing counts as a crash', async () => {
    const disk = await left();
    const { agents, system, clock } = await disk.boot({ agents: [careless] });
    await clock.advance(60_000);
    expect(agents.get('ada')).toMatchObject({ status: 'crashed', state: 'crashed.queued', restarts: 0 });
    expect(system.alerts.list()).toMatchObject([{ alert: 'secrets_missing', agentId: 'ada' }]);
    const { code, message } = await refusal(agents.start('ada'));
    expect([code, message]).toEqual([
      'AGENT_START_FAILED',
      expect.stringContaining('initArgs.apiKey of agent "ada" is a secret') as string,
    ]);
    expect(await ensured(system)).toEqual({ id: 'ada', change: 'none' });
    await clock.advance(0);
    expect(agents.get('ada')).toMatchObject({ status: 'running', restarts: 1 });
    expect(system.alerts.list()).toEqual([]);
    expect(await agents.execute('ada', { type: 'use' })).toBe(`${KEY} large`);
    expect(await ensured(system)).toEqual({ id: 'ada', change: 'none' });
    expect(await ensured(system, { ...initArgs, apiKey: 'key-rotated' })).toEqual({
      id: 'ada',
      change: 'updated',
    });
    expect(agents.get('ada').pending).toEqual(['initArgs']);
    await agents.kill('ada');
    await clock.advance(2_000);
    expect(await agents.execute('ada', { type: 'use' })).toBe('key-rotated large');
  });

  it('stops, or forgets, one that waits', async () => {
    const disk = await left();
    const { agents, system } = await disk.boot({ agents: [careless] });
    expect((await agents.stop('ada')).status).toBe('stopped');
    expect(system.alerts.list()).toEqual([]);
    await ensured(system);
    await agents.start('ada');
    const third = await disk.boot({ agents: [careless] });
    await third.clock.advance(0);
    await third.agents.forget('ada');
    expect(third.system.alerts.list()).toEqual([]);
  });

  it('gives them by a provider, which is asked at every start', async () => {
    const disk = await left();
    const asked: unknown[] = [];
    let key = KEY;
    const provider: AgentSystemOptions['secrets'] = (request) => {
      asked.push(request);
      return request.path === 'apiKey' ? key : Promise.resolve(TOKEN);
    };
    const { agents, clock } = await disk.boot({ agents: [careless], secrets: provider });
    await clock.advance(0);
    expect(await agents.execute('ada', { type: 'use' })).toBe(`${KEY} large`);
    expect(asked).toEqual([
      { agentId: 'ada', type: 'careless', path: 'apiKey' },
      { agentId: 'ada', type: 'careless', path: 'headers.authorization' },
    ]);
    key = 'key-rotated';
    await agents.kill('ada');
    await clock.advance(2_000);
    expect(await agents.execute('ada', { type: 'use' })).toBe('key-rotated large');
  });

  it('has a start fail when its provider does, tried again by the restart policy', async () => {
    const disk = await left();
    let isUp = false;
    const provider = ({ path }: { readonly path: string }) => {
      if (!isUp) throw new Error('the vault is sealed');
      return path === 'apiKey' ? KEY : TOKEN;
    };
    const { agents, clock, eventsOf } = await disk.boot({ agents: [careless], secrets: provider });
    await clock.advance(0);
    expect(eventsOf('agent.start_failed')[0]!.reason).toMatchObject({
      error: { message: 'the vault is sealed' },
    });
    isUp = true;
    await clock.advance(60_000);
    expect(agents.get('ada').status).toBe('running');
    await agents.stop('ada');
    isUp = false;
    expect((await refusal(agents.start('ada'))).message).toContain('the vault is sealed');
  });

  it('changes other fields of one whose secrets it does not have', async () => {
    const disk = await left('never');
    const { agents, eventsOf } = await disk.boot({ agents: [careless] });
    await agents.update('ada', { shutdownMs: 1 });
    expect(eventsOf('agent.updated')[0]!.spec).toMatchObject({ initArgs: hidden, shutdownMs: 1, secrets });
    const { code } = await refusal(agents.update('ada', { initArgs: { ...hidden, model: 'small' } }));
    expect(code).toBe('AGENT_SPEC_INVALID');
    await agents.ensure({ id: 'ada', module: careless, initArgs, secrets });
    await agents.update('ada', { initArgs: { ...hidden, model: 'small' } });
    await agents.start('ada');
    expect(await agents.execute('ada', { type: 'use' })).toBe(`${KEY} small`);
  });

  it('has a pool give them to its members again', async () => {
    const disk = await diskOf(kind);
    const pool = { name: 'p', spec: { module: careless, initArgs, secrets }, min: 1, max: 1 };
    const first = await disk.boot();
    await first.system.pools.create(pool);
    const { system, clock, agents } = await disk.boot({ agents: [careless] });
    await clock.advance(0);
    expect(system.alerts.list()).toMatchObject([{ alert: 'secrets_missing' }]);
    await system.pools.create(pool);
    await clock.advance(0);
    expect(await system.pools.execute('p', { type: 'use' })).toBe(`${KEY} large`);
    expect(agents.list().map(({ spec }) => spec.initArgs)).toEqual([hidden]);
  });
});

it('a fleet gives them at each of its starts', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'mabeam-secrets-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const store = () => sqliteStore(join(folder, 'fleet.db'));
  const fleet = defineFleet({ store, specs: [{ id: 'ada', module: careless, initArgs, secrets }] });
  const logger = pino({ level: 'silent' });
  for (let life = 1; life <= 2; life++) {
    const system = await fleet.start({ logger });
    await eventually(
      () => system.agents.get('ada').status,
      (now) => now === 'running',
    );
    expect(await system.agents.execute('ada', { type: 'use' })).toBe(`${KEY} large`);
    await system.close();
  }
  expect(await planRecovery(store(), { agents: [careless] })).toMatchObject([{ comesBack: true }]);
});

describe('refused', () => {
  it.each([
    ['a path that leads nowhere: the secret it was meant for would be told', ['apikey']],
    ['no path', ['']],
    ['a path with an empty key', ['headers..authorization']],
    ['no list', 'apiKey'],
  ])('%s', async (_, paths) => {
    const { agents, events } = await rig();
    const asked = agents.register({ module: careless, initArgs, secrets: paths as string[] });
    const { code, message } = await refusal(asked);
    expect([code, message]).toEqual(['AGENT_SPEC_INVALID', expect.stringContaining('secrets')]);
    expectNoSecret('the refusal', message);
    expect(events).toEqual([]);
  });

  it.each([
    ['apikey', 'initArgs has no "apikey" (did you mean "apiKey"?)'],
    ['apiKey.key', 'initArgs.apiKey has no "key" (there are none)'],
    ['nowhere.at.all', 'initArgs has no "nowhere" (there are: '],
  ])('a path that leads nowhere, by its end: %s', async (path, said) => {
    const { agents } = await rig();
    const { message } = await refusal(agents.register({ module: careless, initArgs, secrets: [path] }));
    expect(message).toContain(`initArgs.${path} leads nowhere: ${said}`);
    expect(message).toContain('or the value of agents.ensure, or of createAgentSystem({ secrets })');
    expectNoSecret('the refusal', message);
  });

  it('the value that stands for one', async () => {
    const { agents } = await rig();
    const { message } = await refusal(agents.register({ module: careless, initArgs: hidden, secrets }));
    expect(message).toContain('initArgs.apiKey is a secret');
  });

  it('an invalid provider', async () => {
    const { code } = await refusal(createAgentSystem({ secrets: 'vault' as never }));
    expect(code).toBe('AGENT_SPEC_INVALID');
  });
});

it('a path may lead to a whole object, one within another is one secret, and what is short is hidden at its place', async () => {
  const taker = defineAgent({
    type: 'taker',
    init: () => ({}),
    connect: (all) => all.initArgs,
    tasks: { all: { run: ({ resources }) => resources } },
  });
  const { agents, eventsOf } = await rig();
  const given = { headers: { authorization: TOKEN, pin: '1234' }, list: [{ n: 7 }], text: 'pin 1234' };
  const paths = ['headers.authorization', 'headers', 'list.0.n', 'headers'];
  const id = await agents.register({ module: taker, initArgs: given, secrets: paths });
  expect(agents.get(id).spec.initArgs).toEqual({
    headers: '[redacted]',
    list: [{ n: '[redacted]' }],
    text: 'pin 1234',
  });
  await agents.start(id);
  expect(await agents.execute(id, { type: 'all' })).toEqual(given);
  expect(eventsOf('agent.registered')[0]!.spec['initArgs']).toEqual(agents.get(id).spec.initArgs);
});

it('a value that becomes a secret is hidden from then on, and one that stops being a secret is shown', async () => {
  const { agents, eventsOf, events } = await rig();
  const id = await agents.register({ module: careless, initArgs });
  const before = events.length;
  await agents.update(id, { secrets });
  expect(agents.get(id).spec.initArgs).toEqual(hidden);
  expect(eventsOf('agent.updated')[0]!.changes).toEqual([{ field: 'secrets', to: secrets }]);
  expectNoSecret('what is told since', inspect(events.slice(before), { depth: Infinity }));
  await agents.start(id);
  expect(await agents.execute(id, { type: 'use' })).toBe(`${KEY} large`);
  await agents.update(id, { secrets: undefined, initArgs });
  expect(agents.get(id).spec.initArgs).toEqual(initArgs);
});

it('a start that is killed while a secret is fetched has failed, and what comes late starts nothing', async () => {
  const vault = Promise.withResolvers<string>();
  let asked = 0;
  const { agents } = await rig({ secrets: () => ((asked += 1) > 1 ? vault.promise : 'key-first') });
  const spec = { module: careless, initArgs: { headers: { authorization: TOKEN } } as never, secrets };
  const id = await agents.register({ id: 'ada', ...spec });
  const started = awaited(agents.start(id));
  await settled();
  expect(agents.get(id).status).toBe('starting');
  awaited(agents.kill(id)).catch(() => undefined);
  expect((await refusal(started)).code).toBe('AGENT_START_FAILED');
  vault.resolve(KEY);
  await settled();
  expect(agents.get(id)).toMatchObject({ status: 'registered', incarnation: 1 });
});

/** What events say of the texts now. */
async function toldOf({ system, eventsOf }: Awaited<ReturnType<typeof rig>>): Promise<unknown> {
  const { variables } = system;
  if (variables.list().length === 0)
    await variables.define('note', variable.json({ schema: z.array(z.string()), default: [] }));
  await variables.set('note', [KEY, TOKEN]);
  return eventsOf('variable.changed').at(-1)!.value;
}

describe('of an agent that is not there any more no secret is kept: a text that it had is told as it is', () => {
  const spec = { id: 'ada', module: careless, initArgs, secrets };

  it('once it was forgotten, also where its secrets come later', async () => {
    const vault = Promise.withResolvers<string>();
    let asked = 0;
    const world = await rig({ secrets: () => ((asked += 1) > 1 ? vault.promise : 'key-first') });
    const { agents } = world;
    await agents.register({ ...spec, initArgs: { headers: { authorization: TOKEN } } as never });
    const started = awaited(agents.start('ada'));
    await settled();
    const killed = awaited(agents.kill('ada'));
    expect((await refusal(started)).code).toBe('AGENT_START_FAILED');
    await fateOf(killed);
    await agents.forget('ada');
    vault.resolve(KEY);
    await settled();
    expect(await toldOf(world)).toEqual([KEY, TOKEN]);
  });

  it('after a registration that the store refused', async () => {
    const kept = memoryStore();
    let fails = false;
    const store: Store = {
      isDurable: false,
      recover: () => kept.recover(),
      append: (batch) => {
        if (fails) throw new Error('no room');
        return kept.append(batch);
      },
      read: (query) => kept.read(query),
      state: (agentId) => kept.state(agentId),
      close: () => kept.close(),
    };
    const world = await rig({ store });
    const { agents, clock } = world;
    await agents.register({ ...spec, id: 'eve' });
    expect(await toldOf(world)).toEqual(['[redacted]', '[redacted]']);
    await agents.forget('eve');
    expect(await toldOf(world)).toEqual([KEY, TOKEN]);
    fails = true;
    expect((await refusal(agents.register(spec))).code).toBe('STORE_FAILED');
    fails = false;
    await clock.advance(2_000);
    expect(await toldOf(world)).toEqual([KEY, TOKEN]);
  });
});

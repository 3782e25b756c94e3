import { pino } from 'pino';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import {
  AgentSystemError,
  answerStoredQuestion,
  createAgentSystem,
  defineAgent,
  memoryStore,
  planRecovery,
  type Store,
} from '../../src/index.ts';
import { sqliteStore } from '../../src/sqlite.ts';
import { mortalStore } from '../kit/mortal-store.ts';

const silent = pino({ level: 'silent' });

const first = defineAgent({
  type: 'learner',
  init: ({ restored }): { seen: number } => restored ?? { seen: 0 },
  tasks: { see: { run: ({ state }) => ++state.seen } },
});
/** Its state has another shape by now. */
const second = defineAgent({
  type: 'learner',
  stateVersion: 2,
  migrate: (saved, fromVersion): { seen: number[] } => {
    const { seen } = saved as { seen: number };
    if (seen < 0) throw new Error(`seen: expected 0 or more, got ${seen}`);
    return { seen: Array.from({ length: seen }, () => fromVersion) };
  },
  init: ({ restored }): { seen: number[] } => restored ?? { seen: [] },
  tasks: { see: { run: ({ state }) => state.seen.push(2) } },
});
const withoutMigrate = defineAgent({ type: 'learner', stateVersion: 2, init: () => ({}), tasks: {} });

async function storeOfOneLearner() {
  const store = memoryStore();
  const system = await createAgentSystem({ store, logger: silent });
  const id = await system.agents.register({ id: 'one', module: first });
  await system.agents.start(id);
  await system.agents.execute(id, { type: 'see' });
  await system.close();
  return store;
}

it('an agent whose definition is there as it was comes back', async () => {
  const store = await storeOfOneLearner();
  expect(await planRecovery(store, { agents: [first] })).toEqual([
    {
      agentId: 'one',
      type: 'learner',
      at: 'stopped',
      comesBack: true,
      stateVersion: { saved: 1, wanted: 1 },
      isDefinitionChanged: false,
    },
  ]);
});

it('a state of an earlier version comes back through migrate, tried in the plan and then for real', async () => {
  const store = await storeOfOneLearner();
  expect(await planRecovery(store, { agents: [second] })).toMatchObject([
    { comesBack: true, stateVersion: { saved: 1, wanted: 2 }, isDefinitionChanged: true },
  ]);
  const system = await createAgentSystem({ store, agents: [second], logger: silent });
  await system.agents.start('one');
  expect(await system.agents.execute('one', { type: 'see' })).toBe(2);
  await system.close();
  expect(await store.state('one')).toEqual({ json: '{"seen":[1,2]}', stateVersion: 2 });
});

const hang = () => new Promise<never>(() => {});

it('a plan says what becomes of each task, and which cannot be done any more', async () => {
  const store = memoryStore();
  const kinds = {
    once: { run: hang },
    again: { retry: 'on_host_loss', run: hang },
    text: { retry: 'on_host_loss', run: hang },
    // With one attempt: it may be begun after a loss if nobody has seen it begin.
    single: { retry: { attempts: 1 }, run: hang },
  } as const;
  const before = defineAgent({ type: 'clerk', init: () => ({}), tasks: kinds });
  const system = await createAgentSystem({ store, logger: silent });
  const tasks = { concurrency: 5 };
  await system.agents.register({ id: 'ada', module: before, tasks });
  await system.agents.register({ id: 'bob', module: before });
  await system.agents.start('ada');
  const execute = (type: 'once' | 'single') =>
    void system.agents.execute('ada', { type }).catch(() => undefined);
  execute('once');
  await system.tasks.submit('ada', { type: 'again' });
  await system.tasks.submit('ada', { type: 'text', input: 7 });
  await system.tasks.submit('ada', { type: 'once' });
  await system.tasks.submit('ada', { type: 'single' });
  // There is no room for these two.
  execute('once');
  execute('single');
  await system.tasks.submit('bob', { type: 'once' });
  const text = { ...kinds.text, input: z.string() };
  const after = defineAgent({
    type: 'clerk',
    init: () => ({}),
    tasks: { again: kinds.again, text, single: kinds.single },
  });
  // As it stands while the program runs: what a loss of it would leave.
  const lost: Store = {
    isDurable: false,
    recover: () => store.recover(),
    append: () => {},
    read: (query) => store.read(query),
    state: (id) => store.state(id),
    close: () => {},
  };
  const plans = await planRecovery(lost, { agents: [after] });
  expect(plans.map(({ tasks }) => tasks?.map(({ taskId: _, ...task }) => task))).toEqual([
    [
      { task: 'once', becomes: 'unknown' },
      { task: 'again', becomes: 'repeated' },
      { task: 'text', becomes: 'repeated', problem: expect.stringContaining('input: ') },
      { task: 'once', becomes: 'unknown' },
      { task: 'single', becomes: 'unknown' },
      { task: 'once', becomes: 'unknown' },
      { task: 'single', becomes: 'repeated' },
    ],
    [
      {
        task: 'once',
        becomes: 'waits',
        problem: 'its definition has no task "once", it has: again, text, single',
      },
    ],
  ]);
  // And so it comes.
  const next = await createAgentSystem({ store: lost, agents: [after], logger: silent });
  for (const { taskId, becomes } of plans.flatMap((plan) => plan.tasks ?? [])) {
    const { task, status } = next.tasks.get(taskId);
    expect([task, status]).toEqual([task, becomes === 'unknown' ? 'unknown' : 'waiting']);
  }
  await next.close({ timeoutMs: 0 });
  await system.close({ timeoutMs: 0 });
});

const clerkOf = (input: z.ZodType) =>
  defineAgent({
    type: 'clerk',
    init: () => ({}),
    tasks: { send: { input, run: ({ ask }) => ask({ question: 'Send it?', schema: z.string() }) } },
  });

it('a task that has asked a person goes on, whatever its kind says: it waits for the answer, and is begun again with it', async () => {
  const [clerk, stricter] = [clerkOf(z.string()), clerkOf(z.number())];
  const mortal = mortalStore();
  const system = await createAgentSystem({ store: mortal, logger: silent });
  await system.agents.register({ id: 'ada', module: clerk });
  await system.agents.start('ada');
  const asked = new Promise((resolve) => {
    system.events.subscribe(({ type }) => type === 'question.asked' && resolve(type));
  });
  const { id } = await system.tasks.submit('ada', { type: 'send', input: 'a letter' });
  await asked;
  const store = mortal.die();
  await system.close({ timeoutMs: 0 });

  const planned = async (agent: typeof clerk) => (await planRecovery(store, { agents: [agent] }))[0]?.tasks;
  const send = { taskId: id, task: 'send' };
  expect(await planned(clerk)).toEqual([{ ...send, becomes: 'waits' }]);
  expect(await planned(stricter)).toMatchObject([{ problem: 'input: expected a number, got "a letter"' }]);
  await answerStoredQuestion(store, `${id}/1`, 'yes');
  expect(await planned(clerk)).toEqual([{ ...send, becomes: 'repeated' }]);
  // And so it comes.
  await using next = await createAgentSystem({ store, agents: [clerk], logger: silent });
  await next.agents.ensure({ id: 'ada', module: clerk }, { autoStart: true });
  expect(await next.tasks.result(id)).toBe('yes');
});

it('initArgs that the schema of today does not take keep an agent from coming back', async () => {
  const store = await storeOfOneLearner();
  const demanding = defineAgent({
    type: 'learner',
    initArgs: z.object({ rate: z.number() }),
    init: () => ({}),
    tasks: {},
  });
  const problem = expect.stringContaining('initArgs: rate: ') as string;
  expect(await planRecovery(store, { agents: [demanding] })).toMatchObject([{ comesBack: false, problem }]);
  // Only of one with secrets nothing can be told.
  const system = await createAgentSystem({ store, agents: [first], logger: silent });
  await system.agents.register({ id: 'none', module: first, secrets: [] });
  await system.agents.register({ id: 'secret', module: first, initArgs: { key: 'k' }, secrets: ['key'] });
  await system.close();
  const plans = await planRecovery(store, { agents: [demanding] });
  expect(plans.map(({ agentId, comesBack }) => [agentId, comesBack])).toEqual([
    ['one', false],
    ['none', false],
    ['secret', true],
  ]);
});

it('the plan names each agent that would not come back, and why, and changes nothing', async () => {
  const store = await storeOfOneLearner();
  expect(await planRecovery(store, { agents: [] })).toMatchObject([
    {
      agentId: 'one',
      comesBack: false,
      problem: 'no definition of type "learner" was given to createAgentSystem({ agents })',
    },
  ]);
  const [withoutWay] = await planRecovery(store, { agents: [withoutMigrate] });
  expect(withoutWay?.comesBack).toBe(false);
  expect(withoutWay?.problem).toMatch(
    /saved state has version 1, the definition learner has 2, and the definition has no migrate/,
  );
  const [newer] = await planRecovery(await storeOfNewerLearner(), { agents: [first] });
  expect(newer?.problem).toMatch(/version 2, the definition learner has 1: it was saved by a newer one/);
  expect(await store.state('one')).toEqual({ json: '{"seen":1}', stateVersion: 1 });
});

async function storeOfNewerLearner() {
  const store = memoryStore();
  const system = await createAgentSystem({ store, logger: silent });
  await system.agents.register({ id: 'one', module: second });
  await system.agents.start('one');
  await system.agents.execute('one', { type: 'see' });
  await system.close();
  return store;
}

it('a state that migrate does not take fails the start, and stays as it was saved', async () => {
  const store = await storeOfOneLearner();
  const system = await createAgentSystem({ store, agents: [withoutMigrate], logger: silent });
  await expect(system.agents.start('one')).rejects.toMatchObject({
    code: 'AGENT_START_FAILED',
    message: expect.stringMatching(/no migrate/) as string,
  });
  expect(system.agents.get('one').status).toBe('stopped');
  await system.close();
  expect(await store.state('one')).toEqual({ json: '{"seen":1}', stateVersion: 1 });
});

it.each<[string, () => unknown]>([
  ['a promise', () => Promise.resolve({ seen: [] })],
  ['a promise', () => Promise.reject(new Error('no luck'))],
  ['nothing', () => undefined],
])('a migrate that gives %s is refused, in the plan and for real', async (given, migrate) => {
  const store = await storeOfOneLearner();
  const agents = [defineAgent({ type: 'learner', stateVersion: 2, migrate, init: () => ({}), tasks: {} })];
  const problem = expect.stringContaining(`its migrate gave ${given}, expected the state itself`) as string;
  expect(await planRecovery(store, { agents })).toMatchObject([{ comesBack: false, problem }]);
  const system = await createAgentSystem({ store, agents, logger: silent });
  await expect(system.agents.start('one')).rejects.toMatchObject({
    code: 'AGENT_START_FAILED',
    message: problem,
  });
  await system.close();
  expect(await store.state('one')).toEqual({ json: '{"seen":1}', stateVersion: 1 });
});

it.each<[unknown, unknown, string]>([
  ['fleet.db', {}, 'store: expected an object with recover'],
  [memoryStore(), null, 'options: '],
  [memoryStore(), { agnts: [] }, 'options.agnts'],
  [memoryStore(), { agents: 5 }, 'options.agents'],
  [
    memoryStore(),
    { agents: [5] },
    'options.agents.0: expected a defineAgent value, or { type, module } with the URL of a module, got 5',
  ],
  [memoryStore(), { agents: [first, second] }, 'two definitions of type "learner"'],
])('a plan of %j with %j is refused by name', async (store, options, named) => {
  await expect(planRecovery(store as never, options as never)).rejects.toMatchObject({
    code: 'AGENT_SPEC_INVALID',
    message: expect.stringContaining(named),
  });
});

it('the identities of the charts are kept, and another one found is logged', async () => {
  const store = memoryStore();
  await (await createAgentSystem({ store, logger: silent })).close();
  const { facts } = await store.recover();
  expect([...facts.keys()].toSorted()).toEqual(['chart:agent', 'chart:supervisor']);
  await store.append({ events: [], facts: new Map([['chart:agent', 'another']]) });
  const lines: string[] = [];
  const logger = pino({ level: 'warn' }, { write: (line: string) => lines.push(line) });
  await (await createAgentSystem({ store, logger })).close();
  expect(lines.filter((line) => line.includes('another version of this chart'))).toHaveLength(1);
  expect((await store.recover()).facts.get('chart:agent')).toBe(facts.get('chart:agent'));
});

it('a plan closes its store once, whether it could be made or not', async () => {
  const kept = await storeOfOneLearner();
  const closes: string[] = [];
  const counting = (name: string, over: Partial<Store> = {}): Store => ({
    isDurable: kept.isDurable,
    recover: () => kept.recover(),
    append: (batch) => kept.append(batch),
    read: (query) => kept.read(query),
    state: (agentId) => kept.state(agentId),
    close: () => {
      closes.push(name);
      return kept.close();
    },
    ...over,
  });
  await planRecovery(counting('sound'), { agents: [first] });
  const unsound = counting('unsound', { recover: () => Promise.reject(new Error('unreadable')) });
  await expect(planRecovery(unsound, { agents: [first] })).rejects.toMatchObject({ code: 'STORE_FAILED' });
  const refused = new AgentSystemError('STORE_FAILED', 'it is held by another program');
  const held = counting('held', { recover: () => Promise.reject(refused) });
  await expect(planRecovery(held, { agents: [first] })).rejects.toBe(refused);
  expect(closes).toEqual(['sound', 'unsound', 'held']);
});

it('the program that follows a plan has the database, and so has the next plan', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'mabeam-plan-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const store = () => sqliteStore(join(folder, 'fleet.db'));
  for (const seen of [1, 2]) {
    await planRecovery(store(), { agents: [first] });
    const system = await createAgentSystem({ store: store(), agents: [first], logger: silent });
    if (seen === 1) await system.agents.register({ id: 'one', module: first });
    await system.agents.start('one');
    expect(await system.agents.execute('one', { type: 'see' })).toBe(seen);
    await system.close();
  }
  expect(await planRecovery(store(), { agents: [first] })).toMatchObject([{ comesBack: true }]);
});

import { pino } from 'pino';
import { Registry } from 'prom-client';
import { expect, it, onTestFinished } from 'vitest';
import { createAgentSystem, defineAgent, variable } from '../../src/index.ts';
import { createPrometheus, type PrometheusOptions } from '../../src/prometheus.ts';
import { simulatedClock } from '../../src/testing/index.ts';
import { createEndpoints } from '../../src/endpoints.ts';
import { ALERT_WORDS } from '../../docs/reference/words.ts';
import { gate, refusal } from '../kit/rig.ts';

const silent = pino({ level: 'silent' });

const worker = defineAgent({
  type: 'worker',
  variables: ['rate'],
  vote: () => 'accept' as const,
  init: () => ({}),
  tasks: {
    work: { run: () => 'done' },
    fail: {
      run: () => {
        throw new Error('no luck');
      },
    },
    hang: { run: ({ input }) => input },
  },
});

async function measured(options: PrometheusOptions = {}) {
  const clock = simulatedClock();
  const system = await createAgentSystem({ logger: silent, clock, random: () => 0 });
  const prometheus = createPrometheus(system, options);
  onTestFinished(async () => {
    prometheus.close();
    await system.close({ timeoutMs: 0 });
  });
  /** Samples of one metric, by their labels as written. */
  const samples = async (name: string): Promise<Record<string, number>> => {
    const text = await prometheus.metrics();
    const found = text.matchAll(new RegExp(`^${name}(?:\\{(.*)\\})? (\\S+)$`, 'gm'));
    return Object.fromEntries([...found].map(([, labels = '', value]) => [labels, Number(value)]));
  };
  return { system, clock, prometheus, samples };
}

it('latencies are counted up to ten minutes, by its own bounds', async () => {
  const { system, samples } = await measured();
  await system.agents.register({ id: 'a', module: worker });
  await system.agents.start('a');
  await system.agents.execute('a', { type: 'work' });
  const bounds = Object.keys(await samples('mabeam_task_duration_seconds_bucket')).map((labels) =>
    Number(/le="([^"]*)"/.exec(labels)![1]!.replace('+Inf', 'Infinity')),
  );
  expect([...new Set(bounds)].toSorted((a, b) => a - b)).toEqual([
    0.001,
    0.005,
    0.01,
    0.05,
    0.1,
    0.5,
    1,
    5,
    10,
    30,
    60,
    300,
    600,
    Infinity,
  ]);
});

it('what is no system is refused by name', async () => {
  expect(await refusal(() => createPrometheus({} as never))).toMatchObject({
    code: 'AGENT_SPEC_INVALID',
    message: expect.stringContaining('createPrometheus: system'),
  });
});

it('counts what happens from the moment it is there, and shows how things stand', async () => {
  const { system, clock, samples } = await measured();
  const { agents } = system;
  for (const id of ['ada', 'bob', 'eve']) await agents.register({ id, module: worker });
  await agents.start('ada');
  await agents.start('bob');
  await agents.execute('ada', { type: 'work' });
  await agents.execute('ada', { type: 'work' });
  await agents.execute('ada', { type: 'fail' }).catch(() => undefined);
  await agents.kill('bob');

  expect(await samples('mabeam_up')).toEqual({ '': 1 });
  expect(await samples('mabeam_agents')).toEqual({
    'type="worker",status="running"': 1,
    'type="worker",status="crashed"': 1,
    'type="worker",status="registered"': 1,
  });
  expect(await samples('mabeam_agent_starts_total')).toEqual({ 'type="worker"': 2 });
  expect(await samples('mabeam_agent_ends_total')).toEqual({
    'type="worker",as="stopped"': 0,
    'type="worker",as="completed"': 0,
    'type="worker",as="crashed"': 1,
  });
  expect(await samples('mabeam_agent_restarts_total')).toEqual({ 'type="worker"': 1 });
  expect(await samples('mabeam_tasks_total')).toEqual({
    'type="worker",task="work",as="completed"': 2,
    'type="worker",task="fail",as="failed",code="TASK_FAILED"': 1,
  });
  expect(await samples('mabeam_task_duration_seconds_count')).toMatchObject({
    'type="worker",task="work",as="completed"': 2,
  });
  expect(await samples('mabeam_task_wait_seconds_count')).toMatchObject({ 'type="worker",task="work"': 2 });

  await clock.advance(1_000);
  expect(await samples('mabeam_agent_starts_total')).toEqual({ 'type="worker"': 3 });
  expect(await samples('mabeam_agents')).toMatchObject({ 'type="worker",status="running"': 2 });
});

it('what goes wrong with agents, and each alert, counts 0 before it first happens', async () => {
  await using system = await createAgentSystem({ logger: silent });
  await system.agents.register({ id: 'ada', module: worker });
  using prometheus = createPrometheus(system);
  await system.agents.register({
    id: 'eve',
    module: defineAgent({ type: 'late', init: () => ({}), tasks: {} }),
  });
  const text = await prometheus.metrics();
  for (const type of ['worker', 'late']) {
    for (const name of ['starts', 'start_failures', 'restarts', 'gave_up']) {
      expect(text).toContain(`\nmabeam_agent_${name}_total{type="${type}"} 0\n`);
    }
    for (const as of ['stopped', 'completed', 'crashed']) {
      expect(text).toContain(`\nmabeam_agent_ends_total{type="${type}",as="${as}"} 0\n`);
    }
  }
  for (const alert of Object.keys(ALERT_WORDS)) {
    expect(text).toContain(`\nmabeam_alerts_total{alert="${alert}"} 0\n`);
  }
});

it('durations are in seconds: a task that runs 2.5 s, and one that waits as long', async () => {
  const { system, clock, samples } = await measured();
  const module = defineAgent({
    type: 'slow',
    init: () => ({}),
    tasks: {
      take: { run: () => new Promise((resolve) => void clock.setTimeout(() => resolve('done'), 2_500)) },
    },
  });
  await system.agents.register({ id: 'ada', module });
  await system.agents.start('ada');
  const both = [1, 2].map(() => system.agents.execute('ada', { type: 'take' }));
  await clock.advance(5_000);
  await Promise.all(both);
  expect(await samples('mabeam_task_duration_seconds_sum')).toEqual({
    'type="slow",task="take",as="completed"': 5,
  });
  expect(await samples('mabeam_task_wait_seconds_sum')).toEqual({ 'type="slow",task="take"': 2.5 });
});

it('one scrape is of one moment: counts, queues and pools', async () => {
  const { system, samples, prometheus } = await measured();
  const { agents } = system;
  await agents.start(await agents.register({ id: 'ada', module: worker }));
  const hanging = gate<string>();
  const first = agents.execute('ada', { type: 'hang', input: hanging.promise });
  const second = agents.execute('ada', { type: 'work' });
  await system.pools.create({ name: 'crew', spec: { module: worker }, min: 2, max: 4 });
  const text = await prometheus.metrics();
  expect(text).toContain('\nmabeam_tasks_waiting{type="worker"} 1\n');
  expect(text).toContain('\nmabeam_tasks_running{type="worker"} 1\n');
  expect(await samples('mabeam_pool_members')).toEqual({
    'pool="crew",state="wanted"': 2,
    'pool="crew",state="idle"': 2,
    'pool="crew",state="busy"': 0,
    'pool="crew",state="starting"': 0,
    'pool="crew",state="down"': 0,
    'pool="crew",state="draining"': 0,
  });
  hanging.resolve('late');
  await Promise.all([first, second]);
  await system.pools.close('crew');
  expect(await samples('mabeam_pool_members')).toEqual({});
  expect(await samples('mabeam_tasks_waiting')).toEqual({ 'type="worker"': 0 });
});

it('knows alerts, rounds, leaders and coordination', async () => {
  const { system, samples } = await measured();
  await system.variables.define('rate', variable.float({ min: 0, max: 1, default: 0 }));
  const id = await system.agents.register({
    module: worker,
    coordination: { leadershipEligible: true },
    restart: { policy: 'manual' },
  });
  await system.agents.start(id);
  await system.consensus.propose({ variable: 'rate', value: 0.5 });
  expect(await samples('mabeam_rounds_total')).toEqual({ 'outcome="accepted"': 1 });
  expect(await samples('mabeam_leader_elections_total')).toEqual({ '': 1 });
  await system.agents.kill(id);
  expect(await samples('mabeam_alerts_raised')).toEqual({ 'alert="restart_required"': 1 });
  expect(await samples('mabeam_alerts_total')).toMatchObject({ 'alert="restart_required"': 1 });
  await system.agents.start(id);
  expect(await samples('mabeam_alerts_raised')).toEqual({});
  expect(await samples('mabeam_alerts_total')).toMatchObject({ 'alert="restart_required"': 1 });
  system.coordination.suspend();
  expect(await samples('mabeam_coordination_up')).toEqual({ '': 0 });
});

it('labels hold no ids, and an agent that has gone is not kept', async () => {
  const { system, samples, prometheus } = await measured();
  const { agents } = system;
  await agents.register({ id: 'an-id-of-its-own', module: worker });
  await agents.start('an-id-of-its-own');
  await agents.execute('an-id-of-its-own', { type: 'work' });
  await agents.stop('an-id-of-its-own');
  await agents.forget('an-id-of-its-own');
  expect(await prometheus.metrics()).not.toContain('an-id-of-its-own');
  expect(await samples('mabeam_agents')).toEqual({});
});

it('can come later, to agents that are there', async () => {
  await using system = await createAgentSystem({ logger: silent });
  await system.agents.start(await system.agents.register({ id: 'ada', module: worker }));
  using prometheus = createPrometheus(system);
  await system.agents.execute('ada', { type: 'work' });
  expect(await prometheus.metrics()).toContain(
    'mabeam_tasks_total{type="worker",task="work",as="completed"} 1',
  );
});

it('takes a registry with other metrics in it, once, and leaves it as it was', async () => {
  const register = new Registry();
  await using system = await createAgentSystem({ logger: silent });
  const prometheus = createPrometheus(system, { register, bucketsSeconds: [1] });
  expect((await refusal(() => createPrometheus(system, { register }))).message).toMatch(/register/);
  expect(register.getMetricsAsArray().length).toBeGreaterThan(10);
  prometheus.close();
  prometheus.close();
  expect(register.getMetricsAsArray()).toEqual([]);
  createPrometheus(system, { register }).close();
});

it('is what /metrics serves', async () => {
  const { system, prometheus } = await measured();
  await using endpoints = await createEndpoints(system, { metrics: prometheus });
  const response = await fetch(`${endpoints.url}/metrics`);
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(await response.text()).toMatch(/^# TYPE mabeam_agents gauge$/m);
});

it.each([
  [{ register: {} }, 'register'],
  [{ bucketsSeconds: [] }, 'bucketsSeconds'],
  [{ bucketsSeconds: [2, 1] }, 'bounds that grow'],
  [{ bucketsSeconds: [1, 2, 2] }, 'bounds that grow'],
  [{ colour: 'red' }, 'colour'],
])('refuses %j by name', async (options, named) => {
  await using system = await createAgentSystem({ logger: silent });
  const { code, message } = await refusal(() => createPrometheus(system, options as PrometheusOptions));
  expect({ code, message }).toEqual({ code: 'AGENT_SPEC_INVALID', message: expect.stringContaining(named) });
});

it('knows what limits work: budgets, parks, retries, people, and who is held', async () => {
  const { system, clock, samples } = await measured();
  const limited = defineAgent({
    type: 'limited',
    init: () => ({}),
    tasks: {
      pay: {
        run: async ({ budget }) => {
          await (await budget.reserve({ tokens: 8, money: 0.5 })).settle({ tokens: 6, money: 0.25 });
        },
      },
      park: { run: ({ park }) => park({ afterMs: 60_000, why: 'the provider says so' }) },
      flaky: {
        retry: { attempts: 2, backoff: { delayMs: 1 } },
        run: () => {
          throw new Error('again');
        },
      },
      ask: { run: ({ ask }) => ask({ question: 'Well?' }) },
    },
  });
  system.budgets.define({ name: 'day', limits: { tokens: 10, money: 1, calls: 5 } });
  for (const id of ['ada', 'bob', 'eve']) {
    await system.agents.register({ id, module: limited });
    await system.agents.start(id);
  }
  await system.agents.execute('ada', { type: 'pay' });
  const failed = refusal(system.agents.execute('ada', { type: 'flaky' }));
  await clock.advance(1_000);
  await failed;
  await system.tasks.submit('ada', { type: 'ask' });
  await system.tasks.submit('bob', { type: 'park' });
  await system.agents.pause('eve');
  await clock.advance(1);

  expect(await samples('mabeam_budget_used_total')).toEqual({
    'type="limited",budget="day",unit="tokens"': 6,
    'type="limited",budget="day",unit="money"': 0.25,
  });
  expect(await samples('mabeam_budget_spent')).toEqual({
    'budget="day",unit="tokens"': 6,
    'budget="day",unit="money"': 0.25,
    'budget="day",unit="calls"': 0,
  });
  expect(await samples('mabeam_budget_limit')).toEqual({
    'budget="day",unit="tokens"': 10,
    'budget="day",unit="money"': 1,
    'budget="day",unit="calls"': 5,
  });
  expect(await samples('mabeam_task_retries_total')).toEqual({
    'type="limited",task="flaky",code="TASK_FAILED"': 1,
  });
  expect(await samples('mabeam_task_parks_total')).toEqual({ 'type="limited",task="park"': 1 });
  expect(await samples('mabeam_agents_held')).toEqual({ 'by="pause"': 1, 'by="park"': 1 });
  expect(await samples('mabeam_questions_open')).toEqual({ '': 1 });
  await system.budgets.refill('day', { by: 'ann' });
  expect(Object.values(await samples('mabeam_budget_spent'))).toEqual([0, 0, 0]);
});

it.for(['agent', 'task'] as const)(
  'has no series of its own for each %s that has a budget of its own',
  async (scope) => {
    const { system, samples } = await measured();
    const held = Promise.withResolvers<void>();
    const spender = defineAgent({
      type: 'spender',
      init: () => ({}),
      tasks: {
        spend: {
          run: async ({ budget }) => {
            await (await budget.reserve({ calls: 2 })).settle({ calls: 1 });
            await held.promise;
          },
        },
      },
    });
    system.budgets.define({ name: 'own', scope, limits: { calls: 4 } });
    const spent = (): boolean =>
      system.budgets.list().filter(({ spent: { calls } }) => calls === 1).length === 3;
    const told = new Promise<void>((resolve) => {
      system.events.subscribe(({ type }) => type === 'budget.settled' && spent() && resolve());
    });
    const tasks: Promise<unknown>[] = [];
    for (const id of ['ada', 'bob', 'eve']) {
      await system.agents.start(await system.agents.register({ id, module: spender }));
      tasks.push(system.agents.execute(id, { type: 'spend' }));
    }
    await told;
    expect(await samples('mabeam_budget_spent')).toEqual({ 'budget="own",unit="calls"': 3 });
    expect(await samples('mabeam_budget_reserved')).toEqual({ 'budget="own",unit="calls"': 0 });
    expect(await samples('mabeam_budget_limit')).toEqual({ 'budget="own",unit="calls"': 12 });
    expect(await samples('mabeam_budget_accounts')).toEqual({ 'budget="own",status="ample"': 3 });
    held.resolve();
    await Promise.all(tasks);
  },
);

/** A system that says what the test says. */
function saidSystem() {
  const said = {
    status: 'open',
    coordination: 'available',
    agents: [] as object[],
    pools: [] as object[],
    budgets: [] as object[],
    quotas: [] as object[],
    rounds: [] as object[],
    questions: [] as object[],
    tasks: {} as Record<string, number>,
    alerts: [] as object[],
  };
  let heard: ((event: object) => void) | undefined;
  const system = {
    resources: () => ({}),
    close() {},
    get status() {
      return said.status;
    },
    agents: { list: () => said.agents },
    pools: { list: () => said.pools },
    budgets: { list: () => said.budgets },
    quotas: { list: () => said.quotas },
    consensus: { rounds: () => said.rounds },
    questions: { list: () => said.questions },
    tasks: { counts: () => said.tasks },
    alerts: { list: () => said.alerts },
    coordination: { status: () => said.coordination },
    events: {
      subscribe: (listener: typeof heard) => {
        heard = listener;
        return () => (heard = undefined);
      },
    },
  };
  const prometheus = createPrometheus(system as never, { bucketsSeconds: [1, 2, 3] });
  const scraped = async (pattern: RegExp) =>
    (await prometheus.metrics()).split('\n').filter((line) => pattern.test(line));
  return {
    said,
    prometheus,
    scraped,
    tell: (event: object) => heard?.(event),
    isHeard: () => heard !== undefined,
  };
}

const agent = (
  type: string,
  status: string,
  [waiting, running, memoryBytes]: (number | undefined)[],
  more = {},
) => ({
  type,
  status,
  metrics: { waiting, running, memoryBytes },
  ...more,
});

it('a scrape tells what there is, figure by figure, and the next one nothing of what has gone', async () => {
  const { said, scraped } = saidSystem();
  said.agents = [
    agent('a', 'running', [1, 2, 10], { paused: true }),
    agent('a', 'running', [3, 4, undefined]),
    agent('a', 'stopped', [0, 0, 20], { parked: { until: 1, why: '' } }),
    agent('b', 'running', [5, 6, 30]),
  ];
  const pool = { wanted: 7, live: 5, idle: 2, starting: 1, down: 4, draining: 6 };
  said.pools = [
    { name: 'crew', waiting: 8, ...pool },
    { name: 'other', waiting: 0, ...pool },
  ];
  said.budgets = [
    {
      name: 'day',
      status: 'ample',
      limits: { calls: 4, tokens: undefined },
      spent: { calls: 1 },
      reserved: { calls: 2 },
    },
    { name: 'day', status: 'ample', limits: { calls: 5 }, spent: { calls: 3 }, reserved: {} },
  ];
  said.quotas = [{ status: 'open' }, { status: 'open' }, { status: 'exhausted' }];
  said.rounds = [{}, {}];
  said.questions = [{}, {}, {}];
  said.tasks = { waiting: 9, done: 10 };
  said.alerts = [{ alert: 'gave_up' }, { alert: 'gave_up' }, { alert: 'pool_starved' }];
  const isGauge = /^mabeam_(?!alerts_total|leader)/;
  expect(await scraped(isGauge)).toEqual([
    'mabeam_agents{type="a",status="running"} 2',
    'mabeam_agents{type="a",status="stopped"} 1',
    'mabeam_agents{type="b",status="running"} 1',
    'mabeam_tasks_waiting{type="a"} 4',
    'mabeam_tasks_waiting{type="b"} 5',
    'mabeam_tasks_running{type="a"} 6',
    'mabeam_tasks_running{type="b"} 6',
    'mabeam_agent_memory_bytes{type="a"} 30',
    'mabeam_agent_memory_bytes{type="b"} 30',
    'mabeam_pool_members{pool="crew",state="wanted"} 7',
    'mabeam_pool_members{pool="crew",state="busy"} 3',
    'mabeam_pool_members{pool="crew",state="idle"} 2',
    'mabeam_pool_members{pool="crew",state="starting"} 1',
    'mabeam_pool_members{pool="crew",state="down"} 4',
    'mabeam_pool_members{pool="crew",state="draining"} 6',
    'mabeam_pool_members{pool="other",state="wanted"} 7',
    'mabeam_pool_members{pool="other",state="busy"} 3',
    'mabeam_pool_members{pool="other",state="idle"} 2',
    'mabeam_pool_members{pool="other",state="starting"} 1',
    'mabeam_pool_members{pool="other",state="down"} 4',
    'mabeam_pool_members{pool="other",state="draining"} 6',
    'mabeam_pool_tasks_waiting{pool="crew"} 8',
    'mabeam_pool_tasks_waiting{pool="other"} 0',
    'mabeam_alerts_raised{alert="gave_up"} 2',
    'mabeam_alerts_raised{alert="pool_starved"} 1',
    'mabeam_budget_spent{budget="day",unit="calls"} 4',
    'mabeam_budget_spent{budget="day",unit="tokens"} 0',
    'mabeam_budget_reserved{budget="day",unit="calls"} 2',
    'mabeam_budget_reserved{budget="day",unit="tokens"} 0',
    'mabeam_budget_limit{budget="day",unit="calls"} 9',
    'mabeam_budget_limit{budget="day",unit="tokens"} 0',
    'mabeam_budget_accounts{budget="day",status="ample"} 2',
    'mabeam_agents_held{by="pause"} 1',
    'mabeam_agents_held{by="park"} 1',
    'mabeam_tasks_known{status="waiting"} 9',
    'mabeam_tasks_known{status="done"} 10',
    'mabeam_questions_open 3',
    'mabeam_quotas{status="open"} 2',
    'mabeam_quotas{status="exhausted"} 1',
    'mabeam_coordination_up 1',
    'mabeam_rounds_open 2',
    'mabeam_up 1',
  ]);
  Object.assign(said, { status: 'closed', coordination: 'suspended', tasks: { waiting: 0, done: 1 } });
  Object.assign(said, {
    agents: [],
    pools: [],
    budgets: [],
    quotas: [],
    rounds: [],
    questions: [],
    alerts: [],
  });
  expect(await scraped(isGauge)).toEqual([
    'mabeam_agents_held{by="pause"} 0',
    'mabeam_agents_held{by="park"} 0',
    'mabeam_tasks_known{status="waiting"} 0',
    'mabeam_tasks_known{status="done"} 1',
    'mabeam_questions_open 0',
    'mabeam_coordination_up 0',
    'mabeam_rounds_open 0',
    'mabeam_up 0',
  ]);
});

it('counts by the type that an agent was registered with, and once it is forgotten by none', async () => {
  const { tell, scraped } = saidSystem();
  const started = { type: 'agent.started', agentId: 'ada' };
  tell({ type: 'agent.registered', agentId: 'ada', agentType: 'worker' });
  for (const event of [started, started]) tell(event);
  tell({ type: 'budget.settled', agentId: 'ada', budget: 'day', amount: { calls: 3 } });
  tell({ type: 'agent.forgotten', agentId: 'ada' });
  tell(started);
  expect(await scraped(/^mabeam_(agent_starts|budget_used)/)).toEqual([
    'mabeam_agent_starts_total{type="worker"} 2',
    'mabeam_agent_starts_total{type="unknown"} 1',
    'mabeam_budget_used_total{type="worker",budget="day",unit="calls"} 3',
  ]);
  expect((await scraped(/^mabeam_alerts_total/)).map((line) => /"(.*)"/.exec(line)?.[1])).toEqual(
    Object.keys(ALERT_WORDS),
  );
});

it('hears nothing any more once it is closed', () => {
  const { prometheus, isHeard } = saidSystem();
  expect(isHeard()).toBe(true);
  prometheus.close();
  expect(isHeard()).toBe(false);
});

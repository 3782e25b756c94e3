import { pino } from 'pino';
import { expect, it } from 'vitest';
import { type AgentSystem, variable } from '../../src/index.ts';
import asker from '../fixtures/agents/asker.ts';
import { act, ask, CONTROL, dashboard, running, system, worker } from '../kit/dashboard.ts';

async function controlled(fleet: AgentSystem) {
  const lines: Record<string, unknown>[] = [];
  const logger = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const shown = await dashboard(fleet, { control: true, controlToken: CONTROL, logger });
  const marks = async () => {
    const { json } = await ask(shown, '/api/timeline');
    return json.marks.filter(({ type }: { type: string }) => type === 'operator.act');
  };
  return { shown, lines, marks };
}

it('does what it says', async () => {
  const fleet = await system();
  await fleet.agents.register({ id: 'ada', module: worker });
  const { shown } = await controlled(fleet);
  const status = () => fleet.agents.get('ada').status;
  expect((await act(shown, '/api/agents/ada/start')).json.result).toEqual({ incarnation: 1 });
  expect(status()).toBe('running');
  expect((await act(shown, '/api/agents/ada/stop', { timeoutMs: 100 })).json.result.status).toBe('stopped');
  expect((await act(shown, '/api/agents/ada/restart')).json.result).toEqual({ incarnation: 2 });
  expect((await act(shown, '/api/agents/ada/kill')).json.result).toMatchObject({
    status: 'crashed',
    reason: 'killed',
  });
  expect((await act(shown, '/api/agents/ada/forget')).json.result).toEqual({ status: 'forgotten' });
  expect(fleet.agents.list()).toEqual([]);
});

it('only what is legal: what is not is refused, names what is, and changes nothing', async () => {
  const fleet = await system();
  await running(fleet, 'ada');
  const { shown } = await controlled(fleet);
  const commands = ['start', 'restart', 'forget'];
  for (const command of commands) {
    const { status, json } = await act(shown, `/api/agents/ada/${command}`);
    expect({ status, legal: json.error.legal }).toEqual({ status: 409, legal: fleet.agents.legal('ada') });
    expect(fleet.agents.get('ada')).toMatchObject({ status: 'running', incarnation: 1 });
  }
  const { status, json } = await act(shown, '/api/agents/nobody/start');
  expect({ status, code: json.error.code }).toEqual({ status: 404, code: 'AGENT_NOT_FOUND' });
});

it('what is done is in the event stream with who did it', async () => {
  const fleet = await system();
  await running(fleet, 'ada');
  await fleet.pools.create({ name: 'workers', spec: { module: worker }, min: 0, max: 2 });
  const { shown } = await controlled(fleet);
  const heard: string[] = [];
  fleet.events.subscribe((event) => {
    if ('by' in event) heard.push(`${event.type} ${event.by}`);
  });
  const by = 'grace';
  await act(shown, '/api/agents/ada/stop', { by });
  await act(shown, '/api/agents/ada/start', { by });
  await act(shown, '/api/agents/ada/kill', { by });
  await act(shown, '/api/agents/ada/restart', { by });
  await act(shown, '/api/agents/ada/stop', { by });
  await act(shown, '/api/agents/ada/forget', { by });
  await act(shown, '/api/pools/workers/size', { by, size: 1 });
  await act(shown, '/api/coordination/suspend', { by });
  await act(shown, '/api/coordination/resume', { by });
  expect(heard).toEqual(
    ['stopping', 'stopped', 'starting', 'crashed', 'starting', 'stopping', 'stopped', 'forgotten']
      .map((type) => `agent.${type} grace`)
      .concat('pool.scaled grace', 'coordination.lost grace', 'coordination.restored grace'),
  );
});

it('every act, done or refused, is a log line and a mark with who did it', async () => {
  const fleet = await system();
  await running(fleet, 'ada');
  const { shown, lines, marks } = await controlled(fleet);
  await act(shown, '/api/agents/ada/stop', { by: 'grace' });
  await act(shown, '/api/agents/ada/kill', { by: 'grace' });
  await act(shown, '/api/agents/ada/forget');
  expect(lines.map(({ by, act: what, agentId, msg }) => ({ by, what, agentId, msg }))).toEqual([
    { by: 'grace', what: 'stop', agentId: 'ada', msg: 'dashboard: done' },
    { by: 'grace', what: 'kill', agentId: 'ada', msg: 'dashboard: refused' },
    { by: 'dashboard', what: 'forget', agentId: 'ada', msg: 'dashboard: done' },
  ]);
  expect(
    (await marks()).map(({ by, agentId, text }: Record<string, unknown>) => ({ by, agentId, text })),
  ).toEqual([
    { by: 'grace', agentId: 'ada', text: 'stop' },
    {
      by: 'grace',
      agentId: 'ada',
      text: expect.stringMatching(/^kill: refused, agent ada does not take kill now/),
    },
    { by: 'dashboard', agentId: 'ada', text: 'forget' },
  ]);
});

it('pools are sized, variables set and rolled back, rounds proposed, coordination suspended', async () => {
  const fleet = await system();
  await fleet.pools.create({ name: 'crew', spec: { module: worker }, min: 1, max: 3 });
  await fleet.variables.define('rate', variable.float({ min: 0, max: 1, default: 0.5 }));
  const { shown } = await controlled(fleet);
  expect((await act(shown, '/api/pools/crew/size', { size: 3 })).json.result.live).toBe(3);
  expect((await act(shown, '/api/pools/crew/size', { size: 9 })).status).toBe(400);
  expect((await act(shown, '/api/pools/none/size', { size: 1 })).status).toBe(404);
  const set = { value: 0.6, by: 'grace', why: 'a test' };
  expect((await act(shown, '/api/variables/rate', set)).json.result.version).toBe(2);
  expect(fleet.variables.history('rate').at(-1)).toMatchObject({ by: 'grace', why: 'a test', value: 0.6 });
  expect((await act(shown, '/api/variables/rate', { value: 7 })).status).toBe(400);
  expect((await act(shown, '/api/variables/rate/rollback', { version: 1 })).status).toBe(200);
  expect(fleet.variables.get('rate').value).toBe(0.5);
  const proposed = await act(shown, '/api/rounds', { variable: 'rate', value: 0.9, deadlineMs: 50 });
  expect(proposed.json.result).toMatchObject({ outcome: 'no_quorum', electorate: 0 });
  expect((await act(shown, '/api/rounds', { variable: 'none', value: 0.9 })).status).toBe(404);
  expect((await act(shown, '/api/coordination/suspend')).json.result).toEqual({ status: 'suspended' });
  expect((await act(shown, '/api/variables/rate', { value: 0.6 })).status).toBe(503);
  expect((await act(shown, '/api/coordination/resume')).json.result).toEqual({ status: 'available' });
});

it.each([
  ['no JSON', '{', 400],
  ['an unknown key', { colour: 'red' }, 400],
  ['a body that is none', '[1]', 400],
  ['a name that is too long', { by: 'x'.repeat(101) }, 400],
  ['an empty name', { by: ' ' }, 400],
  ['too much', `{"by":"${'x'.repeat(70_000)}"}`, 413],
])('%s is refused, and nothing is done', async (_, body, status) => {
  const fleet = await system();
  await running(fleet, 'ada');
  const { shown } = await controlled(fleet);
  expect((await act(shown, '/api/agents/ada/stop', body)).status).toBe(status);
  expect(fleet.agents.get('ada').status).toBe('running');
});

it('whether the second secret is right can be asked, without doing anything', async () => {
  const { shown, marks } = await controlled(await system());
  expect((await act(shown, '/api/control')).json).toEqual({ control: true });
  const wrong = { method: 'POST', body: {}, headers: { 'X-Control-Token': 'wrong' } };
  expect((await ask(shown, '/api/control', wrong)).status).toBe(401);
  expect(await marks()).toEqual([]);
});

it('answers a question, once', async () => {
  const fleet = await system();
  await fleet.agents.register({ id: 'clerk', module: asker });
  await fleet.agents.start('clerk');
  const asked = new Promise<string>((resolve) => {
    fleet.events.subscribe((event) => event.type === 'question.asked' && resolve(event.questionId));
  });
  const output = fleet.agents.execute('clerk', { type: 'approve', input: 'it' });
  const id = await asked;
  const { shown } = await controlled(fleet);
  expect((await ask(shown, '/api/questions')).json.questions).toMatchObject([{ id, status: 'open' }]);
  const path = `/api/questions/${encodeURIComponent(id)}`;
  expect((await act(shown, path, { answer: 'perhaps' })).status).toBe(400);
  expect((await act(shown, path, { by: 'ann', answer: 'yes' })).json.result).toMatchObject({
    status: 'answered',
  });
  expect(await output).toBe('it: yes');
  expect((await act(shown, path, { answer: 'no' })).status).toBe(404);
});

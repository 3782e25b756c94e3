/** The dashboard of a fleet on two nodes and a real server: the addresses, the stream and the acts of one program. */
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { defineAgent, variable } from '../../src/index.ts';
import { act, ask, CONTROL, dashboard, listen, worker } from '../kit/dashboard.ts';
import { hasEngine } from './engine.ts';
import { eventually } from '../kit/eventually.ts';
import { fleetRig, fresh, sharedEngine } from './fleet-rig.ts';

const asker = defineAgent({
  type: 'asker',
  init: () => ({}),
  tasks: { ask: { run: ({ ask: asks }) => asks({ question: 'Go on?' }) } },
});

describe.runIf(hasEngine())('the dashboard of a fleet', () => {
  const engine = sharedEngine();

  async function shownFleet() {
    const rig = await fleetRig(engine(), [worker, asker]);
    const [one, other] = [fresh('n'), fresh('n')];
    const nodes = [await rig.node(one), await rig.node(other)];
    const shown = await dashboard(rig.fleet, { control: true, controlToken: CONTROL });
    const get = async (path: string) => {
      const { status, json } = await ask(shown, `/api/${path}`);
      expect({ path, status }).toEqual({ path, status: 200 });
      return json;
    };
    return { ...rig, nodes, names: [one, other] as const, shown, get };
  }

  test('every address answers as for one program, and says which agent runs where', async () => {
    const { fleet, names, shown, get } = await shownFleet();
    const { agents, tasks } = fleet;
    const [here, there] = names;
    const id = await agents.register({
      id: 'b/c d',
      module: worker,
      initArgs: { password: 'of-init-args' },
      placement: { node: there },
    });
    await agents.start(id);
    await agents.execute(id, { type: 'add' });
    const failing = await tasks.submit(id, { type: 'fail' });
    await tasks.result(failing.id).catch(() => undefined);
    await fleet.variables.define('rate', variable.float({ min: 0, max: 1, default: 0.5 }));
    await fleet.pools.create({ name: 'crew', spec: { module: worker }, min: 1, max: 2 });
    await fleet.tasks.schedule({
      name: 'nightly',
      everyMs: 3_600_000,
      target: id,
      task: { type: 'add', input: 'of-input' },
    });

    const report = await get('fleet');
    expect(report).toMatchObject({
      counts: { running: 2 },
      alerts: { total: 0 },
      coordination: { status: 'available' },
      needs: { failed: 1, questions: 0 },
    });
    expect(report.nodes).toMatchObject([
      { name: 'keeper', status: 'live', agents: 0 },
      { name: here, status: 'live', agents: 1, maxAgents: null },
      { name: there, status: 'live', agents: 1, types: ['worker', 'asker'] },
    ]);
    expect((await get('nodes')).nodes).toHaveLength(3);
    expect(await get(`agents?node=${there}`)).toMatchObject({ total: 1, agents: [{ id, node: there }] });
    const detail = await get('agents/b%2Fc%20d');
    expect(detail).toMatchObject({
      agent: { id, status: 'running', node: there },
      legal: await agents.legal(id),
      spec: { module: { type: 'worker' }, initArgs: '[redacted]', placement: { node: there } },
      metrics: { done: 1, failed: 1 },
    });
    expect(await get('agents/b%2Fc%20d/state')).toEqual({ state: { n: 1, apiKey: '[redacted]' } });
    expect((await get('agents/b%2Fc%20d/life')).lives).toMatchObject([{ incarnation: 1 }]);
    expect((await get('agents/b%2Fc%20d/events?limit=2')).events).toHaveLength(2);
    expect((await get('timeline')).marks).toEqual(expect.any(Array));
    expect(await get('tasks?status=failed')).toMatchObject({
      counts: { failed: 1 },
      tasks: [{ id: failing.id, agentId: id, canRetry: true }],
    });
    const address = `tasks/${encodeURIComponent(failing.id)}`;
    expect(await get(address)).toMatchObject({
      task: { status: 'failed' },
      legal: await tasks.legal(failing.id),
      error: { message: 'no luck' },
    });
    expect((await get('schedules')).schedules).toMatchObject([{ name: 'nightly', task: { type: 'add' } }]);
    expect(await get('variables/rate')).toMatchObject({ value: 0.5, history: [{ version: 1 }], behind: [] });
    expect((await get('pools')).pools).toMatchObject([{ name: 'crew', live: 1, members: 1 }]);
    expect(await get('pools/crew')).toMatchObject({ memberIds: [expect.stringContaining('crew')] });
    expect(await get('coordination')).toMatchObject({ status: 'available', rounds: [] });
    expect(await get('limits')).toMatchObject({ budgetCount: 0, quotaCount: 0 });
    for (const [path, code] of [
      ['agents/nobody', 'AGENT_NOT_FOUND'],
      ['agents/nobody/state', 'AGENT_NOT_FOUND'],
      ['tasks/none', 'TASK_UNKNOWN'],
      ['variables/none', 'VARIABLE_UNKNOWN'],
      ['pools/none', 'POOL_UNKNOWN'],
    ] as const) {
      const { status, json } = await ask(shown, `/api/${path}`);
      expect({ path, status, code: json.error.code }).toEqual({ path, status: 404, code });
    }
    const shownToAll = JSON.stringify([detail, await get('events'), await get('tasks')]);
    expect(shownToAll).not.toMatch(/of-init-args|of-input|key-in-the-state/);
    await fleet.tasks.unschedule('nightly');
    await fleet.pools.close('crew');
  });

  test('an act is done on the fleet, says who did it, and is seen by the next look', async () => {
    const { fleet, shown, get } = await shownFleet();
    const id = await fleet.agents.register({ id: fresh('ada'), module: worker });
    const status = async () => (await get(`agents/${id}`)).agent.status as string;
    expect(await status()).toBe('registered');
    expect((await act(shown, `/api/agents/${id}/start`)).json.result).toEqual({ incarnation: 1 });
    expect(await status()).toBe('running');
    const illegal = await act(shown, `/api/agents/${id}/start`);
    expect([illegal.status, illegal.json.error.legal]).toEqual([409, await fleet.agents.legal(id)]);
    await act(shown, `/api/agents/${id}/pause`, { by: 'grace' });
    expect((await get(`agents/${id}`)).agent.paused).toMatchObject({ by: 'grace' });
    await act(shown, `/api/agents/${id}/resume`);
    const failing = await fleet.tasks.submit(id, { type: 'fail' });
    await fleet.tasks.result(failing.id).catch(() => undefined);
    const task = `/api/tasks/${encodeURIComponent(failing.id)}`;
    expect((await act(shown, `${task}/retry`)).json.result).toMatchObject({ id: failing.id });
    await fleet.tasks.result(failing.id).catch(() => undefined);
    expect((await act(shown, `${task}/forget`)).json.result).toMatchObject({ status: 'forgotten' });
    expect((await get(`tasks?agent=${id}`)).tasks).toEqual([]);
    expect((await act(shown, `/api/agents/${id}/stop`)).json.result.status).toBe('stopped');
    expect((await act(shown, `/api/agents/${id}/forget`)).status).toBe(200);
    expect((await get('agents')).total).toBe(0);
    for (const [command, status] of [
      ['suspend', 'suspended'],
      ['resume', 'available'],
    ] as const) {
      expect((await act(shown, `/api/coordination/${command}`)).json.result).toEqual({ status });
      expect(await get('coordination')).toMatchObject({ status });
    }
  });

  test('viewers are told what changes: agents and their nodes, tasks, questions, and a node that leaves', async () => {
    const { fleet, nodes, names, shown } = await shownFleet();
    const id = await fleet.agents.register({
      id: fresh('ada'),
      module: asker,
      placement: { node: names[0] },
    });
    const viewer = await listen(shown, `fleet,agents,questions,agent:${id}`);
    await viewer.until('agents', ({ agents }) =>
      agents.some((row) => row.id === id && row.node === undefined),
    );
    await fleet.agents.start(id);
    await viewer.until('agents', ({ agents }) =>
      agents.some((row) => row.id === id && row.node === names[0]),
    );
    await viewer.until('agent', ({ detail }) => detail?.agent.status === 'running');
    const task = await fleet.tasks.submit(id, { type: 'ask' });
    const { questions } = await viewer.until('questions', (told) => told.questions.length === 1);
    await viewer.until('tasks', ({ tasks }) => tasks.some(({ status }) => status === 'waiting_for_input'));
    await act(shown, `/api/questions/${encodeURIComponent(questions[0]!.id)}`, { answer: 'yes' });
    expect(await fleet.tasks.result(task.id)).toBe('yes');
    await viewer.until('events', ({ events }) => events.some(({ type }) => type === 'task.completed'));
    await nodes[1]!.close();
    const gone = await viewer.until('fleet', (told) =>
      (told.nodes ?? []).some(({ name, status }) => name === names[1] && status === 'left'),
    );
    expect(gone.nodes?.find(({ name }) => name === names[0])).toMatchObject({ status: 'live', agents: 1 });
    await fleet.agents.kill(id);
    await fleet.agents.forget(id).catch(() => undefined);
    await eventually(
      async () => (await ask(shown, '/api/agents')).json.total as number,
      (total) => total <= 1,
    );
  });

  test('after its end nothing is read of the fleet, which lives on', async () => {
    const { fleet, node } = await fleetRig(engine(), [worker]);
    await node(fresh('n'));
    const id = await fleet.agents.register({ module: worker });
    const shown = await dashboard(fleet);
    await ask(shown, '/api/fleet');
    await shown.close();
    const spied = vi.spyOn(fleet, 'nodes');
    onTestFinished(() => spied.mockRestore());
    await fleet.agents.start(id);
    expect((await fleet.agents.get(id)).status).toBe('running');
    expect(spied).not.toHaveBeenCalled();
  });
});

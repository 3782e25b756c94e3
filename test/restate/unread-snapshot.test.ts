/**
 * An agent at a place that the fleet's code does not know, as after a downgrade: real nodes and a real server, in which
 * what is kept of it is rewritten.
 */
import { describe, expect, test } from 'vitest';
import { agentChartHash } from '../../src/restate/agent/chart-version.ts';
import type { AgentState } from '../../src/restate/agent/agent-state.ts';
import { AGENT } from '../../src/restate/engine/names.ts';
import { eventually } from '../kit/eventually.ts';
import { type Engine, hasEngine } from './engine.ts';
import { fleetRig, fresh, PATIENT_MS, sharedEngine } from './fleet-rig.ts';
import { nodeProcess } from './node-process.ts';
import { worker } from './worker.ts';

const OTHER = 'of another version';

describe.runIf(hasEngine())('an agent whose snapshot the fleet cannot read', () => {
  const engine = sharedEngine();

  /** One with a body on a node of its own, whose task has ended while nobody could read the snapshot. */
  async function unread(leaseMs: number) {
    const { fleet, node } = await fleetRig(engine(), [worker]);
    const { agents, tasks } = fleet;
    const home = await nodeProcess(engine(), fresh('home'), { leaseMs });
    const id = await agents.register({ id: fresh('unread'), module: worker });
    await agents.start(id);
    await agents.execute(id, { type: 'count' });
    const heir = await node(fresh('heir'));
    const { id: taskId } = await tasks.submit(id, { type: 'work', input: { ms: 500 } });
    await eventually(
      () => tasks.get(taskId),
      ({ status }) => status === 'running',
    );
    const known = await rewrite(engine(), id, (state) => ({
      ...state,
      chart: OTHER,
      known: { ...state.known!, at: 'dreaming' as never },
    }));
    const refusal = expect.objectContaining({
      code: 'STORE_FAILED',
      message: expect.stringMatching(new RegExp(`${id}.*${OTHER}.*dreaming.*${agentChartHash()}`)),
    });
    await eventually(
      () => agents.get(id).catch((thrown: unknown) => thrown),
      (answer) => answer instanceof Error,
    );
    await expect(agents.get(id)).rejects.toEqual(refusal);
    await expect(agents.execute(id, { type: 'count' })).rejects.toEqual(refusal);
    await expect(agents.stop(id)).rejects.toEqual(refusal);
    return { fleet, home, heir, id, taskId, known };
  }

  test('is refused by name, and goes on elsewhere once its node is gone and code is there that knows the place', async () => {
    const { fleet, home, heir, id, taskId, known } = await unread(5_000);
    home.kill('SIGKILL');
    await eventually(
      () => fleet.formerNodes(),
      (gone) => gone.some(({ name }) => name === home.name),
    );
    await rewrite(engine(), id, () => known);
    const record = await eventually(
      () => fleet.agents.get(id).catch(() => undefined),
      (found) => found?.status === 'running' && found.incarnation === 2,
    );
    expect(record).toMatchObject({ incarnation: 2, node: heir.name });
    expect(await fleet.agents.execute(id, { type: 'count' })).toBe(2);
    expect(await fleet.tasks.get(taskId)).toMatchObject({ status: 'unknown' });
    await fleet.stopAgents();
  });

  test('goes on where it was once the code that knows the place is there: what its body told meanwhile is taken', async () => {
    const { fleet, home, id, taskId, known } = await unread(PATIENT_MS);
    await rewrite(engine(), id, () => known);
    expect(await fleet.tasks.result(taskId)).toBe(home.pid);
    expect(await fleet.agents.get(id)).toMatchObject({ status: 'running', incarnation: 1, node: home.name });
    expect(await fleet.agents.execute(id, { type: 'count' })).toBe(2);
    // Its node ends before the fleet does.
    await fleet.stopAgents();
  });
});

/** Puts another state in place of what the engine keeps of an agent. Resolves with the former. */
async function rewrite(
  { adminUrl }: Engine,
  id: string,
  change: (state: AgentState) => AgentState,
): Promise<AgentState> {
  const post = (path: string, body: object) =>
    fetch(`${adminUrl}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify(body),
    });
  const query = `SELECT key, value_utf8 FROM state WHERE service_name = '${AGENT}' AND service_key = '${id}'`;
  const { rows } = (await (await post('/query', { query })).json()) as {
    rows: readonly { key: string; value_utf8: string }[];
  };
  const kept = Object.fromEntries(rows.map((row) => [row.key, row.value_utf8]));
  const former = JSON.parse(kept['agent']!) as AgentState;
  kept['agent'] = JSON.stringify(change(former));
  const bytes = Object.entries(kept).map(([key, text]) => [key, [...Buffer.from(text)]]);
  const answer = await post(`/services/${AGENT}/state`, {
    object_key: id,
    new_state: Object.fromEntries(bytes),
  });
  expect(answer.ok).toBe(true);
  return former;
}

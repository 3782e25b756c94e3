/** Laws of supervision: an agent is stopped, killed, forgotten; and calls to it. */
import { expect, test } from 'vitest';
import { defineAgent } from '../../../src/index.ts';
import { eventually } from '../../kit/eventually.ts';
import { mortal } from '../../restate/law-agents.ts';
import { refusal } from '../../kit/rig.ts';
import { LATE, type PlayedSubject, SOON } from './subject.ts';

/** What cannot be kept is what it leaves, where a test says so. */
const unsaved = new Set<string>();
const saving = defineAgent({
  type: 'saving',
  init: ({ agentId }) => ({ agentId }),
  save: ({ state }) => (unsaved.has(state.agentId) ? 1n : {}),
  tasks: {},
});
const clinging = defineAgent({
  type: 'clinging',
  init: () => ({}),
  tasks: {},
  terminate: () => new Promise<void>(() => {}),
});

export const stoppingAgents = [saving, clinging];

export function stoppingLaws(subjectOf: () => PlayedSubject): void {
  const agents = () => subjectOf().agents;
  const started = async (spec: object = {}): Promise<string> => {
    const id = await agents().register({ module: mortal, ...spec });
    await agents().start(id);
    return id;
  };
  /** Its task has begun, and does not end. */
  const atWork = async (id: string): Promise<{ readonly work: Promise<unknown> }> => {
    const work = agents().execute(id, { type: 'hang' });
    work.catch(() => {});
    await eventually(
      () => agents().get(id),
      ({ metrics }) => metrics.running === 1,
    );
    return { work };
  };

  test('a stop after a stop that still goes on ends it at once when it gives no grace', async () => {
    const id = await started({ shutdownMs: 60_000 });
    await atWork(id);
    const patient = agents().stop(id);
    await eventually(
      () => agents().get(id),
      ({ status }) => status === 'stopping',
    );
    const ended = { status: 'stopped', reason: { shutdown: 'killed' } };
    expect(await agents().stop(id, { timeoutMs: 0 })).toMatchObject(ended);
    expect(await patient).toMatchObject(ended);
  });

  test('a stop whose last state cannot be saved goes on, and an alert says what is lost until the agent starts anew', async () => {
    const id = await started({ module: saving });
    const alerts = async () => (await subjectOf().alerts.list()).filter(({ agentId }) => agentId === id);
    unsaved.add(id);
    expect(await agents().stop(id)).toMatchObject({ status: 'stopped', reason: 'shutdown' });
    expect(await alerts()).toMatchObject([
      { alert: 'state_not_saved', message: expect.stringContaining('BigInt') },
    ]);
    unsaved.delete(id);
    await agents().start(id);
    expect(await alerts()).toEqual([]);
    await agents().stop(id);
    expect(await alerts()).toEqual([]);
    expect(await agents().savedState(id)).toEqual({});
  });

  test('a stop of an agent that will not let go does not hang: past its deadline it is killed', async () => {
    const id = await started({ module: clinging, shutdownMs: 100 });
    expect(await agents().stop(id)).toMatchObject({ status: 'stopped', reason: { shutdown: 'timed_out' } });
  });

  test('a stop of one that was never there says so, and the others live on', async () => {
    const id = await started();
    for (const stranger of ['stranger', '__proto__', 'constructor', '']) {
      expect((await refusal(agents().stop(stranger))).code).toBe('AGENT_NOT_FOUND');
      expect((await refusal(agents().execute(stranger, { type: 'count' }))).code).toBe('AGENT_NOT_FOUND');
    }
    expect((await agents().get(id)).status).toBe('running');
  });

  test('a running agent cannot be restarted; a stopped one can, as a new incarnation of the same spec', async () => {
    const id = await started({ shutdownMs: 1_234 });
    expect((await refusal(agents().restart(id))).code).toBe('AGENT_ALREADY_RUNNING');
    expect(await agents().get(id)).toMatchObject({ incarnation: 1 });
    await agents().stop(id);
    expect(await agents().restart(id)).toMatchObject({ id, incarnation: 2 });
    expect((await agents().get(id)).spec.shutdownMs).toBe(1_234);
  });

  test('an agent that waits for its restart is listed as crashed, with when it is due, and not as running', async () => {
    const id = await started({ restart: LATE });
    const killedAt = Date.now();
    await agents().kill(id);
    const found = async (status: 'running' | 'crashed') =>
      (await agents().list({ status })).filter((record) => record.id === id);
    expect(await found('running')).toEqual([]);
    const [record] = await found('crashed');
    expect(record).toMatchObject({ id, reason: 'killed' });
    expect(Math.abs(record!.restartAt! - killedAt - LATE.delayMs)).toBeLessThan(LATE.delayMs);
  });

  test('an agent on its way back refuses to be started, restarted or forgotten', async () => {
    const { bodies } = subjectOf();
    const id = await agents().register({ module: mortal, restart: SOON });
    bodies.play(id, (body) => {
      if (body.start.incarnation === 1) body.ready();
    });
    await agents().start(id);
    bodies.bodiesOf(id)[0]!.exit('killed');
    await eventually(
      () => agents().get(id),
      ({ status, incarnation }) => status === 'starting' && incarnation === 2,
    );
    for (const [asked, code] of [
      [() => agents().start(id), 'AGENT_ALREADY_RUNNING'],
      [() => agents().restart(id), 'AGENT_ALREADY_RUNNING'],
      [() => agents().forget(id), 'AGENT_ILLEGAL_COMMAND'],
    ] as const) {
      expect((await refusal(asked())).code).toBe(code);
    }
    expect(await agents().get(id)).toMatchObject({ status: 'starting', incarnation: 2 });
    await eventually(
      () => bodies.bodiesOf(id).length,
      (count) => count === 2,
    );
    bodies.bodiesOf(id)[1]!.ready();
    await eventually(
      () => agents().get(id),
      ({ status }) => status === 'running',
    );
  });

  test('a call that its agent dies over is answered, once, with what became of it', async () => {
    const id = await started({ restart: LATE });
    const { work } = await atWork(id);
    const waiting = agents().execute(id, { type: 'count' });
    waiting.catch(() => {});
    await eventually(
      () => agents().get(id),
      ({ metrics }) => metrics.waiting === 1,
    );
    await agents().kill(id);
    expect(await refusal(work)).toMatchObject({ code: 'TASK_ABANDONED' });
    expect((await refusal(waiting)).code).toBe('TASK_ABANDONED');
  });
}

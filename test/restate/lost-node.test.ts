/** What tasks have asked of the fleet outlives the node that they ran on: a real server, and a process that is killed. */
import { describe, expect, test } from 'vitest';
import { hasEngine } from './engine.ts';
import { eventually } from '../kit/eventually.ts';
import { fleetRig, fresh, PATIENT_MS, sharedEngine } from './fleet-rig.ts';
import { allRunElsewhere } from './load.ts';
import { nodeProcess } from './node-process.ts';
import { worker } from './worker.ts';

describe.runIf(hasEngine())('a node that goes', () => {
  const engine = sharedEngine();

  test('takes neither a question nor its answer with it, and no time of a schedule; what was reserved there is spent', async () => {
    const { fleet, node } = await fleetRig(engine(), [worker]);
    const { agents, tasks, questions } = fleet;
    const drained = await node(fresh('drained'));
    const id = await agents.register({ module: worker, tasks: { concurrency: 4 } });
    await agents.start(id);
    const asked = await Promise.all([
      tasks.submit(id, { type: 'ask', input: 'one?' }),
      tasks.submit(id, { type: 'ask', input: 'other?' }),
    ]);
    const listed = await eventually(
      () => questions.list({ agentId: id }),
      (found) => found.length === 2,
    );
    // Of two that are submitted at once either may be first.
    const open = asked.map(({ id: taskId }) => listed.find((question) => question.taskId === taskId)!);
    const doomed = await nodeProcess(engine(), fresh('doomed'), { leaseMs: 4_000 });
    await drained.drain();
    await allRunElsewhere(fleet, [id], [drained.name]);
    expect(await questions.list({ agentId: id })).toEqual(listed);
    const name = fresh('often');
    const schedule = { name, everyMs: 1_000, target: id, task: { type: 'count' } } as const;
    const { setAt } = await tasks.schedule(schedule);
    const budget = fresh('calls');
    await fleet.budgets.define({ name: budget, limits: { calls: 2 } });
    const spending = await tasks.submit(id, { type: 'spend' });
    await eventually(
      () => fleet.budgets.get(budget),
      ({ reserved }) => reserved.calls === 1,
    );
    await nodeProcess(engine(), fresh('heir'), { leaseMs: PATIENT_MS });
    doomed.kill('SIGKILL');
    // One is answered while nobody is there to hear it, the other once its task has asked again.
    await questions.answer(open[0]!.id, 'yes', { by: 'ann' });
    await allRunElsewhere(fleet, [id], [drained.name, doomed.name]);
    expect(await questions.list({ agentId: id })).toEqual([open[1]]);
    await questions.answer(open[1]!.id, 'no', { by: 'ben' });
    const results = await Promise.all(asked.map((task) => tasks.result(task.id)));
    expect(results).toEqual([
      ['yes', expect.any(Number)],
      ['no', expect.any(Number)],
    ]);
    expect(results.map((result) => (result as [string, number])[1])).not.toContain(doomed.pid);
    await expect(tasks.result(spending.id)).rejects.toMatchObject({ code: 'TASK_ABANDONED' });
    expect(await fleet.budgets.get(budget)).toMatchObject({ spent: { calls: 1 }, reserved: {} });
    // What was due meanwhile has waited: there is one task for each time.
    const counted = await eventually(
      () => tasks.list({ agentId: id, type: 'count', status: 'done' }),
      (done) => done.length >= 3,
    );
    await tasks.unschedule(name);
    const due = counted.map(({ idempotencyKey }) => Number(idempotencyKey?.split(' ').at(-1)) - setAt);
    expect(due.filter((ms) => ms <= 0 || ms % 1_000 > 0)).toEqual([]);
    expect(new Set(due).size).toBe(due.length);
    await fleet.stopAgents({ timeoutMs: 0 });
  });
});

import { expect, it } from 'vitest';
import type { LimitsReport, TaskDetail, TaskPage, WorkReport } from '../../src/dashboard.ts';
import { defineAgent } from '../../src/index.ts';
import { act, ask, CONTROL, dashboard, listen, system } from '../kit/dashboard.ts';
import { workingFleet } from '../kit/working-fleet.ts';

async function shown() {
  const fleet = await system();
  const work = await workingFleet(fleet);
  const opened = await dashboard(fleet, { control: true, controlToken: CONTROL });
  const get = async <Answer>(path: string) => (await ask(opened, `/api/${path}`)).json as Answer;
  return { fleet, work, opened, get };
}

it('tasks: how many stand how, those that are asked for, and why one failed', async () => {
  const { fleet, work, get } = await shown();
  const { counts, tasks } = await get<TaskPage>('tasks');
  expect(counts).toEqual(fleet.tasks.counts());
  expect(counts).toMatchObject({
    waiting: 1,
    running: 2,
    parked: 1,
    waiting_for_input: 1,
    done: 2,
    failed: 2,
    cancelled: 0,
  });
  expect(new Set(tasks.map(({ id }) => id))).toEqual(new Set(fleet.tasks.list().map(({ id }) => id)));
  const idsOf = async (query: string) => (await get<TaskPage>(`tasks?${query}`)).tasks.map(({ id }) => id);
  expect(await idsOf('status=failed&agent=breaker')).toContain(work.failed);
  expect(await idsOf('status=running,waiting&agent=digger')).toEqual([work.running, work.waiting]);
  expect(await idsOf('type=dig&limit=1')).toEqual([work.waiting]);
  expect(tasks.find(({ id }) => id === work.failed)).toMatchObject({
    error: 'Error: the handle broke',
    canRetry: true,
  });
  expect(tasks.filter(({ canRetry }) => canRetry)).toHaveLength(1);
  expect(tasks.find(({ id }) => id === work.stalled)?.stalledAt).toBeTypeOf('number');
  expect((await get<{ error: { code: string } }>('tasks?status=lost')).error.code).toBe('AGENT_SPEC_INVALID');
});

it('one task: what may be asked of it, its output without secrets, what it asks', async () => {
  const { work, get } = await shown();
  expect(await get<TaskDetail>(`tasks/${work.failed}`)).toMatchObject({
    legal: ['retry', 'forget'],
    error: { message: 'the handle broke' },
  });
  const done = await get<TaskDetail>(`tasks/${work.done}`);
  expect(done.output).toEqual({ tokens: 900, apiKey: '[redacted]' });
  const { legal, questions } = await get<TaskDetail>(`tasks/${encodeURIComponent(work.asking)}`);
  expect(legal).toEqual(['cancel']);
  expect(questions).toMatchObject([{ id: work.question, details: { amount: 120, apiKey: '[redacted]' } }]);
  expect((await get<{ error: { code: string } }>('tasks/none')).error.code).toBe('TASK_UNKNOWN');
});

it('budgets most used first, limits that are reached first, and schedules', async () => {
  const { fleet, get } = await shown();
  const limits = await get<LimitsReport>('limits');
  expect(limits.budgets).toMatchObject([{ name: 'today', status: 'low', spent: { tokens: 900 } }]);
  expect(limits.quotas).toMatchObject([{ name: 'provider', status: 'parked', isShared: true }]);
  expect(limits.quotas[0]!.waiting).toEqual(expect.arrayContaining(['caller', 'digger']));
  const { agents, memoryBytes } = fleet.resources();
  expect(limits).toMatchObject({ budgetCount: 1, quotaCount: 1, resources: { agents, memoryBytes } });
  const { schedules } = await get<WorkReport>('schedules');
  expect(schedules).toMatchObject([{ name: 'nightly', everyMs: 3_600_000, task: { type: 'read' } }]);
});

it('acts on work: cancel, retry, forget, unschedule, refill; each is refused where it is not legal', async () => {
  const { fleet, work, opened, get } = await shown();
  const done = async (path: string, body?: object) => {
    const { status, json } = await act(opened, `/api/${path}`, { by: 'grace', ...body });
    return { status, result: json.result ?? json.error.code };
  };
  expect(await done(`tasks/${work.running}/cancel`, { reason: 'it hangs' })).toMatchObject({ status: 200 });
  await expect(fleet.tasks.result(work.running)).rejects.toMatchObject({ code: 'TASK_ABANDONED' });
  expect(fleet.tasks.get(work.running)).toMatchObject({
    status: 'cancelled',
    error: { message: 'it hangs' },
  });
  expect(await done(`tasks/${work.failed}/cancel`)).toEqual({ status: 409, result: 'AGENT_ILLEGAL_COMMAND' });
  expect(await done(`tasks/${work.done}/retry`)).toEqual({ status: 409, result: 'AGENT_ILLEGAL_COMMAND' });
  expect(await done(`tasks/${work.failed}/retry`)).toMatchObject({ result: { status: 'waiting' } });
  expect(await done(`tasks/${work.done}/forget`)).toMatchObject({ result: { status: 'forgotten' } });
  expect(await done('tasks/none/forget')).toEqual({ status: 404, result: 'TASK_UNKNOWN' });
  expect(await done('schedules/nightly/remove')).toMatchObject({ status: 200 });
  expect(fleet.tasks.schedules()).toEqual([]);
  expect(await done('budgets/today/refill')).toMatchObject({ result: { status: 'ample' } });
  expect(await done('budgets/none/refill')).toEqual({ status: 404, result: 'BUDGET_UNKNOWN' });
  const { marks } = await get<{ marks: { type: string; by?: string; text?: string }[] }>('timeline');
  const acts = marks.filter(({ type }) => type === 'operator.act');
  expect(acts.every(({ by }) => by === 'grace')).toBe(true);
  expect(acts.map(({ text }) => text)).toEqual(
    expect.arrayContaining([`cancel ${work.running}`, 'remove schedule nightly', 'refill the budget today']),
  );
});

it('work is submitted to an agent, a type or a pool; what is wrong with it is refused as the system does it', async () => {
  const reader = defineAgent({
    type: 'reader',
    init: () => ({}),
    tasks: { read: { run: ({ input }) => input } },
  });
  const fleet = await system();
  await fleet.agents.start(await fleet.agents.register({ id: 'ada', module: reader }));
  await fleet.pools.create({ name: 'desk', spec: { module: reader }, min: 1, max: 1 });
  const opened = await dashboard(fleet, { control: true, controlToken: CONTROL });
  const submitted = async (body: object) => {
    const { status, json } = await act(opened, '/api/tasks', { by: 'grace', type: 'read', ...body });
    return { status, result: json.result ?? json.error.code };
  };
  const once = { target: 'ada', input: { page: 7 }, idempotencyKey: 'once' };
  const { id } = (await submitted(once)).result;
  expect(await fleet.tasks.result(id)).toEqual({ page: 7 });
  expect(await submitted(once)).toMatchObject({
    status: 200,
    result: { id, status: 'done', agentId: 'ada' },
  });
  for (const target of [{ type: 'reader' }, { pool: 'desk' }]) {
    const { result } = await submitted({ target, input: 'a page' });
    expect(await fleet.tasks.result(result.id)).toBe('a page');
  }
  expect(await submitted({ target: 'nobody' })).toEqual({ status: 404, result: 'AGENT_NOT_FOUND' });
  expect(await submitted({ target: { pool: 'none' } })).toEqual({ status: 404, result: 'POOL_UNKNOWN' });
  expect(await submitted({ target: 'ada', type: 'fly' })).toEqual({
    status: 409,
    result: 'TASK_INCOMPATIBLE',
  });
  expect(await submitted({ target: 'ada', soon: true })).toEqual({
    status: 400,
    result: 'AGENT_SPEC_INVALID',
  });
});

it('who watches is told: work, questions, limits, what needs somebody, an agent’s tasks and children', async () => {
  const { fleet, work, opened } = await shown();
  const { until } = await listen(opened, 'fleet,work,questions,limits,agent:spender');
  const { children, childCount } = (await until('agent')).detail!;
  expect({ children, childCount }).toEqual({
    children: [{ id: 'sprout', status: 'running' }],
    childCount: 1,
  });
  expect((await until('tasks')).tasks.map(({ id }) => id)).toContain(work.done);
  expect(await until('needs')).toMatchObject({
    failed: 1,
    stalled: 1,
    questions: 1,
    parked: 1,
    lowBudgets: 1,
  });
  expect((await until('questions')).questions).toHaveLength(1);
  expect((await until('limits')).quotas).toHaveLength(1);
  await until('work', ({ counts }) => counts.waiting_for_input === 1);
  await act(opened, `/api/questions/${encodeURIComponent(work.question)}`, { answer: { verdict: 'yes' } });
  await until('questions', ({ questions }) => questions.length === 0);
  await until('work', ({ counts }) => counts.waiting_for_input === 0);
  expect(await fleet.tasks.result(work.asking)).toEqual({ verdict: 'yes', copies: 1 });
});

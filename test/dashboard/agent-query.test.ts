import { describe, expect, it } from 'vitest';
import { select } from '../../src/dashboard/agent-query.ts';
import type { AgentRow } from '../../src/dashboard/protocol.ts';
import { agentRow } from '../cli/agent-row.ts';
import { ask, dashboard, running, system, worker } from '../kit/dashboard.ts';

async function shownFleet() {
  const fleet = await system();
  await running(fleet, 'ada', 'bob', 'eve');
  await fleet.agents.register({ id: 'zoe', module: worker });
  for (const _ of [1, 2, 3]) await fleet.agents.execute('bob', { type: 'add' });
  await fleet.agents.execute('eve', { type: 'fail' }).catch(() => {});
  await fleet.agents.stop('ada');
  const shown = await dashboard(fleet);
  return async (query: string) => {
    const { status, json } = await ask(shown, `/api/agents?${query}`);
    expect(status).toBe(200);
    return { total: json.total, ids: json.agents.map(({ id }: { id: string }) => id) };
  };
}

it('filters by status, type, capability, pool and a text', async () => {
  const list = await shownFleet();
  expect(await list('')).toEqual({ total: 4, ids: ['ada', 'bob', 'eve', 'zoe'] });
  expect(await list('status=running')).toEqual({ total: 2, ids: ['bob', 'eve'] });
  expect(await list('status=stopped,registered')).toEqual({ total: 2, ids: ['ada', 'zoe'] });
  expect(await list('type=nobody')).toEqual({ total: 0, ids: [] });
  expect(await list('capability=work&search=B')).toEqual({ total: 1, ids: ['bob'] });
  expect(await list('search=no%20luck')).toEqual({ total: 1, ids: ['eve'] });
  expect(await list('pool=none')).toEqual({ total: 0, ids: [] });
});

it('sorts by any column in either order, what is not known last', async () => {
  const list = await shownFleet();
  expect((await list('sort=done&order=desc')).ids[0]).toBe('bob');
  expect((await list('sort=failed&order=desc')).ids[0]).toBe('eve');
  expect((await list('sort=id&order=desc')).ids).toEqual(['zoe', 'eve', 'bob', 'ada']);
  expect((await list('sort=startedAt&order=asc')).ids.at(-1)).toBe('zoe');
  expect((await list('sort=startedAt&order=desc')).ids.at(-1)).toBe('zoe');
});

it('gives a page of them', async () => {
  const list = await shownFleet();
  expect(await list('sort=id&offset=1&limit=2')).toEqual({ total: 4, ids: ['bob', 'eve'] });
  expect(await list('limit=0')).toEqual({ total: 4, ids: [] });
});

it('a text that is searched for may have a ? in it', async () => {
  const fleet = await system();
  await running(fleet, 'why?', 'why');
  const { json } = await ask(await dashboard(fleet), '/api/agents?search=why?&limit=1');
  expect([json.total, json.agents.length]).toEqual([1, 1]);
});

it.each([
  'status=runing',
  'status=crashed,',
  'sort=nothing',
  'order=up',
  'limit=-1',
  'limit=many',
  'colour=red',
  'offset=1.5',
])('%s is refused by name', async (query) => {
  const shown = await dashboard(await system());
  const { status, json } = await ask(shown, `/api/agents?${query}`);
  expect(status).toBe(400);
  expect(json.error.code).toBe('AGENT_SPEC_INVALID');
  expect(json.error.message).toContain(query.split('=')[0]);
});

function fleet(rows: Readonly<Record<string, Partial<AgentRow>>>) {
  return Object.entries(rows).map(([id, more]) => ({ row: agentRow(id, more), text: '' }));
}

describe('of rows', () => {
  const idsOf = (rows: ReturnType<typeof fleet>, query: Readonly<Record<string, string>>) =>
    select(rows, query).page.map(({ row }) => row.id);

  const each = fleet({
    plain: {},
    typed: { type: 'Clerk' },
    skilled: { capabilities: ['read', 'write'] },
    pooled: { pool: 'Pool-1' },
    placed: { node: 'Node-1' },
    failed: { lastError: { at: 1, text: 'Out of Luck' } },
    ended: { status: 'stopped' },
  });

  it.each([
    ['type', 'Clerk', ['typed']],
    ['type', 'clerk', []],
    ['capability', 'write', ['skilled']],
    ['pool', 'Pool-1', ['pooled']],
    ['node', 'Node-1', ['placed']],
    ['status', 'stopped', ['ended']],
    ['search', 'pLa', ['plain', 'placed']],
    ['search', 'clerk', ['typed']],
    ['search', 'pool-1', ['pooled']],
    ['search', 'node-1', ['placed']],
    ['search', 'of luck', ['failed']],
    ['search', 'nobody', []],
  ])('%s=%s lists %j', (key, value, ids) => {
    expect(idsOf(each, { [key]: value })).toEqual(ids);
  });

  it('those are listed that all parts of a query fit', () => {
    const rows = fleet({ a: { pool: 'p', node: 'n' }, b: { pool: 'p' }, c: { node: 'n' } });
    expect(idsOf(rows, { pool: 'p', node: 'n' })).toEqual(['a']);
  });

  const time = { last: 9, mean: 5 };
  it.each<[string, Partial<AgentRow>, Partial<AgentRow>]>([
    ['type', { type: 'a' }, { type: 'b' }],
    ['status', { status: 'running' }, { status: 'stopped' }],
    ['incarnation', { incarnation: 2 }, { incarnation: 10 }],
    ['restarts', { restarts: 2 }, { restarts: 10 }],
    ['waiting', { waiting: 2 }, { waiting: 10 }],
    ['done', { done: 2 }, { done: 10 }],
    ['failed', { failed: 2 }, { failed: 10 }],
    ['latency', { latencyMs: time }, { latencyMs: { ...time, mean: 6 } }],
    ['memory', { memoryBytes: 2 }, { memoryBytes: 10 }],
    ['cpu', { cpuShare: 0.1 }, { cpuShare: 0.2 }],
    ['startedAt', { startedAt: 2 }, { startedAt: 10 }],
    ['restartAt', { restartAt: 2 }, { restartAt: 10 }],
    ['lastError', { lastError: { at: 2, text: 'b' } }, { lastError: { at: 10, text: 'a' } }],
  ])('sorted by %s the less comes first, or last, and equal ones stay as they were', (sort, less, more) => {
    const rows = fleet({ m: more, l: less, m2: more, l2: less });
    expect(idsOf(rows, { sort })).toEqual(['l', 'l2', 'm', 'm2']);
    expect(idsOf(rows, { sort, order: 'desc' })).toEqual(['m', 'm2', 'l', 'l2']);
  });

  it('what is not known comes last, in either order', () => {
    const rows = fleet({ none: {}, two: { memoryBytes: 2 }, neither: {}, one: { memoryBytes: 1 } });
    expect(idsOf(rows, { sort: 'memory' })).toEqual(['one', 'two', 'none', 'neither']);
    expect(idsOf(rows, { sort: 'memory', order: 'desc' })).toEqual(['two', 'one', 'none', 'neither']);
  });

  it('a page is of 100 rows, if it is not said, and of 100,000 at the most', () => {
    const rows = fleet(Object.fromEntries(Array.from({ length: 102 }, (_, at) => [`a${at}`, {}])));
    expect([idsOf(rows, {}).length, select(rows, {}).total]).toEqual([100, 102]);
    expect(idsOf(rows, { offset: '1' })[0]).toBe('a1');
    expect(idsOf(rows, { limit: '100000' })).toHaveLength(102);
    expect(() => select(rows, { limit: '100001' })).toThrow(/limit/);
  });
});

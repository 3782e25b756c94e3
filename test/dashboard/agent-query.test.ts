import { expect, it } from 'vitest';
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

it.each(['sort=nothing', 'order=up', 'limit=-1', 'limit=many', 'colour=red', 'offset=1.5'])(
  '%s is refused by name',
  async (query) => {
    const shown = await dashboard(await system());
    const { status, json } = await ask(shown, `/api/agents?${query}`);
    expect(status).toBe(400);
    expect(json.error.code).toBe('AGENT_SPEC_INVALID');
    expect(json.error.message).toContain(query.split('=')[0]);
  },
);

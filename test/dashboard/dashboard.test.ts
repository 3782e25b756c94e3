import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import type { DashboardOptions } from '../../src/dashboard.ts';
import { createDashboard } from '../../src/dashboard.ts';
import { AgentSystemError, variable } from '../../src/index.ts';
import { ask, dashboard, listen, running, silent, system } from '../kit/dashboard.ts';

it('every address of the API answers for a fleet that has everything', async () => {
  const fleet = await system();
  await running(fleet, 'ada', 'b/c d');
  await fleet.variables.define('rate', variable.float({ min: 0, max: 1, default: 0.5 }));
  await fleet.pools.create({
    name: 'crew',
    spec: { module: (await import('../kit/dashboard.ts')).worker },
    min: 1,
    max: 2,
  });
  const shown = await dashboard(fleet);
  const get = async (path: string) => {
    const { status, json } = await ask(shown, `/api/${path}`);
    expect({ path, status }).toEqual({ path, status: 200 });
    return json;
  };
  expect(await get('fleet')).toMatchObject({
    counts: { running: 3 },
    types: { worker: { running: 3 } },
    alerts: { total: 0 },
  });
  expect(await get('agents')).toMatchObject({ total: 3 });
  expect(await get('agents/ada')).toMatchObject({
    agent: { id: 'ada', status: 'running' },
    legal: fleet.agents.legal('ada'),
    spec: { module: { type: 'worker' }, initArgs: '[redacted]', shutdownMs: 5_000 },
  });
  expect(await get('agents/b%2Fc%20d')).toMatchObject({ agent: { id: 'b/c d' } });
  expect(await get('agents/ada/state')).toEqual({ state: null });
  await fleet.agents.execute('ada', { type: 'add' });
  expect(await get('agents/ada/state')).toEqual({ state: { n: 1, apiKey: '[redacted]' } });
  const { events } = await get('agents/ada/events?limit=2');
  expect(events).toHaveLength(2);
  const { events: more } = await get(`agents/ada/events?after=${events[0].sequence}`);
  expect(more.map(({ sequence }: { sequence: number }) => sequence)).toEqual([events[1].sequence]);
  expect((await get('events?limit=3')).events).toHaveLength(3);
  expect((await get('variables')).variables).toMatchObject([
    { name: 'rate', value: 0.5, version: 1, outOfDate: 0 },
  ]);
  expect(await get('variables/rate')).toMatchObject({ history: [{ version: 1, value: 0.5 }], behind: [] });
  expect((await get('pools')).pools).toMatchObject([{ name: 'crew', live: 1, members: 1 }]);
  expect(await get('pools/crew')).toMatchObject({ memberIds: ['crew-1'] });
  expect(await get('rounds')).toEqual({ rounds: [] });
  expect(await get('coordination')).toMatchObject({ status: 'available' });
  expect(await get('alerts')).toEqual({ total: 0, alerts: [] });
  expect(await get('timeline')).toMatchObject({ marks: expect.any(Array) });
});

it.each([
  ['agents/nobody', 404, 'AGENT_NOT_FOUND'],
  ['agents/nobody/events', 404, 'AGENT_NOT_FOUND'],
  ['agents/nobody/life', 404, 'AGENT_NOT_FOUND'],
  ['agents/nobody/state', 404, 'AGENT_NOT_FOUND'],
  ['variables/none', 404, 'VARIABLE_UNKNOWN'],
  ['pools/none', 404, 'POOL_UNKNOWN'],
  ['nothing', 404, 'NOT_FOUND'],
  ['events?limit=x', 400, 'AGENT_SPEC_INVALID'],
  ['stream?topics=everything', 400, 'AGENT_SPEC_INVALID'],
])('%s is answered with %i %s', async (path, status, code) => {
  const { status: got, json } = await ask(await dashboard(await system()), `/api/${path}`);
  expect({ status: got, code: json.error.code }).toEqual({ status, code });
});

it.each([
  ['events?limit=', 10_000],
  ['agents/ada/events?limit=', 10_000],
  ['agents/ada/life?limit=', 20_000],
  ['agents/ada/logs?limit=', 5_000],
  ['timeline?limit=', 20_000],
])('%s takes up to %i, and no more', async (path, most) => {
  const fleet = await system();
  await running(fleet, 'ada');
  const shown = await dashboard(fleet);
  const statusOf = async (limit: number) => (await ask(shown, `/api/${path}${limit}`)).status;
  expect([await statusOf(0), await statusOf(most), await statusOf(most + 1)]).toEqual([200, 200, 400]);
});

it('of many events 200 are given where nobody says how many', async () => {
  const fleet = await system();
  await running(fleet, 'ada');
  for (let n = 0; n < 120; n++) await fleet.agents.execute('ada', { type: 'add' });
  const shown = await dashboard(fleet);
  const { json } = await ask(shown, '/api/events');
  const { json: own } = await ask(shown, '/api/agents/ada/events');
  expect([json.events.length, own.events.length]).toEqual([200, 200]);
});

it.each([
  ['options', null],
  ['colour', { colour: 'red' }],
  ['port', { port: 65_536 }],
  ['token', { token: 'short' }],
  ['controlToken', { control: true, controlToken: 'short' }],
  ['controlToken', { controlToken: 'x'.repeat(16) }],
  ['controlToken', { control: true, token: 'x'.repeat(16), controlToken: 'x'.repeat(16) }],
  ['redact', { redact: 'initArgs' }],
  ['logs', { logs: {} }],
  ['maxViewers', { maxViewers: 0 }],
  ['host', { host: '' }],
])('invalid options are refused, naming %s', async (name, options) => {
  const opened = createDashboard(await system(), options as DashboardOptions);
  await expect(opened).rejects.toThrow(AgentSystemError);
  await expect(opened).rejects.toMatchObject({ code: 'AGENT_SPEC_INVALID' });
  if (name !== 'options') await expect(opened).rejects.toThrow(name);
});

it.each(['token', 'controlToken'])('a refused %s is not shown, nor is what caused it', async (name) => {
  for (const given of ['hush-hush', ['hush-hush'], { hush: 'hush-hush' }]) {
    const options = { control: true, [name]: given } as DashboardOptions;
    const refused: unknown = await createDashboard(await system(), options).catch(
      (thrown: unknown) => thrown,
    );
    expect(refused).toBeInstanceOf(AgentSystemError);
    expect(inspect(refused, { depth: 8, showHidden: true })).not.toContain('hush-hush');
    expect((refused as Error).message).toContain(`${name}: expected a text of 16 characters or more, got `);
  }
});

it('a value that is not a system is refused', async () => {
  await expect(createDashboard({} as never)).rejects.toMatchObject({ code: 'AGENT_SPEC_INVALID' });
});

it('a port that is taken is refused by name, and nothing is left', async () => {
  const taken = createServer();
  taken.listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as { port: number };
  await expect(createDashboard(await system(), { port, logger: silent })).rejects.toMatchObject({
    code: 'AGENT_SPEC_INVALID',
    message: expect.stringContaining(
      `createDashboard: port: expected one that is free, got ${port} (`,
    ) as unknown,
    cause: { code: 'EADDRINUSE' },
  });
  taken.close();
});

it('a host that is none of this machine is refused by name', async () => {
  const host = '203.0.113.1';
  await expect(createDashboard(await system(), { host, logger: silent })).rejects.toMatchObject({
    code: 'AGENT_SPEC_INVALID',
    message: expect.stringContaining(
      `createDashboard: host: expected a name or an address of this machine, got "${host}" (`,
    ) as unknown,
    cause: { code: 'EADDRNOTAVAIL' },
  });
});

it('several dashboards of one system, and one after the other on the same port', async () => {
  const fleet = await system();
  await running(fleet, 'ada');
  const first = await dashboard(fleet);
  const second = await dashboard(fleet);
  expect((await ask(first, '/api/fleet')).status).toBe(200);
  expect((await ask(second, '/api/fleet', { token: first.token })).status).toBe(401);
  await first.close();
  const port = Number(new URL(first.url).port);
  const third = await dashboard(fleet, { port });
  expect((await ask(third, '/api/agents')).json.total).toBe(1);
});

it('a system that has closed can still be looked at', async () => {
  const fleet = await system();
  await running(fleet, 'ada');
  const shown = await dashboard(fleet);
  const viewer = await listen(shown, 'fleet,agents');
  await viewer.until('agents');
  await fleet.close();
  await viewer.until('fleet', ({ counts }) => counts.stopped === 1);
  expect((await ask(shown, '/api/agents/ada')).json.agent.status).toBe('stopped');
});

it('does not keep a program alive, with a viewer or without', async () => {
  const source = new URL('../../src/', import.meta.url).href;
  const program = `
    import { get } from 'node:http';
    import { createAgentSystem } from '${source}index.ts';
    import { createDashboard } from '${source}dashboard.ts';
    const system = await createAgentSystem();
    const { url, token } = await createDashboard(system);
    const watched = get(new URL('/api/stream?topics=fleet,agents', url), { headers: { Authorization: 'Bearer ' + token } });
    const response = await new Promise((resolve) => watched.on('response', resolve));
    await new Promise((resolve) => response.once('data', resolve));
    watched.on('error', () => {});
    response.socket.unref();
    process.stdout.write('watched');
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program]);
  let out = '';
  child.stdout.on('data', (chunk) => (out += String(chunk)));
  child.stderr.on('data', (chunk) => (out += String(chunk)));
  const [code] = (await once(child, 'exit')) as [number];
  expect({ code, out }).toEqual({ code: 0, out: 'watched' });
});

import { expect, it } from 'vitest';
import { ask, CONTROL, dashboard, listen, running, system } from '../kit/dashboard.ts';
import { eventually } from '../kit/eventually.ts';

const RIGHT = { 'X-Control-Token': CONTROL };

const to = (host: string) => ({ headers: { Host: host } });

async function controlled() {
  const fleet = await system();
  await running(fleet, 'ada');
  return { fleet, shown: await dashboard(fleet, { control: true, controlToken: CONTROL }) };
}

it.each([
  ['no token', undefined],
  ['a wrong token', 'x'.repeat(32)],
  ['an empty token', ''],
])('%s is refused for every address of the API, and the page comes with 401', async (_, token) => {
  const { shown } = await controlled();
  for (const path of ['/api/fleet', '/api/agents', '/api/stream', '/api/nothing', '/api/agents/ada/stop']) {
    const { status, json } = await ask(shown, path, { token });
    expect({ path, status, code: json.error.code }).toEqual({ path, status: 401, code: 'UNAUTHORIZED' });
  }
  expect((await ask(shown, '/', { token })).status).toBe(401);
});

it('the token is taken from the header or from the address', async () => {
  const { shown } = await controlled();
  expect((await ask(shown, '/api/fleet')).status).toBe(200);
  expect((await ask(shown, `/api/fleet?token=${shown.token}`, { token: undefined })).status).toBe(200);
  const { pathname, search } = new URL(shown.url);
  expect((await ask(shown, pathname + search, { token: undefined })).status).toBe(200);
});

it.each([
  'evil.example',
  'evil.example:80',
  '127.0.0.1.evil.example',
  'localhost.evil.example',
  '[::2]',
  '10.0.0.1',
])('a page that has its own name %j lead here is refused, whatever it knows', async (host) => {
  const { fleet, shown } = await controlled();
  for (const path of ['/', '/api/fleet', '/api/stream']) {
    expect((await ask(shown, path, { headers: { Host: host } })).status).toBe(403);
  }
  const stop = { method: 'POST', body: {}, headers: { Host: host, ...RIGHT } };
  expect((await ask(shown, '/api/agents/ada/stop', stop)).status).toBe(403);
  expect(fleet.agents.get('ada').status).toBe('running');
});

it('names that are allowed are answered to, and so is any address where it listens everywhere', async () => {
  const fleet = await system();
  const proxied = await dashboard(fleet, { allowedHosts: ['fleet.example'] });
  expect((await ask(proxied, '/api/fleet', to('fleet.example'))).status).toBe(200);
  expect((await ask(proxied, '/api/fleet', to('FLEET.example:8443'))).status).toBe(200);
  const other = await ask(proxied, '/api/fleet', to('other.example'));
  expect(other.status).toBe(403);
  expect(other.json.error.message).toBe('other.example is no name of the dashboard: allowedHosts');
  const open = await dashboard(fleet, { host: '0.0.0.0' });
  expect((await ask(open, '/api/fleet', to('192.168.1.7:99'))).status).toBe(200);
  expect((await ask(open, '/api/fleet', to('rebound.example'))).status).toBe(403);
});

it.each([
  ['another site', { Origin: 'https://evil.example' }],
  ['another port of this machine', { Origin: 'http://127.0.0.1:1' }],
  ['a sandboxed frame', { Origin: 'null' }],
  ['a script of another site', { 'Sec-Fetch-Site': 'cross-site' }],
  ['a script of another port', { 'Sec-Fetch-Site': 'same-site' }],
])('a request of %s is refused, with both secrets', async (_, headers) => {
  const { fleet, shown } = await controlled();
  expect((await ask(shown, '/api/fleet', { headers })).status).toBe(403);
  const stop = { method: 'POST', body: {}, headers: { ...headers, ...RIGHT } };
  expect((await ask(shown, '/api/agents/ada/stop', stop)).status).toBe(403);
  expect(fleet.agents.get('ada').status).toBe('running');
});

it('the own page may ask and act', async () => {
  const { shown } = await controlled();
  const headers = { Origin: new URL(shown.url).origin, 'Sec-Fetch-Site': 'same-origin', ...RIGHT };
  expect((await ask(shown, '/api/fleet', { headers })).status).toBe(200);
  expect((await ask(shown, '/api/agents/ada/stop', { method: 'POST', body: {}, headers })).status).toBe(200);
});

it('a link from elsewhere opens the page, which holds nothing of the system', async () => {
  const { shown } = await controlled();
  const { pathname, search } = new URL(shown.url);
  const { status } = await ask(shown, pathname + search, { headers: { 'Sec-Fetch-Site': 'cross-site' } });
  expect(status).toBe(200);
});

it('without control nothing can be changed, with whatever secret', async () => {
  const fleet = await system();
  await running(fleet, 'ada');
  const shown = await dashboard(fleet);
  expect(shown.controlToken).toBeUndefined();
  const { status, json } = await ask(shown, '/api/agents/ada/stop', {
    method: 'POST',
    body: {},
    headers: RIGHT,
  });
  expect({ status, code: json.error.code }).toEqual({ status: 403, code: 'FORBIDDEN' });
  expect(fleet.agents.get('ada').status).toBe('running');
});

it.each([
  ['no second secret', {}],
  ['a wrong one', { 'X-Control-Token': 'wrong' }],
  ['an empty one', { 'X-Control-Token': '' }],
])('with control, %s is refused', async (_, headers) => {
  const { fleet, shown } = await controlled();
  const { status } = await ask(shown, '/api/agents/ada/stop', { method: 'POST', body: {}, headers });
  expect(status).toBe(401);
  // The first secret is not the second.
  const same = { method: 'POST', body: {}, headers: { 'X-Control-Token': shown.token } };
  expect((await ask(shown, '/api/agents/ada/stop', same)).status).toBe(401);
  expect(fleet.agents.get('ada').status).toBe('running');
});

it('what a form of another site can send is refused', async () => {
  const { fleet, shown } = await controlled();
  for (const type of ['application/x-www-form-urlencoded', 'text/plain', 'multipart/form-data']) {
    const headers = { ...RIGHT, 'Content-Type': type };
    const { status } = await ask(shown, '/api/agents/ada/stop', { method: 'POST', body: '{}', headers });
    expect(status).toBe(415);
  }
  expect((await ask(shown, '/api/agents/ada/stop', { headers: RIGHT })).status).toBe(405);
  expect(fleet.agents.get('ada').status).toBe('running');
});

it('every answer forbids other pages to frame it, to load it and to be told of it', async () => {
  const { shown } = await controlled();
  for (const path of ['/', '/api/fleet', '/api/nothing', '/nothing']) {
    const { headers } = await ask(shown, path);
    const policy = headers['content-security-policy'];
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain('unsafe');
    expect(policy).not.toMatch(/https?:/);
    expect(headers['referrer-policy']).toBe('no-referrer');
    expect(headers['access-control-allow-origin']).toBeUndefined();
  }
});

it('no more viewers than are allowed', async () => {
  const shown = await dashboard(await system(), { maxViewers: 2 });
  await listen(shown, 'fleet');
  const second = await listen(shown, 'fleet');
  await expect(listen(shown, 'fleet')).rejects.toThrow('503');
  expect(shown.viewers()).toBe(2);
  second.close();
  await eventually(
    () => shown.viewers(),
    (now) => now === 1,
  );
  await listen(shown, 'fleet');
});

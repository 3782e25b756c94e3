/** What nodes ask of the engine's admin interface, of an engine that is a list of addresses. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { EngineAdmin } from '../../src/restate/engine/engine-admin.ts';
import { codeOf } from '../kit/rig.ts';

const DEAD = 'http://127.0.0.1:1/host';

/** As the real one does, it refuses an address that it knows unless it is forced, and one where nobody is. */
async function engine(): Promise<EngineAdmin> {
  const known = new Map<string, object>();
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      if (request.method === 'GET') return response.end(JSON.stringify({ deployments: [...known.values()] }));
      const { uri, force, metadata } = JSON.parse(body) as { uri: string; force: boolean; metadata: object };
      if (uri === DEAD || (known.has(uri) && !force)) response.statusCode = uri === DEAD ? 500 : 409;
      else known.set(uri, { id: `of ${uri}`, uri, metadata, services: [] });
      return response.end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return new EngineAdmin(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
}

test('an address that is known is registered anew, by the next life of its node: what is said last counts', async () => {
  const admin = await engine();
  const uri = 'http://127.0.0.1:2/host';
  for (const version of ['1', '2']) {
    await admin.register(uri, { metadata: { version } });
    expect(await admin.deployments()).toMatchObject([{ uri, metadata: { version } }]);
  }
});

test('who registers an address hears that the engine refuses it', async () => {
  const admin = await engine();
  expect(await codeOf(admin.register(DEAD))).toBe('STORE_FAILED');
  expect(await admin.deployments()).toEqual([]);
});

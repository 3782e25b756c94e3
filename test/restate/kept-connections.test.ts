/** HTTP calls to the engine: an answer is whole or an error, an abort ends a call, and connections are kept. */
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { KeptConnections } from '../../src/restate/engine/kept-connections.ts';

async function served(listener: RequestListener) {
  let opened = 0;
  const server = createServer(listener);
  server.on('connection', () => (opened += 1));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const connections = new KeptConnections();
  onTestFinished(async () => {
    connections.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, connections, server, opened: () => opened };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}

function cut(response: ServerResponse): void {
  response.writeHead(200, { 'content-length': '100' });
  response.write('half of it', () => response.destroy());
}

test('what is asked arrives as it is, and the answer of any status comes back whole', async () => {
  const { url, connections } = await served((request, response) => {
    void bodyOf(request).then((text) => {
      const { method, headers } = request;
      response.writeHead(text === 'refuse' ? 503 : 201, { 'Retry-After': '2' });
      response.write(`${method} ${String(headers['x-from'])} ${headers['content-length']} `);
      response.end(text);
    });
  });
  const ask = (body: string) =>
    connections.fetch(`${url}/agent`, { method: 'POST', headers: { 'x-from': 'ada' }, body });
  const answer = await ask('größer');
  expect([answer.ok, answer.status, answer.headers.get('retry-after')]).toEqual([true, 201, '2']);
  expect(await answer.text()).toBe('POST ada 8 größer');
  const refusal = await ask('refuse');
  expect([refusal.ok, refusal.status, refusal.headers.get('nothing')]).toEqual([false, 503, null]);
  expect(Buffer.from(await refusal.arrayBuffer()).toString()).toBe('POST ada 6 refuse');
});

test('one connection serves calls that come one after the other', async () => {
  const { url, connections, opened } = await served((_, response) => response.end('yes'));
  for (let call = 0; call < 5; call++) await (await connections.fetch(url)).text();
  expect(opened()).toBe(1);
});

test('a call that is aborted ends with the reason, before, and while it waits', async () => {
  const there = Promise.withResolvers<void>();
  const { url, connections } = await served(() => there.resolve());
  const why = new Error('nobody waits any more');
  await expect(connections.fetch(url, { signal: AbortSignal.abort(why) })).rejects.toBe(why);
  const over = new AbortController();
  const call = connections.fetch(url, { signal: over.signal });
  await there.promise;
  over.abort(why);
  await expect(call).rejects.toBe(why);
});

test('an answer that is cut short is an error, and so is a connection that fails, or is refused', async () => {
  const { url, connections, server } = await served((request, response) =>
    request.url === '/cut' ? cut(response) : request.destroy(),
  );
  await expect(connections.fetch(`${url}/cut`)).rejects.toThrow('aborted');
  await expect(connections.fetch(`${url}/gone`)).rejects.toThrow('socket hang up');
  await new Promise((resolve) => server.close(resolve));
  await expect(connections.fetch(url)).rejects.toThrow('ECONNREFUSED');
});

test('closing ends what is under way', async () => {
  const there = Promise.withResolvers<void>();
  const { url, connections } = await served(() => there.resolve());
  const call = connections.fetch(url);
  const ended = expect(call).rejects.toThrow('socket hang up');
  await there.promise;
  connections.close();
  await ended;
});

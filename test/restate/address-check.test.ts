/** What a node finds at the address of another: real servers on loopback. */
import { createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { checkAddress } from '../../src/restate/nodes/address-check.ts';

/** Longer than any of these takes to answer on a busy machine. */
const PATIENT_MS = 30_000;

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/control`;
}

test('a node that is there answers, whatever the path', async () => {
  const server = createHttp2Server();
  const url = await listening(server);
  onTestFinished(() => void server.close());
  expect(await checkAddress(url, PATIENT_MS)).toBe('answers');
});

test('an address where nothing listens any more refuses', async () => {
  const server = createServer();
  const url = await listening(server);
  await new Promise((resolve) => server.close(resolve));
  expect(await checkAddress(url, PATIENT_MS)).toBe('refuses');
});

test('one that takes the connection and says nothing is silent', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.pause();
  });
  const url = await listening(server);
  onTestFinished(() => void server.close());
  expect(await checkAddress(url, 20)).toBe('silent');
});

test('an address whose name leads nowhere is silent', async () => {
  // No server of names can be asked for one that has so long a part.
  expect(await checkAddress(`http://${'a'.repeat(64)}.invalid:1/control`, PATIENT_MS)).toBe('silent');
});

test("time by which this program itself is held up is nobody's silence", async () => {
  const server = createHttp2Server();
  const url = await listening(server);
  onTestFinished(() => void server.close());
  const withinMs = 1_000;
  const found = checkAddress(url, withinMs);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, withinMs);
  expect(await found).toBe('answers');
});

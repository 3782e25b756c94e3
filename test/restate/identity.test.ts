/** Who reaches a node: the engine that signs its calls, at the address that it listens at, and nobody else. */
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { describe, expect, onTestFinished, test } from 'vitest';
import { connectFleet, createAgentNode } from '../../src/restate.ts';
import { hasEngine, startEngine } from './engine.ts';
import { PATIENT_MS } from './fleet-rig.ts';
import { worker } from './worker.ts';

/** Of no engine here. */
const OTHER_KEY = 'publickeyv1_2G8dCQhArfvGpzPw5Vx2ALciR4xCLHfS5YaT93XjNxX9';

test.each([
  'https://127.0.0.1:0',
  'http://127.0.0.1',
  'http://127.0.0.1:99999',
  'http://127.0.0.1:0/path',
  '127.0.0.1:0',
])('a node refuses to listen at %s, and says what it expects', async (listen) => {
  const restate = { ingressUrl: 'http://127.0.0.1:1', adminUrl: 'http://127.0.0.1:1' };
  await expect(createAgentNode({ name: 'n1', listen, restate })).rejects.toMatchObject({
    code: 'AGENT_SPEC_INVALID',
    message: expect.stringMatching(/listen: expected http:\/\/<address>:<port>, without TLS/) as string,
  });
});

test.each(['', 'publickeyv1_', 'publickeyv1_x', `publickeyv1_${'0'.repeat(43)}`, 'a'.repeat(43)])(
  'a node refuses the key %j by its place, and says what it expects',
  async (key) => {
    const identityKeys = [OTHER_KEY, key];
    const restate = { ingressUrl: 'http://127.0.0.1:1', adminUrl: 'http://127.0.0.1:1', identityKeys };
    await expect(
      createAgentNode({ name: 'n1', listen: 'http://127.0.0.1:0', restate }),
    ).rejects.toMatchObject({
      code: 'AGENT_SPEC_INVALID',
      message: expect.stringMatching(
        /restate\.identityKeys\.1: expected the public key that the engine logs/,
      ) as string,
    });
  },
);

describe.runIf(hasEngine())('a node', () => {
  test('whose engine signs its calls takes no others, and listens on loopback alone', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'mabeam-identity-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const pem = join(folder, 'key.pem');
    const { privateKey } = generateKeyPairSync('ed25519');
    const text = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    await writeFile(pem, text);
    const engine = await startEngine({ config: `request-identity-private-key-pem-file = "${pem}"` });
    onTestFinished(() => engine.stop());
    const { ingressUrl, adminUrl } = engine;
    const logger = pino({ level: 'silent' });
    const node = await createAgentNode({
      name: 'n1',
      listen: 'http://127.0.0.1:0',
      restate: { ingressUrl, adminUrl, identityKeys: [`publickeyv1_${base58(rawPublicKey(text))}`] },
      agents: [worker],
      leaseMs: PATIENT_MS,
      logger,
    });
    onTestFinished(() => node.close({ timeoutMs: 1_000 }));
    const fleet = await connectFleet({ ingressUrl, agents: [worker], logger });
    onTestFinished(() => fleet.close());
    const id = await fleet.agents.register({ module: worker });
    await fleet.agents.start(id);
    expect(await fleet.agents.execute(id, { type: 'count' })).toBe(1);
    for (const path of [
      '/host/discover',
      '/host/invoke/mabeam_host_n1/post',
      '/host/invoke/mabeam_node_n1/serve',
      '/control/discover',
      '/control/invoke/mabeam_agent/command',
      '/control/invoke/mabeam_nodes/place',
    ]) {
      expect([path, await statusOf(node.url, path)]).toEqual([path, 401]);
    }
    expect(await statusOf(node.url, '/')).toBe(404);
    const elsewhere = Object.values(networkInterfaces()).flatMap((all) =>
      (all ?? []).filter(({ internal, family }) => !internal && family === 'IPv4'),
    );
    for (const url of [node.url, ingressUrl, adminUrl]) {
      const port = Number(new URL(url).port);
      expect(await isReached('127.0.0.1', port)).toBe(true);
      for (const { address } of elsewhere)
        expect([address, await isReached(address, port)]).toEqual([address, false]);
    }
    await fleet.stopAgents({ timeoutMs: 0 });
    // An address of nobody: it listens nowhere, and had warned before.
    const warnings: string[] = [];
    const telling = pino({ level: 'warn' }, { write: (line) => void warnings.push(line) });
    for (const [listen, keys] of [
      ['http://192.0.2.77:0', {}],
      ['http://192.0.2.77:0', { identityKeys: [OTHER_KEY] }],
      [node.url, {}],
    ] as const) {
      const options = { name: 'n2', listen, restate: { ingressUrl, adminUrl, ...keys }, logger: telling };
      await expect(createAgentNode(options)).rejects.toMatchObject({ code: 'AGENT_SPEC_INVALID' });
    }
    expect(warnings).toEqual([expect.stringContaining('it has no restate.identityKeys')]);
    const wrong = createAgentNode({
      name: 'n2',
      listen: 'http://127.0.0.1:0',
      restate: { ingressUrl, adminUrl, identityKeys: [OTHER_KEY] },
      logger: telling,
    });
    const message = expect.stringContaining('none of restate.identityKeys has signed') as string;
    await expect(wrong).rejects.toMatchObject({ code: 'STORE_FAILED', message });
    expect(warnings.slice(1)).toEqual([message]);
  });
});

function isReached(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTcp({ host, port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function rawPublicKey(pem: string): Buffer {
  return createPublicKey(createPrivateKey(pem)).export({ type: 'spki', format: 'der' }).subarray(-32);
}

function base58(bytes: Buffer): string {
  const digits = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
  let rest = BigInt(`0x${bytes.toString('hex')}`);
  let text = '';
  for (; rest > 0n; rest /= 58n) text = digits[Number(rest % 58n)]! + text;
  for (const byte of bytes) {
    if (byte !== 0) break;
    text = `1${text}`;
  }
  return text;
}

async function statusOf(url: string, path: string): Promise<number> {
  const session = connect(url);
  try {
    const stream = session.request({
      ':path': path,
      ':method': 'POST',
      'content-type': 'application/vnd.restate.invocation.v5',
    });
    stream.end();
    return await new Promise((resolve, reject) => {
      stream.on('response', (headers) => resolve(Number(headers[':status'])));
      stream.on('error', reject);
    });
  } finally {
    session.destroy();
  }
}

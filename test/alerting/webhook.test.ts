import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { NoticeBatch } from '../../src/alerts.ts';
import { webhook, type WebhookOptions } from '../../src/webhook.ts';
import { refusal } from '../kit/rig.ts';

const secret = () => `whsec_${randomBytes(32).toString('base64')}`;
const batch: NoticeBatch = {
  notices: [
    { id: 'gave_up:ada:raised:1', state: 'raised', alert: 'gave_up', agentId: 'ada', message: 'ada', at: 1 },
  ],
  dropped: 0,
  text: 'ALERT gave_up ada: ada',
};
const going = { signal: new AbortController().signal };

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A receiver on loopback that answers as it is told, the last way from then on. */
async function receiver(...answers: ((response: ServerResponse) => void)[]) {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (part: string) => {
      body += part;
    });
    request.on('end', () => {
      const answer = answers[Math.min(received.length, answers.length - 1)];
      received.push({ headers: request.headers, body });
      if (answer) answer(response);
      else response.end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { received, url: `http://127.0.0.1:${port}/hooks/a-secret-path` };
}

const status =
  (code: number, headers: Record<string, string> = {}) =>
  (response: ServerResponse): void =>
    void response.writeHead(code, headers).end('x'.repeat(10_000));

const fast = { delayMs: 1, maxDelayMs: 5 };

describe('a webhook', () => {
  it('is signed so that a library of the standard believes it, and no other secret does', async () => {
    const { received, url } = await receiver();
    const key = secret();
    await webhook({ url, secret: key })(batch, going);
    const [{ headers, body }] = received as [Received];
    const given = headers as Record<string, string>;
    expect(new Webhook(key).verify(body, given)).toMatchObject({
      type: 'mabeam.alerts',
      data: { notices: [{ agentId: 'ada' }], text: batch.text },
    });
    expect(() => new Webhook(secret()).verify(body, given)).toThrow(/signature/);
    expect(() => new Webhook(key).verify(`${body} `, given)).toThrow(/signature/);
    expect(headers['content-type']).toBe('application/json');
  });

  it('is signed with each secret during a rotation, and not signed without a secret', async () => {
    const { received, url } = await receiver();
    const [before, after] = [secret(), secret()];
    await webhook({ url, secret: [before, after] })(batch, going);
    await webhook({ url })(batch, going);
    const [signed, plain] = received as [Received, Received];
    for (const key of [before, after]) {
      new Webhook(key).verify(signed.body, signed.headers as Record<string, string>);
    }
    expect(plain.headers).not.toHaveProperty('webhook-signature');
  });

  it('sends what it is told to: the form that a chat expects, and headers', async () => {
    const { received, url } = await receiver();
    await webhook({ url, body: ({ text }) => ({ text }), headers: { 'X-Team': 'night' } })(batch, going);
    expect(JSON.parse(received[0]!.body)).toEqual({ text: batch.text });
    expect(received[0]!.headers['x-team']).toBe('night');
  });

  it.each([408, 425, 429, 500, 502, 503])('tries again after status %i, under the same id', async (code) => {
    const { received, url } = await receiver(status(code), status(code), status(204));
    await webhook({ url, secret: secret(), ...fast })(batch, going);
    expect(received).toHaveLength(3);
    expect(new Set(received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(new Set(received.map(({ body }) => body)).size).toBe(1);
  });

  it('tries again after a connection that broke, and after an answer that did not come', async () => {
    const deadlines: AbortController[] = [];
    const timeout = vi.spyOn(AbortSignal, 'timeout').mockImplementation(() => {
      const deadline = new AbortController();
      deadlines.push(deadline);
      return deadline.signal;
    });
    const { received, url } = await receiver(
      (response) => void response.destroy(),
      () => deadlines.at(-1)!.abort(new DOMException('too late', 'TimeoutError')),
      status(200),
    );
    await webhook({ url, timeoutMs: 200, ...fast })(batch, going);
    expect(received).toHaveLength(3);
    expect(timeout.mock.calls).toEqual([[200], [200], [200]]);
  });

  it.each([301, 302, 307, 400, 401, 403, 404, 410, 413])('gives up at once after status %i', async (code) => {
    const elsewhere = await receiver();
    const { received, url } = await receiver(status(code, { location: elsewhere.url }));
    await expect(webhook({ url, ...fast })(batch, going)).rejects.toThrow(
      `${new URL(url).origin} answered with status ${code}`,
    );
    expect(received).toHaveLength(1);
    expect(elsewhere.received).toEqual([]);
  });

  it('gives up after its retries, and names the origin alone', async () => {
    const { received, url } = await receiver(status(500));
    const failed = await webhook({ url, retries: 2, ...fast })(batch, going).catch((error: Error) => error);
    expect(received).toHaveLength(3);
    expect(failed).toMatchObject({ message: `${new URL(url).origin} answered with status 500` });

    const { received: none, url: closed } = await receiver((response) => void response.destroy());
    const broken = await webhook({ url: closed, retries: 0 })(batch, going).catch((error: Error) => error);
    expect((broken as Error).message).toMatch(/^http:\/\/127\.0\.0\.1:\d+: .+/);
    expect((broken as Error).message).not.toContain('a-secret-path');
    expect(none).toHaveLength(1);
  });

  it('waits as long as the receiver asks for, and no longer than it is allowed to', async () => {
    const { received, url } = await receiver(status(429, { 'retry-after': '3600' }), status(200));
    const begun = performance.now();
    await webhook({ url, delayMs: 1, maxDelayMs: 120 })(batch, going);
    expect(performance.now() - begun).toBeGreaterThan(110);
    expect(received).toHaveLength(2);
  });

  it('stops when it is told to: in a request, and between two attempts', async () => {
    const inRequest = new AbortController();
    const hanging = await receiver(() => inRequest.abort(new Error('closing')));
    await expect(webhook({ url: hanging.url })(batch, inRequest)).rejects.toThrow('closing');

    const between = new AbortController();
    const refusing = await receiver((response) => {
      status(503, { 'retry-after': '60' })(response);
      response.on('close', () => setImmediate(() => between.abort(new Error('closing'))));
    });
    await expect(webhook({ url: refusing.url, delayMs: 30_000 })(batch, between)).rejects.toThrow('closing');
    expect(refusing.received).toHaveLength(1);
  });

  const tooShort = `whsec_${Buffer.from('abcdefgh').toString('base64')}`;
  it.each([
    [{}, 'url'],
    [{ url: 'hooks.example/secret-path' }, 'url'],
    [{ url: 'ftp://hooks.example/secret-path' }, 'url'],
    [{ url: 'https://a.example', secret: 'a-plain-secret-of-some-length' }, 'secret'],
    [{ url: 'https://a.example', secret: tooShort }, 'secret'],
    [{ url: 'https://a.example', secret: [secret(), 5] }, 'secret'],
    [{ url: 'https://a.example', secret: [] }, 'secret'],
    [{ url: 'https://a.example', retries: -1 }, 'retries'],
    [{ url: 'https://a.example', timeoutMs: 0 }, 'timeoutMs'],
    [{ url: 'https://a.example', body: {} }, 'body'],
    [{ url: 'https://a.example', colour: 'red' }, 'colour'],
  ])('refuses %j by name, and shows no secret', async (options, named) => {
    const { code, message } = await refusal(() => webhook(options as WebhookOptions));
    expect({ code, message }).toEqual({
      code: 'AGENT_SPEC_INVALID',
      message: expect.stringMatching(new RegExp(`^webhook: ${named}`)),
    });
    for (const hidden of ['secret-path', 'a-plain-secret', 'YWJj']) expect(message).not.toContain(hidden);
  });
});

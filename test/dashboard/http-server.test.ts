/** The end of the dashboard's server: what is ready goes out, and then nothing is left of it. */
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { Access } from '../../src/dashboard/access.ts';
import { HttpServer, type HttpServerOptions } from '../../src/dashboard/http-server.ts';

const TOKEN = 'a-secret-of-the-test';
const nobody = { size: 0, close: () => {} } as never;

it('an answer that is ready as the server closes goes out, and its port and its connections are gone then', async () => {
  let closed: Promise<void> | undefined;
  const last = (): string => {
    closed = server.close();
    return 'last';
  };
  const server = new HttpServer({
    access: new Access({ token: TOKEN, controlToken: undefined, host: '127.0.0.1', allowedHosts: [] }),
    routes: [{ method: 'GET', pattern: '/api/last', answer: last }],
    logger: pino({ level: 'silent' }),
    viewers: nobody,
    followers: nobody,
    maxViewers: 1,
  } satisfies Partial<HttpServerOptions> as unknown as HttpServerOptions);
  const port = await server.listen(0, '127.0.0.1');
  const ask = () =>
    fetch(`http://127.0.0.1:${port}/api/last`, { headers: { Authorization: `Bearer ${TOKEN}` } });
  expect(await (await ask()).json()).toBe('last');
  await closed;
  await expect(ask()).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
});

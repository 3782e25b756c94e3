/** Laws of the process of an MCP server: how its end is told, what ends with it, and what it prints. */
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ServerProcess } from '../../src/mcp/server-process.ts';
import { isAlive } from '../hosting/hosts.ts';

/** A server that is a script of bash; `said` resolves with the first line on its standard error. */
async function started(script: string) {
  const { promise: said, resolve } = Promise.withResolvers<string>();
  const printed: string[] = [];
  const server = new ServerProcess(
    { command: 'bash', args: ['-c', script], env: {}, cwd: undefined },
    (line) => {
      printed.push(line);
      resolve(line);
    },
  );
  const closed = new Promise<void>((told) => void Object.assign(server, { onclose: told }));
  await server.start();
  return { server, said, printed, closed };
}

/** As `started`, of a server whose first line is the number of a process that is not to be left over. */
async function withHelper(script: string) {
  const one = await started(script);
  const helper = Number(await one.said);
  onTestFinished(() => {
    if (isAlive(helper)) process.kill(helper, 'SIGKILL');
  });
  return { ...one, helper };
}

/** Both hold the server's output open. */
const JOB = 'set -m; sleep 600 & echo $! >&2;';
const OF_ITS_OWN_SESSION = `setsid sh -c 'echo $$ >&2; exec sleep 600' &`;

describe.runIf(process.platform === 'linux')('the process of a server', () => {
  test('its end is told, also if what it has started holds its output open', async () => {
    const { helper, closed, server } = await withHelper(`${OF_ITS_OWN_SESSION} read end`);
    void server.close();
    await closed;
    expect(isAlive(helper)).toBe(true);
  });

  test.each(['read end', 'exit'])('jobs of a shell end with it, before that is told: %s', async (end) => {
    const { helper, closed, server } = await withHelper(`${JOB} ${end}`);
    const closing = server.close();
    await closed;
    expect(isAlive(helper)).toBe(false);
    await closing;
  });

  test('jobs are gone once it is closed', async () => {
    const { helper, server } = await withHelper(`${JOB} read end`);
    await server.close();
    expect(isAlive(helper)).toBe(false);
  });
});

test('a line is logged as one, in however many writes it comes, and the last without its end', async () => {
  const heard = '{"jsonrpc":"2.0","method":"heard"}';
  const { server, printed, closed } = await started(
    String.raw`printf '\xc3' >&2; echo '${heard}'; read next; printf '\xa4 whole\n\nlast' >&2`,
  );
  Object.assign(server, { onmessage: (message: JSONRPCMessage) => server.send(message) });
  await closed;
  expect(printed).toEqual(['ä whole', 'last']);
});

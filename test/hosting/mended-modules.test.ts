/** A module that failed is tried afresh once it was mended, and one that holds something open can be started at once. */
import { once } from 'node:events';
import { realpathSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import type { Host } from '../../src/runtime/hosting/host.ts';
import { inProcessHost } from '../../src/runtime/hosting/hosts/in-process.ts';
import { processHost } from '../../src/runtime/hosting/hosts/process.ts';
import { threadHost } from '../../src/runtime/hosting/hosts/thread.ts';
import { openWitnessed } from '../../src/testing/host-laws/witness.ts';
import { temporaryDirectory } from '../journal/stores/temporary-directory.ts';
import { pidOf, readyFaulty, specOf } from './hosts.ts';

const agentEntry = new URL('../../src/agent.ts', import.meta.url).href;
const agentOf = (type: string, before = '') => `import { defineAgent } from '${agentEntry}';
${before}
export default defineAgent({ type: '${type}', init: () => 0, tasks: { pid: { run: () => process.pid } } });`;

/** A module that can be written again and again. */
function moduleOf(text: string): { module: URL; write: (text: string) => void } {
  const file = join(realpathSync(temporaryDirectory()), 'agent.mjs');
  const write = (content: string): void => writeFileSync(file, content);
  write(text);
  return { module: pathToFileURL(file), write };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const hosts: Readonly<Record<string, () => Host>> = {
  'in-process': inProcessHost,
  thread: threadHost,
  process: processHost,
};

describe.for(Object.entries(hosts))('%s: a module', ([, create]) => {
  const host = create();
  afterAll(() => host.close());

  test.for([
    ['throws', `throw new Error('no key');`, /did not load: no key/],
    ['does not compile', 'export default ;', /did not load/],
    ['is no agent', 'export default 7;', /expected its default export to come from defineAgent, got 7/],
  ] as const)('that %s is tried afresh, as often as it fails', async ([, broken, problem]) => {
    const { module, write } = moduleOf(broken);
    const two = [host.describe(module, {}), host.describe(module, {})];
    for (const answer of two) await expect(answer).rejects.toThrow(problem);
    await expect(host.describe(module, {})).rejects.toThrow(problem);
    write(agentOf('mended'));
    expect(await host.describe(module, {})).toMatchObject({ type: 'mended' });
    const witness = openWitnessed(host, { module });
    expect((await witness.until('ready')).manifest.type).toBe('mended');
    expect(await witness.terminate()).toBe('shutdown');
  });
  test('that did not load for a body loads for the next one, once it is mended', async () => {
    const { module, write } = moduleOf(`throw new Error('no key');`);
    expect(await openWitnessed(host, { module }).exit()).toMatchObject({
      error: { message: expect.stringMatching(/no key/) },
    });
    write(agentOf('mended'));
    const witness = openWitnessed(host, { module });
    await witness.until('ready');
    expect(await witness.terminate()).toBe('shutdown');
  });
});

describe.for(['thread', 'process'])('%s: a module that holds something open', (kind) => {
  const host = hosts[kind]!();
  afterAll(() => host.close());

  test('a port, has let go of it when it is described', async () => {
    const port = await freePort();
    const listening = `import { createServer } from 'node:net';
import { once } from 'node:events';
const server = createServer().listen(${port}, '127.0.0.1');
await once(server, 'listening');`;
    const { module } = moduleOf(agentOf('listening', listening));
    // The second finds the port free, and so does whoever starts then.
    expect(await host.describe(module, {})).toMatchObject({ type: 'listening' });
    expect(await host.describe(module, {})).toMatchObject({ type: 'listening' });
    const witness = openWitnessed(host, { module });
    await witness.until('ready');
    expect(await witness.terminate()).toBe('shutdown');
  });
  test('a timer that throws later, is not in the way of the next', async () => {
    const { module } = moduleOf(agentOf('late', `setTimeout(() => { throw new Error('late'); }, 1);`));
    const sound = moduleOf(agentOf('sound'));
    const answers = [host.describe(module, {}), host.describe(sound.module, {})];
    expect(await Promise.all(answers)).toMatchObject([{ type: 'late' }, { type: 'sound' }]);
  });
});

test('a group in whose process a module did not load goes on, and takes who comes then into another', async () => {
  const host = processHost();
  const { resources } = specOf({ group: 'all' });
  const member = await readyFaulty(host, { agentId: 'member', resources: { group: 'all' } });
  const { module, write } = moduleOf(`throw new Error('no key');`);
  expect(await openWitnessed(host, { module, resources }).exit()).toMatchObject({
    error: { message: expect.stringMatching(/no key/) },
  });
  write(agentOf('mended'));
  const mended = openWitnessed(host, { module, resources });
  await mended.until('ready');
  const last = await readyFaulty(host, { agentId: 'last', resources: { group: 'all' } });
  const [first, second, third] = [await pidOf(member), await pidOf(mended), await pidOf(last)];
  expect(second).not.toBe(first);
  expect(third).toBe(second);
  for (const witness of [member, mended, last]) expect(await witness.terminate()).toBe('shutdown');
  await host.close();
});

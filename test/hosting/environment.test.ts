/** Which variables an agent's process gets, and who cannot choose. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createAgentSystem } from '../../src/index.ts';
import { commandPath, environmentFor } from '../../src/runtime/hosting/hosts/environment.ts';
import { processHost } from '../../src/runtime/hosting/hosts/process.ts';
import { refusal, silent } from '../kit/rig.ts';
import { faultyAgent, outputOf, readyFaulty } from './hosts.ts';

const SECRET = 'MABEAM_TEST_SECRET';
const OTHER = 'MABEAM_TEST_OTHER';
beforeAll(() => {
  process.env[SECRET] = 'sesame';
  process.env[OTHER] = 'open';
});
afterAll(() => {
  delete process.env[SECRET];
  delete process.env[OTHER];
});

async function environmentWith(
  env: 'all' | 'none' | string[] | undefined,
  options: Parameters<typeof processHost>[0] = {},
) {
  const host = processHost(options);
  onTestFinished(() => host.close());
  return outputOf(await readyFaulty(host, { resources: env === undefined ? {} : { env } }), 'env');
}

describe('a process gets', () => {
  it.each([['all' as const], [undefined]])('every variable: %s', async (env) => {
    const { PATH } = process.env;
    expect(await environmentWith(env)).toMatchObject({ PATH, [SECRET]: 'sesame', [OTHER]: 'open' });
  });

  it('those that are named and there', async () => {
    expect(await environmentWith([OTHER, 'MABEAM_TEST_MISSING', '__proto__'])).toEqual({ [OTHER]: 'open' });
  });

  it('none, and lives all the same: with its parent and without setpriv', async () => {
    expect(await environmentWith('none')).toEqual({});
    expect(await environmentWith('none', { setpriv: false })).toEqual({});
  });

  it('what its host adds, whatever its spec says', async () => {
    expect(await environmentWith('none', { env: { ADDED: 'yes' } })).toEqual({ ADDED: 'yes' });
  });
});

it('the process that describes a module has no other environment, and each has its own', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'mabeam-environment-'));
  const file = join(folder, 'agent.mjs');
  const from = new URL('../../src/runtime/definition/define-agent.ts', import.meta.url).href;
  await writeFile(
    file,
    `import { defineAgent } from ${JSON.stringify(from)};
    export default defineAgent({ type: process.env.${SECRET} ?? 'without', init: () => ({}), tasks: {} });`,
  );
  const system = await createAgentSystem({ logger: silent });
  onTestFinished(async () => {
    await system.close();
    await rm(folder, { recursive: true });
  });
  const typeWith = async (env?: 'none' | string[]) => {
    const resources = env === undefined ? {} : { env };
    return system.agents.get(await system.agents.register({ module: pathToFileURL(file), resources })).type;
  };
  expect(await typeWith()).toBe('sesame');
  expect(await typeWith('none')).toBe('without');
  expect(await typeWith([SECRET])).toBe('sesame');
  expect(await typeWith([OTHER])).toBe('without');
});

const group = (env?: 'all' | 'none') => ({
  module: faultyAgent,
  resources: { group: 'g', ...(env === undefined ? {} : { env }) },
});

it('members of a group agree on it', async () => {
  const system = await createAgentSystem({ logger: silent });
  onTestFinished(async () => void (await system.close()));
  const { agents } = system;
  await agents.start(await agents.register(group()));
  expect(await agents.start(await agents.register(group('all')))).toMatchObject({ incarnation: 1 });
  const { code, message } = await refusal(agents.register(group('none')));
  expect([code, message]).toEqual([
    'AGENT_SPEC_INVALID',
    expect.stringContaining('resources.env: group "g" runs with "all", expected the same, got "none"'),
  ]);
});

it.each(['in-process', 'thread'] as const)('an agent %s cannot choose', async (isolation) => {
  await using system = await createAgentSystem({ logger: silent });
  for (const env of ['none', [SECRET]] as const) {
    const spec = { module: faultyAgent, isolation, resources: { env: env === 'none' ? env : [...env] } };
    const { code, message } = await refusal(system.agents.register(spec));
    expect([code, message]).toEqual(['AGENT_SPEC_INVALID', expect.stringContaining('resources.env: ')]);
  }
  const all = { module: faultyAgent, isolation, resources: { env: 'all' as const } };
  expect(await system.agents.register(all)).toBeTypeOf('string');
});

it.each<[unknown]>([['some'], [['A=B']], [['']], [['A\0']], [[5]], [{}]])(
  'an env of %j is refused by name',
  async (env) => {
    await using system = await createAgentSystem({ logger: silent });
    const { code, message } = await refusal(
      system.agents.register({ module: faultyAgent, resources: { env } } as never),
    );
    expect([code, message]).toEqual(['AGENT_SPEC_INVALID', expect.stringContaining('resources.env')]);
  },
);

it('takes of an environment what is its own', () => {
  const given = { A: '1', B: '2' };
  expect(environmentFor('all', given)).toEqual(given);
  expect(environmentFor(['B', 'toString'], given)).toEqual({ B: '2' });
  expect(environmentFor('none', given)).toEqual({});
});

it('finds a command on the path, and leaves one that is not there to the system', () => {
  expect(commandPath('node', { PATH: '/nowhere::' + process.execPath.replace(/\/[^/]+$/, '') })).toBe(
    process.execPath,
  );
  expect(commandPath('no such command')).toBe('no such command');
  expect(commandPath('/bin/own')).toBe('/bin/own');
});

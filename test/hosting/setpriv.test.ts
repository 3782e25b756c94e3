/** A command of the system that is gone, or fails, costs a warning and no agent; so does a lack of descriptors. */
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { processHost } from '../../src/runtime/hosting/hosts/process.ts';
import { faultyAgent, livingChildren, openFaulty, outputOf, readyFaulty } from './hosts.ts';

const folder = mkdtempSync(join(tmpdir(), 'mabeam-setpriv-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
  expect(livingChildren()).toEqual([]);
});

function command(name: string, script: string): string {
  const file = join(folder, name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return file;
}

function warnings(): string[] {
  const heard: string[] = [];
  const hear = (warning: Error & { code?: string }) => {
    if (warning.code === 'MABEAM_WITHOUT_SETPRIV') heard.push(warning.message);
  };
  process.on('warning', hear);
  onTestFinished(() => void process.off('warning', hear));
  return heard;
}

const DENIED = 'setpriv: set parent death signal failed: Operation not permitted';

describe.runIf(process.platform === 'linux').each([
  ['is gone', '/no/such/setpriv', /\/no\/such\/setpriv could not be started/],
  ['is denied its work', command('denied', `echo "${DENIED}" >&2; exit 1`), /Operation not permitted/],
  [
    'cannot start what it is given',
    command('lost', 'echo "setpriv: failed to execute" >&2; exit 127'),
    /exec/,
  ],
])('a setpriv that %s', (_, setpriv, said) => {
  test('costs one warning: agents run, one by one and two at once, and modules are described', async () => {
    const heard = warnings();
    const host = processHost({ setpriv });
    const both = await Promise.all(['one', 'two'].map((agentId) => readyFaulty(host, { agentId })));
    both.push(await readyFaulty(host, { agentId: 'three' }));
    for (const witness of both) expect(await outputOf(witness, 'echo', 'here')).toBe('here');
    expect(await host.describe(faultyAgent, undefined)).toMatchObject({ type: 'faulty' });
    for (const witness of both) expect(await witness.terminate()).toBe('shutdown');
    await host.close();
    expect(heard).toEqual([expect.stringMatching(said)]);
  });

  test('is no matter for a sandbox that has no threads, nor for a group', async () => {
    const host = processHost({ setpriv });
    const boxed = await readyFaulty(host, { resources: { sandbox: {} } });
    const group = { group: 'g' };
    const members = await Promise.all(
      ['one', 'two'].map((agentId) => readyFaulty(host, { agentId, resources: group })),
    );
    for (const witness of [boxed, ...members]) {
      expect(await outputOf(witness, 'echo', 1)).toBe(1);
      expect(await witness.terminate()).toBe('shutdown');
    }
    await host.close();
  });

  test('leaves a kill a kill, and an exit its code', async () => {
    const host = processHost({ setpriv });
    const killed = openFaulty(host, {});
    killed.body.kill();
    expect(await killed.exit()).toBe('killed');
    const left = openFaulty(host, { initArgs: { exitInInit: 5 } });
    expect(await left.exit()).toEqual({ exitCode: 5 });
    await host.close();
  });
});

test.runIf(process.platform === 'linux')(
  'where descriptors run out a start and a registration say so, the program lives, and what is asked later is done',
  async () => {
    const program = fileURLToPath(new URL('../fixtures/programs/few-descriptors.ts', import.meta.url));
    const child = spawn('sh', ['-c', 'ulimit -n 128; exec "$0" "$@"', process.execPath, program], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    child.stdout.on('data', (chunk) => (said += String(chunk)));
    child.stderr.on('data', (chunk) => (said += String(chunk)));
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(JSON.parse(said)).toEqual({
      code: 'AGENT_START_FAILED',
      isNamed: true,
      blamed: false,
      codes: ['RESOURCES_EXHAUSTED', 'RESOURCES_EXHAUSTED', 'RESOURCES_EXHAUSTED'],
      again: 'here',
    });
  },
);

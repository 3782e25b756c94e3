import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import type * as ProcessModule from '../../src/runtime/hosting/hosts/process.ts';
import type * as ThreadModule from '../../src/runtime/hosting/hosts/thread.ts';
import type * as WitnessModule from '../../src/testing/host-laws/witness.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'mabeam-built-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('threads and processes run from what is built as they do from the sources', async () => {
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const project = join(root, 'tsconfig.build.json');
  // Whether all of it is well typed is for another check.
  const args = [tsc, '-p', project, '--outDir', join(folder, 'dist'), '--noCheck', '--declaration', 'false'];
  const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect(stdout).toBe('');
  expect(status).toBe(0);
  const built = async (file: string): Promise<unknown> =>
    import(pathToFileURL(join(folder, 'dist', file)).href);
  const { threadHost } = (await built('runtime/hosting/hosts/thread.js')) as typeof ThreadModule;
  const { processHost } = (await built('runtime/hosting/hosts/process.js')) as typeof ProcessModule;
  const { openWitnessed } = (await built('testing/host-laws/witness.js')) as typeof WitnessModule;
  for (const create of [threadHost, processHost]) {
    const host = create();
    const witness = openWitnessed(host);
    await witness.until('ready');
    expect(await witness.task('add', 2)).toMatchObject({ output: 2 });
    expect(await witness.terminate()).toBe('shutdown');
    await host.close();
  }
});

/** Starts of processes where descriptors run out: each is refused, and leaves nothing open. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

test.runIf(process.platform === 'linux')(
  'a start that takes more descriptors than are left, however many, leaves none open, nor a pipe',
  async () => {
    const program = fileURLToPath(
      new URL('../fixtures/programs/starts-without-descriptors.ts', import.meta.url),
    );
    const folder = mkdtempSync(join(tmpdir(), 'mabeam-descriptors-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const setpriv = join(folder, 'setpriv');
    writeFileSync(setpriv, '#!/bin/sh\necho "setpriv: denied" >&2; exit 1\n', { mode: 0o755 });
    const said = await outputOf('sh', [
      '-c',
      'ulimit -n 128; exec "$0" "$@"',
      process.execPath,
      program,
      setpriv,
    ]);
    const nothing = { sockets: 0, pipes: 0 };
    expect(JSON.parse(said)).toEqual({
      agent: { refusals: ['EMFILE'], ...nothing },
      server: { refusals: ['EMFILE'], ...nothing },
      // It fails for nobody.
      guard: { refusals: [null], ...nothing },
      again: { error: expect.objectContaining({ code: 'EMFILE' }) },
    });
  },
);

test('a program that may not open files is taken to have enough', async () => {
  const sources = fileURLToPath(new URL('../../src/', import.meta.url));
  const own = new URL('../../src/runtime/hosting/hosts/spare-descriptors.ts', import.meta.url).href;
  const code = `import(${JSON.stringify(own)}).then((own) => console.log(own.descriptorLack()))`;
  const args = ['--permission', `--allow-fs-read=${sources}`, '-e', code];
  expect(await outputOf(process.execPath, args)).toBe('undefined\n');
});

async function outputOf(command: string, args: readonly string[]): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stdout.on('data', (chunk) => (said += String(chunk)));
  child.stderr.on('data', (chunk) => (said += String(chunk)));
  expect(await once(child, 'close'), said).toEqual([0, null]);
  return said;
}

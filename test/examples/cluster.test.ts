/** The search on three nodes, as far as it can be interrupted: it leaves no process and no file behind. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../kit/eventually.ts';
import { hasEngine } from '../restate/engine.ts';

const MAIN = fileURLToPath(new URL('../../examples/cluster/main.ts', import.meta.url));

test.runIf(hasEngine())(
  'Ctrl-C while the nodes join ends all: no agent begins, no file is left',
  async () => {
    const temporary = await mkdtemp(join(tmpdir(), 'mabeam-cluster-test-'));
    onTestFinished(() => rm(temporary, { recursive: true }));
    const program = spawn(process.execPath, [MAIN], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, TMPDIR: temporary },
    });
    onTestFinished(() => void program.kill('SIGKILL'));
    let said = '';
    program.stderr.on('data', (text) => {
      said += String(text);
    });
    const exited = once(program, 'exit');
    // The first node has begun by then.
    await eventually(
      () => readdir(temporary, { recursive: true }),
      (names) => names.some((name) => name.endsWith('/compiled')),
    );
    // npm sends it once more, and people press it until something happens.
    await eventually(
      async () => {
        const left = await readdir(temporary);
        if (left.length > 0) program.kill('SIGINT');
        return left;
      },
      (left) => left.length === 0,
    );
    expect(await exited).toEqual([130, null]);
    expect(said).toBe('');
    expect(await readdir(temporary)).toEqual([]);
  },
);

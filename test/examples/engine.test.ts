/** The server of the examples, the tests and the benchmarks leaves nothing behind. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { startEngine } from '../../examples/cluster/engine.ts';
import { eventually } from '../kit/eventually.ts';
import { hasEngine } from '../restate/engine.ts';

test.runIf(hasEngine())('the temporary folders of a server go with its data', async () => {
  const temporary = await mkdtemp(join(tmpdir(), 'mabeam-engine-test-'));
  onTestFinished(() => rm(temporary, { recursive: true }));
  vi.stubEnv('TMPDIR', temporary);
  onTestFinished(() => void vi.unstubAllEnvs());
  await using engine = await startEngine({ partitions: 1 });
  await eventually(
    () => readdir(temporary, { recursive: true }),
    (names) => names.some((name) => name.includes('invoker-')),
  );
  await engine.stop();
  expect(await readdir(temporary)).toEqual([]);
});

/** Laws of the machine's own signal. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { machineSignal } from '../../src/runtime/pools/machine-signal.ts';

describe("the machine's own signal", () => {
  test('reads pressure where Linux tells of it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pressure-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeFile(
      join(folder, 'memory'),
      'some avg10=12.50 avg60=0.00 avg300=0.00 total=1\nfull avg10=1.00 avg60=0.00 avg300=0.00 total=1\n',
    );
    await writeFile(join(folder, 'cpu'), 'some avg10=0.00 avg60=3.00 avg300=0.00 total=1\n');
    expect(await machineSignal(folder)).toMatchObject({ memoryPressure: 0.125, cpuPressure: 0 });
  });

  test('leaves out what nobody tells, and always knows of memory and load', async () => {
    const strain = await machineSignal('/nowhere');
    expect(Object.keys(strain).toSorted()).toEqual(['loadPerCpu', 'memoryUsed']);
    expect(strain.memoryUsed).toBeGreaterThan(0);
    expect(strain.memoryUsed).toBeLessThanOrEqual(1);
    expect(strain.loadPerCpu).toBeGreaterThanOrEqual(0);
  });
});

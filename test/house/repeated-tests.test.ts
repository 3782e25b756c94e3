import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const VITEST = fileURLToPath(new URL('./vitest.mjs', import.meta.resolve('vitest/package.json')));
const CONFIG = fileURLToPath(new URL('../fixtures/tries/vitest.config.ts', import.meta.url));

/** Runs a test of the fixtures as CI does. */
function run(name: string): Promise<{ readonly isPassed: boolean; readonly printed: string }> {
  const { promise, resolve } = Promise.withResolvers<{ isPassed: boolean; printed: string }>();
  const env = { ...process.env, NO_COLOR: '1' };
  execFile(process.execPath, [VITEST, 'run', '--config', CONFIG, name], { env }, (error, stdout, stderr) =>
    resolve({ isPassed: error === null, printed: stdout + stderr }),
  );
  return promise;
}

describe('in CI', () => {
  it('a test that passes when it is repeated is told at the end, and what its first try left behind fails nothing', async () => {
    const { isPassed, printed } = await run('left-behind');
    expect(printed).toContain(
      'left behind by "fails once", of which a try failed: Error: refused by the clean-up',
    );
    expect(printed).toMatch(
      /Passed only when repeated: 1\n- left-behind\.ts > fails once\n {2}AssertionError: the try/,
    );
    expect(isPassed).toBe(true);
  });

  it('what nobody handles fails a run of which no try failed', async () => {
    const { isPassed, printed } = await run('unheard');
    expect(printed).toContain('Error: refused by the clean-up');
    expect(isPassed).toBe(false);
  });
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync, closeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';

const LOGGER = fileURLToPath(new URL('../../src/runtime/values/stderr-logger.ts', import.meta.url));
/** Logs a line, says on stdout when it lives on a while later, and logs another one as told. */
const program = `
  const { stderrLogger } = await import(${JSON.stringify(LOGGER)});
  const { stat } = await import('node:fs/promises');
  // What is written apart fails apart: that is over once the threads that write have done other things.
  const later = async () => { for (let i = 0; i < 20; i++) await stat('.'); };
  const logger = stderrLogger('warn');
  logger.info('not this one');
  logger.warn('the first');
  await later();
  console.log('alive');
  await new Promise((resolve) => process.stdin.once('data', resolve));
  for (let i = 0; i < 2_000; i++) logger.warn({ fill: 'x'.repeat(100) }, 'one of many');
  logger.warn('the last');
  await later();
  console.log('still alive');
  process.exit(0);
`;

function begin(stderr: 'pipe' | number) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['pipe', 'pipe', stderr],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let stdout = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  const closed = once(child, 'close');
  return { child, printed: () => stdout, closed };
}

describe('a logger of those who gave none', () => {
  it('writes lines of its level and above to stderr, as JSON', async () => {
    const { child, closed } = begin('pipe');
    let stderr = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.stdin?.end('go');
    expect(await closed).toEqual([0, null]);
    const lines = stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { name: string; msg: string });
    expect(lines).toHaveLength(2_002);
    expect(lines[0]).toMatchObject({ name: 'mabeam', msg: 'the first', level: 40 });
    expect(lines.at(-1)?.msg).toBe('the last');
  });

  it('ends nothing, and holds up no exit, when its reader has gone', async () => {
    const { child, printed, closed } = begin('pipe');
    await once(child.stdout!, 'data');
    child.stderr!.destroy();
    child.stdin!.end('go');
    expect(await closed).toEqual([0, null]);
    expect(printed()).toBe('alive\nstill alive\n');
  });

  it.skipIf(!existsSync('/dev/full'))(
    'ends nothing, and holds up no exit, where the disk is full',
    async () => {
      const full = openSync('/dev/full', 'w');
      onTestFinished(() => closeSync(full));
      const { child, printed, closed } = begin(full);
      child.stdin!.end('go');
      expect(await closed).toEqual([0, null]);
      expect(printed()).toBe('alive\nstill alive\n');
    },
  );
});

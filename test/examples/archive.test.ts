/** The archive's fleet as a person starts it: it is in trouble, and does its job all the same. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const MAIN = fileURLToPath(new URL('../../examples/archive/main.ts', import.meta.url));

async function run(args: readonly string[], answer?: string) {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.end(answer);
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit') as Promise<[number | null]>,
  ]);
  return { stdout, stderr, code };
}

it('reads every address through a hang, a loop, a broken answer, a limit and a kill, and asks before it publishes', async () => {
  const { stdout, stderr, code } = await run(['--ask'], 'y\n');
  expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining('All well.') });
  expect(stderr).toContain('Publish an index of 40 addresses?');
  expect(stdout).toContain('published when you said yes');
  expect(stdout).toMatch(/addresses read +40 /);
  expect(stdout).toMatch(/of them as the archive says +40 /);
  expect(stdout).toMatch(/programs or agents started again +1 /);
});

it('says what it takes when it is given something else', async () => {
  expect(await run(['--speed'])).toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringContaining('usage:'),
  });
});

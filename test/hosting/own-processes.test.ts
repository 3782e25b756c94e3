/** What an agent starts ends with it, and what it said before its end is heard: in whatever way it ends. */
import { afterAll, describe, expect, test } from 'vitest';
import { processHost } from '../../src/runtime/hosting/hosts/process.ts';
import { threadHost } from '../../src/runtime/hosting/hosts/thread.ts';
import { gone, isAlive, livingChildren, outputOf, readyFaulty } from './hosts.ts';

const host = processHost({ leaveTimeoutMs: 200 });
const threads = threadHost();
afterAll(async () => {
  await Promise.all([host.close(), threads.close()]);
  expect(livingChildren()).toEqual([]);
});

describe('a tool that an agent has started is gone when the end of its agent is told', () => {
  test.for(['terminate', 'kill', 'exit', 'abort', 'lateThrow', 'disconnect'])('after %s', async (end) => {
    const witness = await readyFaulty(host);
    const tool = (await outputOf(witness, 'startTool')) as number;
    expect(isAlive(tool)).toBe(true);
    if (end === 'terminate') await witness.terminate();
    else if (end === 'kill') witness.body.kill();
    else
      witness.body.post({
        type: 'task.run',
        taskId: 'end',
        task: end,
        input: end === 'exit' ? 7 : undefined,
      });
    await witness.exit();
    expect(isAlive(tool)).toBe(false);
  });

  test('two tools, and again in the next life', async () => {
    for (let life = 1; life <= 2; life++) {
      const witness = await readyFaulty(host, { incarnation: life });
      const tools = [await outputOf(witness, 'startTool'), await outputOf(witness, 'startTool')] as number[];
      witness.body.kill();
      await witness.exit();
      expect(tools.map(isAlive)).toEqual([false, false]);
    }
  });

  test('when the host closes', async () => {
    const own = processHost();
    const tool = (await outputOf(await readyFaulty(own), 'startTool')) as number;
    await own.close();
    await gone(tool);
  });
});

const all = (what: string) => Array.from({ length: 20 }, (_, n) => `${what} ${n + 1}`);

describe.for(['exit', 'abort', 'spin', 'reject'])('before %s', (end) => {
  test('every line of a process is heard', async () => {
    const witness = await readyFaulty(host);
    witness.body.post({ type: 'task.run', taskId: 'last', task: 'lastLines', input: end });
    const lines = () => witness.reports.flatMap((report) => (report.type === 'log' ? [report.message] : []));
    if (end === 'spin') {
      await witness.when(
        () => (lines().includes('printed 20') && lines().includes('logged 20')) || undefined,
      );
      witness.body.kill();
    }
    await witness.exit();
    expect(lines().filter((line) => line.startsWith('logged'))).toEqual(all('logged'));
    expect(lines().filter((line) => line.startsWith('printed'))).toEqual(all('printed'));
  });
});

test.for(['exit', 'spin', 'reject'])(
  'every line that a thread logs and prints before %s is heard',
  async (end) => {
    const witness = await readyFaulty(threads);
    witness.body.post({ type: 'task.run', taskId: 'last', task: 'lastLines', input: end });
    const lines = () => witness.reports.flatMap((report) => (report.type === 'log' ? [report.message] : []));
    if (end === 'spin') {
      await witness.when(
        () => (lines().includes('printed 20') && lines().includes('logged 20')) || undefined,
      );
      witness.body.kill();
    }
    await witness.exit();
    expect(lines().filter((line) => line.startsWith('logged'))).toEqual(all('logged'));
    expect(lines().filter((line) => line.startsWith('printed'))).toEqual(all('printed'));
  },
);

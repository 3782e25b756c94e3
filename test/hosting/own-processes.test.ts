/** What an agent starts ends with it, and what it said before its end is heard: in whatever way it ends. */
import { afterAll, describe, expect, test } from 'vitest';
import type { Host } from '../../src/runtime/hosting/host.ts';
import { processHost } from '../../src/runtime/hosting/hosts/process.ts';
import { threadHost } from '../../src/runtime/hosting/hosts/thread.ts';
import { gone, isAlive, livingChildren, outputOf, readyFaulty } from './hosts.ts';

const host = processHost({ leaveTimeoutMs: 1_500 });
const threads = threadHost();
afterAll(async () => {
  await Promise.all([host.close(), threads.close()]);
  expect(livingChildren()).toEqual([]);
});

const ENDS = ['terminate', 'kill', 'exit', 'abort', 'lateThrow', 'disconnect'];

describe.for(['startTool', 'startJob'])(
  'what an agent has started by %s is gone when its end is told',
  (start) => {
    test.for(ENDS)('after %s', async (end) => {
      const witness = await readyFaulty(host);
      const tool = (await outputOf(witness, start)) as number;
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

    test('two of them, and again in the next life', async () => {
      for (let life = 1; life <= 2; life++) {
        const witness = await readyFaulty(host, { incarnation: life });
        const tools = [await outputOf(witness, start), await outputOf(witness, start)] as number[];
        witness.body.kill();
        await witness.exit();
        expect(tools.map(isAlive)).toEqual([false, false]);
      }
    });

    test('when the host closes', async () => {
      const own = processHost();
      const tool = (await outputOf(await readyFaulty(own), start)) as number;
      await own.close();
      await gone(tool);
    });
  },
);

const all = (what: string) => Array.from({ length: 20 }, (_, n) => `${what} ${n + 1}`);

/** All that a body logs and prints just before this end of it is heard. */
async function expectLastLines(host: Host, end: string): Promise<void> {
  const witness = await readyFaulty(host);
  witness.body.post({ type: 'task.run', taskId: 'last', task: 'lastLines', input: end });
  const lines = () => witness.reports.flatMap((report) => (report.type === 'log' ? [report.message] : []));
  if (end === 'spin') {
    await witness.when(() => (lines().includes('printed 20') && lines().includes('logged 20')) || undefined);
    witness.body.kill();
  }
  await witness.exit();
  expect(lines().filter((line) => line.startsWith('logged'))).toEqual(all('logged'));
  expect(lines().filter((line) => line.startsWith('printed'))).toEqual(all('printed'));
}

describe('every line before an end is heard', () => {
  test.for(['exit', 'abort', 'spin', 'reject'])('of a process: %s', (end) => expectLastLines(host, end));
  test.for(['exit', 'spin', 'reject'])('of a thread: %s', (end) => expectLastLines(threads, end));
});

// Of a process no more than fit into its pipe: what does not is lost with its exit.
describe('the last line before an end is heard, also where it is not ended', () => {
  test.for([0, 100])('after %i lines of the same second, of a process', (count) => expectWhy(host, count));
  test.for([0, 300])('after %i lines of the same second, of a thread', (count) => expectWhy(threads, count));
});

async function expectWhy(of: Host, count: number): Promise<void> {
  const witness = await readyFaulty(of);
  witness.body.post({ type: 'task.run', taskId: 'last', task: 'printAndExit', input: count });
  await witness.exit();
  const lines = witness.reports.flatMap((report) => (report.type === 'log' ? [report.message] : []));
  expect(lines.at(-1)).toBe('why it ends');
  expect(lines.includes(`printed ${count}`)).toBe(count > 0);
}

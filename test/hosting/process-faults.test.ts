import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { processHost } from '../../src/runtime/hosting/hosts/process.ts';
import { errorOf, type Witness } from '../../src/testing/host-laws/witness.ts';
import {
  gone,
  isAlive,
  livingChildren,
  MEBIBYTE,
  openFaulty,
  outputOf,
  pidOf,
  readyFaulty,
} from './hosts.ts';

const host = processHost({ leaveTimeoutMs: 1_500 });
let sibling: Witness;
let siblingPid: number;
beforeAll(async () => {
  sibling = await readyFaulty(host, { agentId: 'sibling' });
  siblingPid = await pidOf(sibling);
});
afterAll(async () => {
  await host.close();
  expect(livingChildren()).toEqual([]);
});

/** Commits a fault and says how the agent ended; a sibling must not have noticed. */
async function endOf(task: string, input?: unknown, maxMemoryBytes?: number): Promise<unknown> {
  const witness = await readyFaulty(host, { resources: { maxMemoryBytes } });
  witness.body.post({ type: 'task.run', taskId: 'fault', task, input });
  const reason = await witness.exit();
  expect(await outputOf(sibling, 'echo', task)).toBe(task);
  return reason;
}

describe('the end of a process is told as what it was', () => {
  test('an exit code', async () => {
    expect(await endOf('exit', 7)).toEqual({ exitCode: 7 });
  });
  test('an exit with 0 that nobody asked for is a crash like any other', async () => {
    expect(await endOf('exit', 0)).toEqual({ exitCode: 0 });
  });
  test('so is a loop that runs empty, with nothing left that could bring more work', async () => {
    expect(await endOf('unreference')).toEqual({ exitCode: 0 });
  });
  test('an abort is a signal, not an overrun of memory', async () => {
    expect(await endOf('abort')).toEqual({ signal: 'SIGABRT' });
  });
  test.for(['SIGUSR2', 'SIGKILL', 'SIGSEGV'])('a stray %s', async (signal) => {
    expect(await endOf('kill', signal)).toEqual({ signal });
  });
  test('a channel that its own code closed', async () => {
    expect(await endOf('disconnect')).toBe('disconnected');
  });
  test.for(['SIGINT', 'SIGTERM', 'SIGHUP'])(
    'a %s to all of the program is left to the parent',
    async (signal) => {
      const witness = await readyFaulty(host);
      await outputOf(witness, 'kill', signal);
      expect(await outputOf(witness, 'echo', 'alive')).toBe('alive');
      expect(await witness.terminate()).toBe('shutdown');
    },
  );
  test('an exit in init', async () => {
    const witness = openFaulty(host, { initArgs: { exitInInit: 5 } });
    expect(await witness.exit()).toEqual({ exitCode: 5 });
  });
});

describe('what is thrown outside a task is the end of its agent', () => {
  test('a late throw, with its code', async () => {
    expect(await endOf('lateThrow')).toMatchObject({
      error: { name: 'RangeError', message: 'too late', code: 'E_LATE' },
    });
  });
  test('a late text', async () => {
    expect(await endOf('lateText')).toMatchObject({ error: { name: 'NonError', message: '"late text"' } });
  });
  test('a floating rejection', async () => {
    expect(await endOf('floatingRejection')).toMatchObject({
      error: { name: 'TypeError', message: 'afloat' },
    });
  });
});

describe('a process past its memory ends with out_of_memory', () => {
  const limit = 128 * MEBIBYTE;
  test('by small objects', async () => {
    expect(await endOf('smallObjects', undefined, limit)).toBe('out_of_memory');
  });
  test('by huge arrays', async () => {
    expect(await endOf('hugeArray', undefined, limit)).toBe('out_of_memory');
  });
  test('by Buffers, which are no heap', async () => {
    expect(await endOf('buffers', undefined, limit)).toBe('out_of_memory');
  });
  test('by the memory of WebAssembly', async () => {
    expect(await endOf('wasm', undefined, limit)).toBe('out_of_memory');
  });
  test('seen by a thread of its own where the system tells nothing of processes', async () => {
    const blind = processHost({ procFolder: false, watchEveryMs: 20 });
    const witness = await readyFaulty(blind, { resources: { maxMemoryBytes: 192 * MEBIBYTE } });
    witness.body.post({ type: 'task.run', taskId: 'fault', task: 'buffers', input: undefined });
    expect(await witness.exit()).toBe('out_of_memory');
    await blind.close();
  });
  test('and one that stays within lives', async () => {
    const witness = await readyFaulty(host, { resources: { maxMemoryBytes: 256 * MEBIBYTE } });
    await outputOf(witness, 'hold', 64 * MEBIBYTE);
    const { memoryBytes } = await witness.when(() => {
      const usage = witness.body.usage?.();
      if (usage !== undefined && usage.memoryBytes > 64 * MEBIBYTE) return usage;
      setTimeout(() => witness.stuck(), 50);
      return undefined;
    });
    expect(memoryBytes).toBeLessThan(256 * MEBIBYTE);
    expect(await witness.terminate()).toBe('shutdown');
  });
});

describe('whatever a process does, it can be ended', () => {
  test('killed while it spins', async () => {
    const witness = await readyFaulty(host);
    const pid = await pidOf(witness);
    witness.body.post({ type: 'task.run', taskId: 'spin', task: 'spin', input: undefined });
    await witness.until('task.progress');
    witness.body.kill();
    expect(await witness.exit()).toBe('killed');
    await gone(pid);
  });
  test('killed while its init spins', async () => {
    const witness = openFaulty(host, { initArgs: { spinInInit: true } });
    witness.body.kill();
    expect(await witness.exit()).toBe('killed');
  });
  test('one that will not leave after its agent has ended is killed, and the end stays what it was', async () => {
    const witness = await readyFaulty(host);
    const pid = await pidOf(witness);
    await outputOf(witness, 'spinAtExit');
    expect(await witness.terminate()).toBe('shutdown');
    expect(isAlive(pid)).toBe(false);
  });
  test('it is gone when its exit is told', async () => {
    const witness = await readyFaulty(host);
    const pid = await pidOf(witness);
    expect(await witness.terminate()).toBe('shutdown');
    expect(isAlive(pid)).toBe(false);
  });
  test.each([false, '/no/such/command'] as const)(
    'one that cannot be made is an end with the error, with setpriv %s',
    async (setpriv) => {
      const broken = processHost({ setpriv });
      const { execPath } = process;
      process.execPath = '/no/such/node';
      let witness: Witness;
      try {
        witness = openFaulty(broken);
      } finally {
        process.execPath = execPath;
      }
      expect(errorOf(await witness.exit())).toMatchObject({
        code: 'ENOENT',
        message: 'spawn /no/such/node ENOENT',
      });
      await broken.close();
    },
  );
  test('fifty of them closed at once leave nothing', async () => {
    const many = processHost();
    const open = (n: number, cpuPriority?: 'low') =>
      openFaulty(many, { agentId: `agent-${n}`, resources: { cpuPriority } });
    const witnesses = [0, 1, 2].map((n) => open(n));
    await Promise.all(witnesses.map((witness) => witness.until('ready')));
    // Of low priority, so that their starts do not keep this test from opening the next.
    for (let n = 3; n < 50; n += 1) witnesses.push(open(n, 'low'));
    const pids = livingChildren().filter((pid) => pid !== siblingPid);
    expect(pids.length).toBeGreaterThanOrEqual(50);
    await many.close();
    expect(witnesses.map(({ exits }) => exits)).toEqual(Array.from({ length: 50 }, () => ['killed']));
    expect(pids.filter(isAlive)).toEqual([]);
  });
  test('a closed host opens nothing', async () => {
    const closed = processHost();
    await closed.close();
    expect(errorOf(await openFaulty(closed).exit()).message).toMatch(/closed/);
    await expect(closed.describe(new URL('file:///agent.ts'), {})).rejects.toThrow(/closed/);
  });
});

import { availableParallelism, constants } from 'node:os';
import { afterAll, describe, expect, test } from 'vitest';
import { threadHost } from '../../src/runtime/hosting/hosts/thread.ts';
import { errorOf } from '../../src/testing/host-laws/witness.ts';
import { faultyAgent, MEBIBYTE, openFaulty, outputOf, readyFaulty, specOf } from './hosts.ts';
import { oneDeadlineOf } from './one-deadline.ts';
import { startProgram } from './programs.ts';

const host = threadHost();
afterAll(() => host.close());

async function endOf(task: string, input?: unknown): Promise<unknown> {
  const witness = await readyFaulty(host);
  witness.body.post({ type: 'task.run', taskId: 'fault', task, input });
  return witness.exit();
}

describe('the end of a thread is told as what it was', () => {
  test('an exit code, of the thread alone', async () => {
    expect(await endOf('exit', 7)).toEqual({ exitCode: 7 });
    expect(await endOf('exit', 0)).toEqual({ exitCode: 0 });
  });
  test('a late throw, a late text, a floating rejection', async () => {
    expect(await endOf('lateThrow')).toMatchObject({ error: { name: 'RangeError', code: 'E_LATE' } });
    expect(await endOf('lateText')).toMatchObject({ error: { name: 'NonError', message: '"late text"' } });
    expect(await endOf('floatingRejection')).toMatchObject({ error: { message: 'afloat' } });
  });
  test('a kill while it spins, in a task and in init', async () => {
    const witness = await readyFaulty(host);
    witness.body.post({ type: 'task.run', taskId: 'spin', task: 'spin', input: undefined });
    await witness.until('task.progress');
    witness.body.kill();
    expect(await witness.exit()).toBe('killed');
    const starting = openFaulty(host, { initArgs: { spinInInit: true } });
    starting.body.kill();
    expect(await starting.exit()).toBe('killed');
    expect(witness.stuckCount + starting.stuckCount).toBe(0);
  });
  test('out of memory, whatever fills it, and the program lives, even with a limit of its own', async () => {
    const program = startProgram(
      new URL('../fixtures/programs/thread-memory.ts', import.meta.url),
      [],
      ['--max-old-space-size=300'],
    );
    expect(await program.ended()).toMatchObject({ code: 0 });
    expect(program.lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      ['smallObjects', 'out_of_memory'],
      ['hugeArray', 'out_of_memory'],
      ['buffers', 'out_of_memory'],
      ['wasm', 'out_of_memory'],
    ]);
  });
  test('one that cannot be ended is told to be stuck, and closing does not wait for it', async () => {
    const program = startProgram(new URL('../fixtures/programs/thread-stuck.ts', import.meta.url));
    const line = JSON.parse(await program.line()) as unknown;
    expect(line).toMatchObject({ answer: { output: 'alive' }, stuck: 1, exits: [], sibling: ['killed'] });
    expect(await program.ended()).toMatchObject({ signal: 'SIGKILL' });
  });
});

describe('what a thread is given and gives', () => {
  test('what cannot be cloned fails its task alone', async () => {
    const witness = await readyFaulty(host);
    expect(await witness.task('echo', () => 1, 'in')).toMatchObject({
      code: 'TASK_INPUT_INVALID',
      error: { name: 'DataCloneError' },
    });
    expect(await witness.task('uncloneable')).toMatchObject({
      code: 'TASK_FAILED',
      error: { name: 'DataCloneError' },
    });
    expect(await outputOf(witness, 'echo', 1)).toBe(1);
    expect(await witness.terminate()).toBe('shutdown');
    const bad = openFaulty(host, { initArgs: { run: () => 1 } });
    expect(errorOf(await bad.exit())).toMatchObject({ name: 'DataCloneError' });
  });
  test('a buffer is copied unless its caller gives it away', async () => {
    const witness = await readyFaulty(host);
    const kept = new Uint8Array(8);
    await outputOf(witness, 'echo', kept);
    expect(kept.byteLength).toBe(8);
    const given = new Uint8Array(8);
    const run = { type: 'task.run', task: 'echo', input: given, transfer: [given.buffer] } as const;
    witness.body.post({ ...run, taskId: 'given' });
    expect(given.byteLength).toBe(0);
    expect(await witness.answer('given')).toMatchObject({ output: new Uint8Array(8) });
    // A second time there is nothing to give.
    witness.body.post({ ...run, taskId: 'again' });
    expect(await witness.answer('again')).toMatchObject({ code: 'TASK_INPUT_INVALID' });
    expect(await witness.terminate()).toBe('shutdown');
  });
  test('buffers that a task gives away are moved, each of them', async () => {
    const witness = await readyFaulty(host);
    expect(await outputOf(witness, 'giveTwo')).toEqual([new Uint8Array(8), new Uint8Array(8)]);
    expect(await outputOf(witness, 'bytesOfGiven')).toEqual([0, 0]);
    expect(await witness.terminate()).toBe('shutdown');
  });
  test('what it prints becomes log lines', async () => {
    const witness = await readyFaulty(host);
    await outputOf(witness, 'print');
    await witness.until('log', ({ message }) => message === 'to stdout');
    await witness.until('log', ({ message, level }) => message === 'to stderr' && level === 'warn');
    expect(await witness.terminate()).toBe('shutdown');
  });
  test('it leaves in order, too, where nobody tells it that its last lines are written', async () => {
    const patient = threadHost({ leaveTimeoutMs: 600_000 });
    const witness = await readyFaulty(patient);
    await outputOf(witness, 'mute');
    expect(await witness.terminate()).toBe('shutdown');
    await patient.close();
  });
  test('a health check is answered between tasks, however many wait', async () => {
    const witness = await readyFaulty(host);
    const tasks = Array.from({ length: 100 }, (_, n) => witness.task('busy', 5, `busy-${n}`));
    witness.body.post({ type: 'health.check', checkId: 1 });
    await witness.until('health.answered');
    expect(witness.all('task.completed').length).toBeLessThan(50);
    await Promise.all(tasks);
    expect(await witness.terminate()).toBe('shutdown');
  });
});

describe('limits', () => {
  test.runIf(process.platform === 'linux')('a priority is the priority of the thread', async () => {
    const witness = await readyFaulty(host, { resources: { cpuPriority: 'low' } });
    expect(await outputOf(witness, 'niceness')).toBe(constants.priority.PRIORITY_BELOW_NORMAL);
    expect(await witness.terminate()).toBe('shutdown');
  });
  test('memory and time are measured', async () => {
    const begun = performance.now();
    const witness = await readyFaulty(host);
    await outputOf(witness, 'hold', 32 * MEBIBYTE);
    await outputOf(witness, 'busy', 300);
    const usage = await witness.when(() => {
      const measured = witness.body.usage?.();
      if (measured !== undefined && measured.memoryBytes > 32 * MEBIBYTE && measured.cpuMs > 50)
        return measured;
      setTimeout(() => witness.body.post({ type: 'health.check', checkId: 1 }), 50);
      return undefined;
    });
    expect(usage.memoryBytes).toBeLessThan(256 * MEBIBYTE);
    expect(usage.cpuMs).toBeLessThan((performance.now() - begun) * availableParallelism());
    expect(await witness.terminate()).toBe('shutdown');
  });
  test('what a thread cannot keep is refused by name', () => {
    expect(host.refusal(specOf({ sandbox: {} }))).toMatch(/^resources\.sandbox: /);
    expect(host.refusal(specOf({ group: 'g' }))).toMatch(/^resources\.group: /);
    expect(host.refusal(specOf({}, {}))).toMatch(/^module: /);
    expect(host.refusal(specOf({ maxMemoryBytes: 64 * MEBIBYTE }))).toBeUndefined();
  });
  test('a module that hangs is not described for ever', async () => {
    // The other one has the time that it needs.
    const hasty = threadHost({ describeTimeoutMs: 3_000, clock: oneDeadlineOf(3_000) });
    const endless = new URL('data:text/javascript,await new Promise(() => {})');
    await expect(hasty.describe(endless, {})).rejects.toThrow(/expected it to load within 3000 ms/);
    expect((await hasty.describe(faultyAgent, undefined)).type).toBe('faulty');
    await hasty.close();
  });
});

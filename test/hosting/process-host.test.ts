import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, constants, getPriority } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { ParsedAgentSpec } from '../../src/machines/index.ts';
import { canRefuseNetwork } from '../../src/runtime/hosting/hosts/node-flags.ts';
import { priorityRefusal } from '../../src/runtime/hosting/hosts/priority.ts';
import { processHost } from '../../src/runtime/hosting/hosts/process.ts';
import { NICENESS } from '../../src/runtime/hosting/hosts/thread-child.ts';
import { errorOf, openWitnessed, type Witness } from '../../src/testing/host-laws/witness.ts';
import { temporaryDirectory } from '../journal/stores/temporary-directory.ts';
import {
  faultyAgent,
  isAlive,
  livingChildren,
  MEBIBYTE,
  openFaulty,
  outputOf,
  pidOf,
  readyFaulty,
  specOf,
} from './hosts.ts';
import { oneDeadlineOf } from './one-deadline.ts';

const host = processHost({ killGraceMs: 100 });
afterAll(async () => {
  await host.close();
  expect(livingChildren()).toEqual([]);
});
afterEach(() => {
  delete process.env['NODE_OPTIONS'];
});

/** Resolves when its loop is held up by the task `block`. */
async function isBlocked(witness: Witness): Promise<void> {
  await witness.until('log', ({ message }) => message === 'blocked');
}

describe('what cannot be cloned', () => {
  test('an input fails its task', async () => {
    const witness = await readyFaulty(host);
    const answer = await witness.task('echo', () => 1);
    expect(answer).toMatchObject({ code: 'TASK_INPUT_INVALID', error: { name: 'DataCloneError' } });
    // Of a batch only the one that cannot travel.
    const answers = await Promise.all([
      witness.task('echo', 1, 'a'),
      witness.task('echo', Symbol('no'), 'b'),
      witness.task('echo', 3, 'c'),
    ]);
    expect(answers.map(({ type }) => type)).toEqual(['task.completed', 'task.failed', 'task.completed']);
    expect(await witness.terminate()).toBe('shutdown');
  });
  test('an output fails its task, and the state that changed with it is told with the next', async () => {
    const witness = await readyFaulty(host);
    const answer = await witness.task('uncloneable');
    expect(answer).toMatchObject({ code: 'TASK_FAILED', error: { name: 'DataCloneError' } });
    expect(await witness.task('echo', 1)).toMatchObject({ output: 1, state: { json: '{"n":1}' } });
    expect(await witness.terminate()).toBe('shutdown');
  });
  test('progress and log fields are told of, and hurt nobody', async () => {
    const witness = await readyFaulty(host);
    expect(await outputOf(witness, 'uncloneableProgress')).toBe('answered');
    const [progress, fields] = witness.all('log');
    expect(progress?.message).toMatch(/progress of a task cannot be sent/);
    expect(fields).toMatchObject({ message: 'fields', fields: { fields: expect.any(String) } });
    expect(await witness.terminate()).toBe('shutdown');
  });
  test('initArgs are the end of a start, and of a description', async () => {
    const witness = openFaulty(host, { initArgs: { run: () => 1 } });
    expect(errorOf(await witness.exit())).toMatchObject({
      name: 'DataCloneError',
      message: expect.stringMatching(/^initArgs cannot/),
    });
    await expect(host.describe(faultyAgent, { run: () => 1 })).rejects.toThrow(
      /faulty\.ts: initArgs cannot be sent/,
    );
  });
});

describe('the health lane', () => {
  test('a loop that is busy answers between two tasks', async () => {
    const witness = await readyFaulty(host);
    const tasks = Array.from({ length: 200 }, (_, n) => witness.task('busy', 5, `busy-${n}`));
    witness.body.post({ type: 'health.check', checkId: 1 });
    await witness.until('health.answered');
    const answered = witness.all('task.completed').length;
    expect(answered).toBeLessThan(100);
    await Promise.all(tasks);
    expect(await witness.terminate()).toBe('shutdown');
  });
  test('a loop that is blocked does not answer before it is released, while another does', async () => {
    const [blocked, free] = await Promise.all([readyFaulty(host), readyFaulty(host)]);
    const release = join(temporaryDirectory(), 'release');
    const released = blocked.task('block', release, 'block');
    await isBlocked(blocked);
    for (const witness of [blocked, free]) witness.body.post({ type: 'health.check', checkId: 1 });
    await free.until('health.answered');
    writeFileSync(release, '');
    expect(await released).toMatchObject({ output: 'released' });
    await blocked.until('health.answered');
    const order = blocked.reports.map(({ type }) => type).filter((type) => type !== 'log');
    expect(order).toEqual(['ready', 'task.completed', 'health.answered']);
    expect(await Promise.all([blocked.terminate(), free.terminate()])).toEqual(['shutdown', 'shutdown']);
  });
  test('a task that is cancelled before its turn is answered, and never run', async () => {
    const witness = await readyFaulty(host);
    for (let n = 0; n < 10; n += 1) {
      witness.body.post({ type: 'task.run', taskId: `busy-${n}`, task: 'busy', input: 20 });
    }
    witness.body.post({ type: 'task.run', taskId: 'doomed', task: 'exit', input: 3 });
    witness.body.post({ type: 'task.cancel', taskId: 'doomed', reason: 'changed my mind' });
    expect(await witness.answer('doomed')).toMatchObject({
      code: 'TASK_ABANDONED',
      error: { message: 'changed my mind' },
    });
    witness.body.post({ type: 'task.run', taskId: 'late', task: 'busy', input: 20 });
    witness.body.post({ type: 'task.run', taskId: 'dear', task: 'exit', input: 3 });
    const cause = Object.assign(new RangeError('too dear'), { code: 'E_BUDGET' });
    witness.body.post({ type: 'task.cancel', taskId: 'dear', reason: 'cancelled', cause });
    expect(await witness.answer('dear')).toMatchObject({
      code: 'TASK_ABANDONED',
      error: { name: 'RangeError', message: 'too dear', code: 'E_BUDGET' },
    });
    expect(await witness.answer('busy-9')).toMatchObject({ output: 20 });
    expect(await witness.terminate()).toBe('shutdown');
  });
});

describe('what an agent says', () => {
  test('a flood is merged and dropped with a count; its answer is not lost', async () => {
    const witness = await readyFaulty(host);
    expect(await outputOf(witness, 'flood', 20_000)).toBe('flooded');
    const [last] = witness.all('task.progress').slice(-1);
    expect(last?.value).toMatchObject({ n: 19_999 });
    const dropped = witness
      .all('log')
      .map(({ message }) => /^(\d+) log lines were dropped/.exec(message)?.[1])
      .filter((count) => count !== undefined)
      .map(Number);
    const heard = witness.all('log').length - dropped.length;
    expect(heard + dropped.reduce((sum, count) => sum + count, 0)).toBe(20_000);
    expect(await witness.terminate()).toBe('shutdown');
  });
  test('what it prints becomes log lines', async () => {
    const witness = await readyFaulty(host);
    await outputOf(witness, 'print');
    const out = await witness.until('log', ({ message }) => message === 'to stdout');
    const err = await witness.until('log', ({ message }) => message === 'to stderr');
    expect(out).toMatchObject({ level: 'info', fields: { stream: 'stdout' } });
    expect(err).toMatchObject({ level: 'warn', fields: { stream: 'stderr' } });
    expect(await witness.terminate()).toBe('shutdown');
  });
});

describe('limits and flags', () => {
  test('flags of the program reach its children, but for those that limit its own heap', async () => {
    process.env['NODE_OPTIONS'] = '--max-old-space-size=64 --no-deprecation';
    const witness = await readyFaulty(host, { resources: { maxMemoryBytes: 256 * MEBIBYTE } });
    const flags = (await outputOf(witness, 'flags')) as string[];
    expect(flags).toContain('--max-old-space-size=192');
    expect(flags.at(-1)).toBe('--no-deprecation');
    expect(await witness.terminate()).toBe('shutdown');
  });
  test.for<['low' | 'high', number, ParsedAgentSpec['resources']['sandbox']]>([
    ['low', constants.priority.PRIORITY_NORMAL, undefined],
    [
      'low',
      constants.priority.PRIORITY_BELOW_NORMAL,
      specOf({ sandbox: { fs: { read: ['/'] } } }).resources.sandbox,
    ],
    ['high', constants.priority.PRIORITY_HIGH, undefined],
  ])(
    'the priority %s is that of all threads of the process, of its session and of what it has started; in its init it is %i, sandbox %o',
    async ([cpuPriority, inInit, sandbox], { skip }) => {
      skip(priorityRefusal(cpuPriority) !== undefined, 'this machine refuses to raise priorities');
      const expected = NICENESS[cpuPriority];
      const initArgs = { helper: sandbox === undefined };
      const witness = await readyFaulty(host, { initArgs, resources: { cpuPriority, sandbox } });
      expect(await outputOf(witness, 'nicenessInInit')).toBe(inInit);
      expect(await outputOf(witness, 'niceness')).toBe(expected);
      if (process.platform === 'linux') {
        if (initArgs.helper) expect(await outputOf(witness, 'nicenessOfHelper')).toBe(expected);
        const pid = await pidOf(witness);
        const threads = readdirSync(`/proc/${pid}/task`).map((thread) => getPriority(Number(thread)));
        expect(new Set(threads)).toEqual(new Set([expected]));
        const sessions = `/proc/${pid}/autogroup`;
        if (existsSync(sessions)) {
          const isSet = () => expect(readFileSync(sessions, 'latin1')).toMatch(` nice ${expected}\n`);
          await vi.waitFor(isSet, { timeout: 60_000 });
        }
      }
      expect(await witness.terminate()).toBe('shutdown');
    },
  );
  test('the priority is that of a group once its first member has started', async () => {
    const resources = { cpuPriority: 'low', group: 'low' } as const;
    const witness = await readyFaulty(host, { resources });
    expect(await outputOf(witness, 'niceness')).toBe(NICENESS.low);
    const second = await readyFaulty(host, { agentId: 'second', resources });
    expect(await pidOf(second)).toBe(await pidOf(witness));
    expect(await outputOf(second, 'nicenessInInit')).toBe(NICENESS.low);
    expect(await second.terminate()).toBe('shutdown');
    expect(await witness.terminate()).toBe('shutdown');
  });
  test.each([
    ['from outside', host],
    ['by itself, where the system tells nothing of processes', processHost({ procFolder: false })],
  ])('memory and time are measured in bytes and ms, %s', async (_, measured) => {
    const begun = performance.now();
    const witness = await readyFaulty(measured);
    await outputOf(witness, 'busy', 600);
    const { memoryBytes, cpuMs } = await witness.when(() => {
      const usage = witness.body.usage?.();
      if (usage !== undefined && usage.cpuMs > 50) return usage;
      setTimeout(() => witness.body.post({ type: 'health.check', checkId: 1 }), 50);
      return undefined;
    });
    expect(memoryBytes).toBeGreaterThan(5 * MEBIBYTE);
    expect(memoryBytes).toBeLessThan(1_024 * MEBIBYTE);
    expect(cpuMs).toBeLessThan((performance.now() - begun) * availableParallelism());
    expect(await witness.terminate()).toBe('shutdown');
    if (measured !== host) await measured.close();
  });
  test('what a process cannot keep is refused by name', () => {
    expect(host.refusal(specOf({ maxMemoryBytes: 1_000_000 }))).toMatch(/^resources\.maxMemoryBytes: /);
    expect(host.refusal(specOf({}, {}))).toMatch(/^module: /);
    expect(
      host.refusal(specOf({ maxMemoryBytes: 256 * MEBIBYTE, cpuPriority: 'low', group: 'g' })),
    ).toBeUndefined();
    for (const runtime of ['Bun', 'Deno'] as const) {
      const other = processHost({ runtime });
      expect(other.refusal(specOf({ sandbox: {} }))).toMatch(
        `resources.sandbox: it is the permission model of Node, and ${runtime}`,
      );
      expect(other.refusal(specOf({ maxMemoryBytes: 256 * MEBIBYTE }))).toBeUndefined();
    }
    const refusal = host.refusal(specOf({ sandbox: { net: false } }));
    if (canRefuseNetwork()) expect(refusal).toBeUndefined();
    else expect(refusal).toMatch(/^resources\.sandbox\.net: /);
    const unwatched = processHost({ setpriv: false });
    expect(unwatched.refusal(specOf({ sandbox: {} }))).toMatch(/^resources\.sandbox\.worker: /);
    expect(unwatched.refusal(specOf({ sandbox: { worker: true } }))).toBeUndefined();
  });
});

describe('a sandbox', () => {
  const attempts = ['read', 'write', 'child', 'worker'];
  async function refused(sandbox: object): Promise<string[]> {
    const witness = await readyFaulty(host, { resources: { sandbox } });
    const answers = await Promise.all(attempts.map((what) => witness.task('attempt', what, what)));
    expect(await witness.terminate()).toBe('shutdown');
    return attempts.filter((_, index) => {
      const answer = answers[index]!;
      return answer.type === 'task.failed' && answer.error.code === 'ERR_ACCESS_DENIED';
    });
  }
  test('allows nothing that it does not name', async () => {
    expect(await refused({})).toEqual(['read', 'write', 'child', 'worker']);
  });
  test('allows what it names', async () => {
    expect(await refused({ fs: { read: ['/etc'] }, childProcess: true, worker: true })).toEqual(['write']);
  });
  test('holds for a module that is only described', async () => {
    const reader = new URL('data:text/javascript,import fs from "node:fs"; fs.readFileSync("/etc/hostname")');
    const { resources } = specOf({ sandbox: {} });
    await expect(host.describe(reader, {}, resources)).rejects.toThrow(/--allow-fs-read/);
    expect((await host.describe(faultyAgent, undefined, resources)).type).toBe('faulty');
  });
});

const member = (agentId: string, group: string, resources = {}) =>
  openFaulty(host, { agentId, resources: { group, ...resources } });

describe('a group', () => {
  test('shares one process, which ends with its last member', async () => {
    const witnesses = ['a', 'b', 'c'].map((id) => member(id, 'shared'));
    const pids = await Promise.all(witnesses.map(pidOf));
    expect(new Set(pids).size).toBe(1);
    expect(await witnesses[0]!.terminate()).toBe('shutdown');
    expect(await outputOf(witnesses[1]!, 'echo', 1)).toBe(1);
    witnesses[1]!.body.kill();
    expect(await witnesses[1]!.exit()).toBe('killed');
    expect(isAlive(pids[0]!)).toBe(true);
    expect(await witnesses[2]!.terminate()).toBe('shutdown');
    expect(isAlive(pids[0]!)).toBe(false);
  });
  test('shares its crash, and comes back together in a new process', async () => {
    const witnesses = ['a', 'b'].map((id) => member(id, 'crashing'));
    const pid = await pidOf(witnesses[0]!);
    witnesses[1]!.body.post({ type: 'task.run', taskId: 'fault', task: 'exit', input: 7 });
    expect(await Promise.all(witnesses.map((witness) => witness.exit()))).toEqual([
      { exitCode: 7 },
      { exitCode: 7 },
    ]);
    const again = ['a', 'b'].map((id) => member(id, 'crashing'));
    const pids = await Promise.all(again.map(pidOf));
    expect(new Set([pid, ...pids]).size).toBe(2);
    again[0]!.body.post({ type: 'task.run', taskId: 'fault', task: 'lateThrow', input: undefined });
    const reasons = await Promise.all(again.map((witness) => witness.exit()));
    expect(reasons).toMatchObject([{ error: { message: 'too late' } }, { error: { message: 'too late' } }]);
  });
  test('is killed with a member that does not obey a kill', async () => {
    const [bad, good] = ['bad', 'good'].map((id) => member(id, 'stubborn'));
    await good!.until('ready');
    bad!.body.post({ type: 'task.run', taskId: 'block', task: 'block', input: '/never/there' });
    await isBlocked(bad!);
    bad!.body.kill();
    expect(await bad!.exit()).toBe('killed');
    expect(errorOf(await good!.exit())).toMatchObject({
      name: 'GroupKilled',
      message: expect.stringMatching(/member bad/),
    });
  });
  test('refuses a member that wants other limits, by the field, at registration and at its start', async () => {
    const first = member('first', 'agreed', { maxMemoryBytes: 256 * MEBIBYTE });
    await first.until('ready');
    expect(host.refusal(specOf({ group: 'agreed' }))).toMatch(/^resources\.maxMemoryBytes: group "agreed"/);
    const second = member('second', 'agreed', { cpuPriority: 'low', maxMemoryBytes: 256 * MEBIBYTE });
    expect(errorOf(await second.exit()).message).toMatch(
      /^resources\.cpuPriority: group "agreed".*got "low"/,
    );
    expect(await first.terminate()).toBe('shutdown');
    expect(host.refusal(specOf({ group: 'agreed' }))).toBeUndefined();
  });
  test('holds a thousand agents in one process', async () => {
    const count = 1_000;
    const crowd = Array.from({ length: count }, (_, n) => member(`agent-${n}`, 'crowd'));
    await Promise.all(crowd.map((witness) => witness.until('ready')));
    const answers = await Promise.all(crowd.map((witness, n) => outputOf(witness, 'echo', n)));
    expect(answers).toEqual(Array.from({ length: count }, (_, n) => n));
    const reasons = await Promise.all(crowd.map((witness) => witness.terminate()));
    expect(new Set(reasons)).toEqual(new Set(['shutdown']));
  });
});

describe('a description', () => {
  test('of a module that hangs is given up, and takes no other with it', async () => {
    // The other one has the time that it needs.
    const hasty = processHost({ describeTimeoutMs: 3_000, clock: oneDeadlineOf(3_000) });
    const endless = new URL('data:text/javascript,setInterval(() => {}, 9); await new Promise(() => {})');
    const [hung, fine] = await Promise.allSettled([
      hasty.describe(endless, {}),
      hasty.describe(faultyAgent, undefined),
    ]);
    expect(hung).toMatchObject({
      reason: { message: expect.stringMatching(/expected it to load within 3000 ms/) },
    });
    expect(fine).toMatchObject({ value: { type: 'faulty' } });
    await hasty.close();
  });
  test('of a module that ends its process says how', async () => {
    const exits = new URL('data:text/javascript,process.exit(4)');
    await expect(host.describe(exits, {})).rejects.toThrow(/its process ended: exit code 4/);
    const late = new URL(
      'data:text/javascript,Promise.reject(new Error("adrift")); await new Promise(() => {})',
    );
    await expect(host.describe(late, {})).rejects.toThrow(/its process ended: Error: adrift/);
    expect((await host.describe(faultyAgent, undefined)).type).toBe('faulty');
  });
  test('is given up when its host is closed', async () => {
    const closing = processHost();
    const spinner = new URL('data:text/javascript,for(;;);');
    const answers = Promise.allSettled([closing.describe(spinner, {}), closing.describe(faultyAgent, {})]);
    await closing.close();
    expect(await answers).toMatchObject([{ status: 'rejected' }, { status: 'rejected' }]);
  });
});

test.runIf(process.versions['bun'] === undefined)(
  'a process that was killed has left its compiled code to the next, where NODE_COMPILE_CACHE says',
  async () => {
    const folder = temporaryDirectory();
    const caching = processHost({ env: { NODE_COMPILE_CACHE: folder } });
    onTestFinished(() => caching.close());
    const witness = await readyFaulty(caching);
    // A later message is taken once the code is kept.
    expect(await outputOf(witness, 'echo')).toBeUndefined();
    witness.body.kill();
    expect(await witness.exit()).toBe('killed');
    expect(readdirSync(folder, { recursive: true }).length).toBeGreaterThan(1);
  },
);

test('an agent of another copy of the package runs', async () => {
  const foreign = new URL(
    `data:text/javascript,${encodeURIComponent(
      `export default { type: 'foreign', capabilities: [], variables: [], init: () => 1, tasks: {}, [Symbol.for('mabeam.agent')]: true }`,
    )}`,
  );
  const witness = openWitnessed(host, { module: foreign });
  expect((await witness.until('ready')).manifest.type).toBe('foreign');
  expect(await witness.terminate()).toBe('shutdown');
});

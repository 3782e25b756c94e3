/** What `describeAgent`, `checkAgent` and `replayAgent` promise of themselves. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineAgent } from '../../../src/index.ts';
import { checkAgent, describeAgent, LawBroken, replayAgent } from '../../../src/testing/index.ts';
import { codeOf, refusal } from '../../kit/rig.ts';
import account from './account.ts';
import counter from './counter.ts';

const invariants = { neverNegative: ({ state }: { state: { balance: number } }) => state.balance >= 0 };

const totals = ({ state }: { state: { items: Record<string, number>; total: number } }) =>
  Object.values(state.items).reduce((sum, n) => sum + n, 0) === state.total;

const messages = async () =>
  (await checkAgent(account, { invariants, walks: 10 })).findings.map(({ message }) => message);

describe('a finding', () => {
  it('is a short path with small inputs, a seed, and a test to paste', async () => {
    const source = { from: '../account.ts', name: 'account' };
    const { findings, tests } = await checkAgent(account, { invariants, seed: 7, source, most: 1 });
    expect(tests).toBeGreaterThan(0);
    expect(findings[0]).toMatchObject({ law: 'invariant neverNegative', seed: 7, isolation: 'in-process' });
    expect(findings[0]?.message.replace(/^after .*$/m, 'after …')).toBe(
      `account (in-process) breaks the law "invariant neverNegative": does not hold of {"balance":-1}
after …
  start
  deposit(1): gives 1
  withdraw(2): gives 2

as a test:

import { it } from 'vitest';
import { replayAgent } from 'mabeam/testing';
import { account as agent } from '../account.ts';

it("account: invariant neverNegative", () =>
  replayAgent(agent, [
    { move: 'start' },
    { move: 'task', task: 'deposit', input: 1 },
    { move: 'task', task: 'withdraw', input: 2 },
  ], { invariants: { neverNegative: ({ state }) => state.balance >= 0 } }));
`,
    );
  });

  it('is listed once, however many tests come to it', async () => {
    const dead = defineAgent({
      type: 'dead',
      init: () => {
        throw new Error('no key');
      },
      tasks: { add: { run: () => 1 } },
    });
    const { findings } = await checkAgent(dead, { walks: 10 });
    expect(findings.map(({ law, moves }) => [law, moves])).toEqual([['it starts', [{ move: 'start' }]]]);
  });

  it('is listed for each path that shows it, and for its words where it has none', async () => {
    const forgetful = defineAgent({
      type: 'forgetful',
      init: () => ({ n: 0 }),
      tasks: { add: { run: ({ state }) => (state.n += 1) } },
    });
    const { findings } = await checkAgent(forgetful, { walks: 10 });
    const paths = findings.map(({ law, moves }) => JSON.stringify([law, moves]));
    expect(paths.length).toBeGreaterThan(1);
    expect(new Set(paths).size).toBe(paths.length);
    expect(findings.filter(({ moves }) => moves.length === 0)).toHaveLength(1);
  });

  it('holds no task that breaks the law without being held', async () => {
    const sku = z.enum(['a', 'b', 'c']);
    const cart = defineAgent({
      type: 'cart',
      init: ({ restored }): { items: Record<string, number>; total: number } =>
        restored ?? { items: {}, total: 0 },
      tasks: {
        add: {
          input: z.object({ sku, n: z.number().int().min(1).max(9) }),
          run: ({ input: { sku: item, n }, state }) => {
            state.items[item] = (state.items[item] ?? 0) + n;
            state.total += n;
          },
        },
        remove: {
          input: z.object({ sku }),
          run: ({ input: { sku: item }, state }) => {
            const n = state.items[item] ?? 0;
            delete state.items[item];
            state.total -= n === 7 ? 6 : n;
          },
        },
      },
    });
    for (const seed of [1, 2, 3]) {
      const { findings } = await checkAgent(cart, { invariants: { totals }, seed, most: 1 });
      expect(findings[0]?.moves.map(({ move }) => move)).toEqual(['start', 'task', 'task']);
    }
  });

  it('is the same with the same seed', async () => {
    const first = await messages();
    expect(first.length).toBeGreaterThan(0);
    expect(await messages()).toEqual(first);
  });

  it('breaks the law again when it is replayed, and no more once the fault is gone', async () => {
    const path = [
      { move: 'start' },
      { move: 'task', task: 'deposit', input: 1 },
      { move: 'task', task: 'withdraw', input: 2 },
    ] as const;
    const broken = await replayAgent(account, path, { invariants }).catch((error: unknown) => error);
    expect(broken).toBeInstanceOf(LawBroken);
    expect((broken as LawBroken).message).toContain('  withdraw(2): gives 2');
    await replayAgent(account, path);
    await replayAgent(counter, [{ move: 'start' }, { move: 'task', task: 'read' }, { move: 'stop' }]);
  });

  it('is not one where its law is excepted', async () => {
    const dicer = defineAgent({
      type: 'dicer',
      init: () => ({}),
      tasks: { roll: { run: () => Math.random() } },
    });
    const except = ['the same tasks have the same answers', 'a restart changes nothing'] as const;
    expect((await checkAgent(dicer, { walks: 10, except })).findings).toEqual([]);
  });
});

describe('work in real time', () => {
  const clerk = defineAgent({
    type: 'clerk',
    init: () => ({}),
    tasks: {
      file: {
        input: z.number().int().min(0).max(3),
        run: async ({ input, signal }) => {
          await wait(input, undefined, { signal });
          return input;
        },
      },
    },
  });
  it('is waited for', async () => {
    const { findings } = await checkAgent(clerk, { walks: 3, walkLength: 10, patienceMs: 200 });
    expect(findings.map(({ message }) => message)).toEqual([]);
  });
});

describe('what cannot be tried', () => {
  const dated = defineAgent({
    type: 'dated',
    init: () => 0,
    tasks: { on: { input: z.date(), run: () => 0 } },
  });
  const narrow = defineAgent({
    type: 'narrow',
    init: () => 0,
    tasks: { guess: { input: z.string().refine((text) => text === 'open sesame'), run: () => 0 } },
  });

  it('an input that cannot be made up is named, with the way out', async () => {
    await expect(checkAgent(dated)).rejects.toThrow(
      'the input schema of on is not one of JSON data (Date cannot be represented in JSON Schema): give it examples: { tasks: { "on": { examples: […] } } }',
    );
    await expect(checkAgent(narrow)).rejects.toThrow(
      'of 200 inputs made up by the schema of guess none is valid',
    );
    const tasks = { on: { examples: [new Date(0)] } };
    expect((await checkAgent(dated, { tasks, walks: 2 })).findings).toEqual([]);
  });

  it('invalid options are refused by name', async () => {
    expect(await codeOf(checkAgent(counter, { walk: 3 } as never))).toBe('AGENT_SPEC_INVALID');
    expect((await refusal(checkAgent({} as never))).message).toContain(
      'expected what defineAgent or defineChartAgent gives',
    );
    expect((await refusal(checkAgent(counter, { hosts: ['process'] }))).message).toContain(
      "expected the URL of the agent's module",
    );
    expect((await refusal(checkAgent(counter, { except: ['gravity'] as never }))).message).toContain(
      'except.0',
    );
    expect((await refusal(checkAgent(counter, { tasks: { add: { inputs: [1] } } }))).message).toContain(
      'fast-check arbitrary',
    );
    expect(await codeOf(replayAgent(counter, [], { isolation: 'process' }))).toBe('AGENT_SPEC_INVALID');
  });

  it('a runner has to be there, or to be given', () => {
    expect(() => describeAgent(counter)).toThrow(
      /expected a test runner: set `globals` in vitest, or pass it/,
    );
  });
});

describe('in node:test', () => {
  it('it finds its runner by itself, and writes tests that fail until what they found is mended', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'mabeam-findings-'));
    try {
      const testing = pathToFileURL(
        fileURLToPath(new URL('../../../src/testing/index.ts', import.meta.url)),
      ).href;
      const module = new URL('./account.ts', import.meta.url).href;
      const program = `
        import { describeAgent } from '${testing}';
        import account from '${module}';
        describeAgent(account, {
          invariants: { neverNegative: ({ state }) => state.balance >= 0 },
          walks: 2,
          source: { from: './account.ts' },
          writeRegression: ${JSON.stringify(folder)},
        });`;
      const env = { ...process.env };
      for (const name of ['VITEST', 'NODE_TEST_CONTEXT', 'VITEST_WORKER_ID']) delete env[name];
      const ran = async (...args: readonly string[]) => {
        const child = spawn(process.execPath, args, { env });
        let printed = '';
        child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
        child.stderr.on('data', (chunk: Buffer) => (printed += chunk.toString()));
        const [code] = (await once(child, 'close')) as [number | null];
        return { code, printed };
      };
      const { code, printed } = await ran('--input-type=module-typescript', '--eval', program);
      expect({ code, printed }).toMatchObject({ code: 1 });
      expect(printed).toContain('idle: stop');
      expect(printed).toContain('breaks the law "invariant neverNegative"');
      const written = await readdir(folder);
      expect(written.length).toBeGreaterThan(0);
      expect(written[0]).toMatch(/^account-invariant-nevernegative-[0-9a-f]{8}\.test\.ts$/);
      const test = await readFile(join(folder, written[0]!), 'utf8');
      expect(test).toContain("import { it } from 'node:test';");
      expect(test).toContain("{ move: 'task', task: 'withdraw', input: ");
      // As in its package: but for the names by which it finds what it needs.
      const file = join(folder, written[0]!);
      await writeFile(file, test.replace("'mabeam/testing'", `'${testing}'`));
      const own = (await readFile(fileURLToPath(module), 'utf8')).replaceAll(
        /from '([^']+)'/g,
        (_, name: string) => `from '${import.meta.resolve(name, module)}'`,
      );
      await writeFile(join(folder, 'account.ts'), own);
      const failed = await ran('--test', file);
      expect(failed.code).toBe(1);
      expect(failed.printed).toContain('invariant neverNegative: does not hold of {"balance":-1}');
      const mended = own.replace(
        'if (state.balance === 0) return 0;',
        'if (state.balance < input) return 0;',
      );
      expect(mended).not.toBe(own);
      await writeFile(join(folder, 'account.ts'), mended);
      expect(await ran('--test', file)).toMatchObject({ code: 0 });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

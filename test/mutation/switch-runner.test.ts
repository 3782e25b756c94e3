import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sourceMutantsOf } from './source-mutants.ts';
import { JOB_VARIABLE, type SwitchAnswer, type SwitchJob } from './switch-job.ts';
import { CAME_VARIABLE, writeProbe } from './switch-probe.ts';
import { plantSwitches } from './switches.ts';
import { ROOT } from './work-tree.ts';

const SOURCE = `
const limit = 2;
let count = 0;
export function next(): number { count += limit; return count; }
export function sum(a: number, b: number): number { return a + b; }
export function unseen(a: number): number { return a - 1; }
export function unread(a: number): number { return a / 2; }
export function mark(isMarked: boolean): void { if (isMarked) Object.assign(globalThis, { marked: true }); }
export function settle(isDone: boolean): Promise<void> {
  return new Promise((resolve) => { if (isDone) resolve(); });
}
export function late(): boolean { return 1 < 2 && 2 < 1; }
export function again(): boolean { return 1 === 1; }
export function told(): number { return 20 + 2; }
export function loose(isLost: boolean): void { if (isLost) void Promise.reject(new Error('lost')); }
`;
const TEST = `
import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { again, late, loose, mark, next, settle, sum, unread } from './source.ts';
it('counts by two', () => expect([next(), next()]).toEqual([2, 4]));
it('sums', () => expect(sum(2, 3)).toBe(5));
it('reads nothing', () => void unread(4));
it('marks nothing', () => { mark(false); expect(globalThis).not.toHaveProperty('marked'); });
it('settles', () => settle(true));
it('loses nothing', () => loose(false));
it('fails once', () => {
  const isWrong = late();
  globalThis.wrong = (globalThis.wrong ?? 0) + Number(isWrong);
  expect(isWrong && globalThis.wrong === 1).toBe(false);
});
it('is told by a program', () => expect(execFileSync(process.execPath, ['program.ts'], { encoding: 'utf8' })).toBe('22'));
it('fails', () => expect(sum(1, 1)).toBe(3));
`;

/** It fails whenever it is run anew in the same program. */
const ONCE = `
it('passes once', () => {
  again();
  globalThis.runs = (globalThis.runs ?? 0) + 1;
  expect(globalThis.runs).toBe(1);
});
`;

const mutants = sourceMutantsOf('source.ts', SOURCE);
/** The switch of the first mutant whose line has the word. */
const at = (word: string): number => mutants.findIndex(({ line }) => line.includes(word));

describe('after a test file, in its program', () => {
  let folder: string;
  beforeAll(() => {
    mkdirSync(join(ROOT, '.tmp'), { recursive: true });
    folder = mkdtempSync(join(ROOT, '.tmp/switch-runner-'));
    const numbered = mutants.map((mutant, number) => ({ ...mutant, number }));
    const { head } = writeProbe(folder);
    writeFileSync(join(folder, 'source.ts'), `${head}${plantSwitches('source.ts', SOURCE, numbered).text}`);
    writeFileSync(
      join(folder, 'program.ts'),
      "import { told } from './source.ts'; process.stdout.write(String(told()));",
    );
    writeFileSync(
      join(folder, 'vitest.config.ts'),
      `export default { test: { runner: ${JSON.stringify(join(ROOT, 'test/mutation/switch-runner.ts'))} } };`,
    );
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function tried(
    numbers: readonly number[],
    asked: readonly number[] = [],
    { isAgain = false, more = '' } = {},
  ): Promise<SwitchAnswer[]> {
    const [job, answers, came] = ['job.json', 'answers.jsonl', 'came.txt'].map((name) =>
      join(folder, name),
    ) as [string, string, string];
    writeFileSync(join(folder, 'some.test.ts'), `${TEST}${more}`);
    writeFileSync(answers, '');
    writeFileSync(came, '');
    const tries = numbers.map((number) => ({ number, testMs: 10_000, isAgain }));
    writeFileSync(job, JSON.stringify({ answers, tries, asked } satisfies SwitchJob));
    const vitest = spawn(process.execPath, [join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run'], {
      cwd: folder,
      env: { ...process.env, [JOB_VARIABLE]: job, [CAME_VARIABLE]: came },
      stdio: 'ignore',
    });
    await once(vitest, 'exit');
    return readFileSync(answers, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as SwitchAnswer);
  }

  it('a switch kills when a case fails that came to it, which passes with it off; modules begin anew each time', async () => {
    const numbers = [at('const limit'), at('unseen'), at('unread'), at('function sum'), at('mark')];
    const answers = await tried(numbers);

    expect(answers[0]).toMatchObject({ kind: 'usual', failed: expect.stringContaining('fails: ') });
    const ended = answers.filter((answer) => answer.kind === 'ended');
    expect(ended).toMatchObject([
      { number: numbers[0], verdict: 'killed', by: expect.stringContaining('counts by two') },
      { number: numbers[1], verdict: 'not run' },
      { number: numbers[2], verdict: 'survived' },
      { number: numbers[3], verdict: 'killed', by: expect.stringContaining('sums: ') },
      // What it has left makes the case fail with the switch off, too.
      { number: numbers[4], verdict: 'in doubt', by: expect.stringContaining('marks nothing') },
    ]);
  });

  it('a switch is on in the programs that a case starts, and what they come to counts as come to by the case', async () => {
    const number = mutants.findIndex(({ line, rule }) => line.includes('told()') && rule === 'arithmetic');
    const ended = (await tried([number])).filter(({ kind }) => kind === 'ended');
    expect(ended).toMatchObject([
      { number, verdict: 'killed', by: expect.stringContaining('is told by a program') },
    ]);
  });

  it('a case that fails once and not again has not killed', async () => {
    const number = mutants.findIndex(({ line, rule }) => line.includes('late()') && rule === 'and for or');
    const answers = await tried([number]);
    expect(answers.filter(({ kind }) => kind === 'begun')).toHaveLength(3);
    expect(answers.filter(({ kind }) => kind === 'ended')).toMatchObject([{ number, verdict: 'survived' }]);
  });

  it('a case that passes once in a program kills nothing when it is tried again', async () => {
    const number = mutants.findIndex(
      ({ line, rule }) => line.includes('again()') && rule === 'equality turned round',
    );
    const ended = async (isAgain: boolean) =>
      (await tried([number], [], { isAgain, more: ONCE })).filter(({ kind }) => kind === 'ended');
    expect(await ended(false)).toMatchObject([{ number, verdict: 'in doubt' }]);
    expect(await ended(true)).toMatchObject([{ number, verdict: 'not run' }]);
  });

  it('one that is killed is killed again', async () => {
    const number = at('function sum');
    const ended = (await tried([number], [], { isAgain: true })).filter(({ kind }) => kind === 'ended');
    expect(ended).toMatchObject([{ number, verdict: 'killed' }]);
  });

  it('of others it is told that nothing comes to them, before the first is tried', async () => {
    const [none, some] = [at('unseen'), at('unread')];
    const [, ...answers] = await tried([at('function sum')], [none, some]);
    expect(answers).toMatchObject([
      { kind: 'ended', number: none, verdict: 'not run' },
      ...Array.from({ length: 3 }, () => ({
        kind: 'begun',
        number: at('function sum'),
        usualMs: expect.any(Number),
      })),
      { kind: 'ended', number: at('function sum'), verdict: 'killed' },
    ]);
  });

  it.each([
    ['a case that waits for what does not come is late', 'if (isDone)', 'late', 'settles: it waits'],
    ['what nobody caught kills', 'if (isLost)', 'killed', 'not caught: lost'],
  ])('%s', async (_law, word, verdict, by) => {
    const [ended, ...others] = (await tried([at(word), at('function sum')])).filter(
      ({ kind }) => kind === 'ended',
    );
    expect(ended).toMatchObject({ number: at(word), verdict, by: expect.stringContaining(by) });
    expect(others).toHaveLength(verdict === 'late' ? 0 : 1);
  });
});

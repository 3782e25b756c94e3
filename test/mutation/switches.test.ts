import { globSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { inspect } from 'node:util';
import { runInNewContext } from 'node:vm';
import ts from 'typescript-6.0';
import { describe, expect, it } from 'vitest';
import { sourceMutantsOf } from './source-mutants.ts';
import { plantSwitches } from './switches.ts';
import { ROOT } from './work-tree.ts';

/** Of every rule one at least, and where a switch could change what is around it. */
const PROGRAM = `
const LIMIT = 3;
const seen = [];
const note = (...what) => {
  if (seen.length > 500) throw new Error('on and on');
  seen.push(what.join(' '));
  return what.length;
};
const pair = { first: { join: (a, b) => ({ told: a + b }) }, absent: undefined as any };
function weigh(a, b, c) {
  if (a && b || c) note('one'); else note('other');
  if (a) if (b) note('inner'); else note('of the inner');
  for (let i = 0; i < LIMIT; i += 1) {
    if (i === 1) continue;
    note(i, a || b && c, a === b || b !== c);
  }
  const chained = pair.absent?.join(a, b).told;
  note(chained, pair.first?.join(a, b).told, pair.first.join(a, c)!.told);
  const total = 2 + 3 * 4 - 1 as number;
  note(total, a ? total : -total, \`\${total + 1}\`);
  switch (total) {
    case 13: note('thirteen'); break;
    case 14: note('fourteen'); return;
    default: note('none');
  }
  try { if (!b) throw new Error('no b'); } catch (error) { note(error.message); }
}
async function wait() {
  const value = await Promise.resolve(7);
  await Promise.resolve().then(() => note('waited'));
  note(typeof value, { 1: true, no: false }[1]);
}
for (const a of [0, 1, 2]) for (const b of [0, 1]) weigh(a, b, a > b);
wait().then(() => note('end'), (error) => note(error.message));
`;

async function whatItDoes(text: string, on?: number): Promise<string> {
  const context = {
    Promise,
    ...(on === undefined ? {} : { __isOn: (number: number) => number === on }),
  };
  try {
    const seen = runInNewContext(`${stripTypeScriptTypes(text)}\nseen`, context, {
      timeout: 1_000,
    }) as string[];
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
    return inspect(seen, { maxArrayLength: null });
  } catch (error) {
    return (error as Error).message;
  }
}

describe('switches', () => {
  const mutants = sourceMutantsOf('program.ts', PROGRAM);
  const switched = plantSwitches(
    'program.ts',
    PROGRAM,
    mutants.map((mutant, number) => ({ ...mutant, number })),
  );

  it('do nothing while all are off, and where nobody has set one', async () => {
    const usual = await whatItDoes(PROGRAM);
    expect(usual).toContain('waited');
    expect(await whatItDoes(switched.text, -1)).toBe(usual);
    expect(await whatItDoes(switched.text)).toBe(usual);
  });

  it('that are on make the program that has the mutant alone', async () => {
    expect(new Set(mutants.map(({ rule }) => rule)).size).toBe(10);
    const usual = await whatItDoes(PROGRAM);
    let differ = 0;
    for (const [number, { start, end, replacement, rule, line }] of mutants.entries()) {
      if (switched.unswitched.includes(number)) continue;
      const alone = await whatItDoes(PROGRAM.slice(0, start) + replacement + PROGRAM.slice(end));
      expect(await whatItDoes(switched.text, number), `${rule} in ${line}`).toBe(alone);
      if (alone !== usual) differ += 1;
    }
    expect(differ).toBeGreaterThan(mutants.length / 2);
    // The name of a member.
    const name = mutants.findIndex(({ start }) => start === PROGRAM.indexOf('1: true'));
    expect(switched.unswitched).toEqual([name]);
  });

  it('of all mutants of a source file leave its lines where they are, and are a program', () => {
    for (const file of globSync('src/machines/**/*.ts', { cwd: ROOT })) {
      const text = readFileSync(`${ROOT}${file}`, 'utf8');
      const all = sourceMutantsOf(file, text).map((mutant, number) => ({ ...mutant, number }));
      const { text: planted } = plantSwitches(file, text, all);
      const { diagnostics } = ts.transpileModule(planted, {
        reportDiagnostics: true,
        compilerOptions: { target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.ESNext },
      });
      expect(
        diagnostics?.map(({ messageText }) => messageText),
        file,
      ).toEqual([]);
    }
  });
});

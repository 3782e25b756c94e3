/** How a broken law is told: its path in words, and a test to paste for every kind of agent and move. */
import { expect, it } from 'vitest';
import { LawBroken, type Done } from '../../../src/testing/describe-agent/laws.ts';
import { type Move, moveInWords, lifeMoveOf } from '../../../src/testing/describe-agent/moves.ts';
import {
  AgentFinding,
  type FindingParts,
  regressionName,
  regressionTest,
} from '../../../src/testing/describe-agent/report.ts';

const start: Done = { move: { move: 'start' } };
const parts = (more: Partial<FindingParts> = {}, done: readonly Done[] = [start]): FindingParts => ({
  type: 'counter',
  isolation: 'in-process',
  broken: new LawBroken('it starts', 'it does not', done),
  seed: 7,
  foundIn: done.length,
  source: undefined,
  runner: 'vitest',
  terms: { fields: [], imports: [], missing: [] },
  ...more,
});
const lines = (text: string) => text.split('\n');

it.each<[Move, string]>([
  [{ move: 'start' }, 'start'],
  [{ move: 'task', task: 'add', input: 1 }, 'add(1)'],
  [{ move: 'task', task: 'add' }, 'add()'],
  [{ move: 'begin', task: 'add', input: null, held: 'after' }, 'begin add(null), held after it runs'],
  [{ move: 'variable', name: 'rate', value: 1 }, 'set rate to 1'],
  [{ move: 'propose', name: 'rate', value: 1 }, 'propose 1 for rate'],
  [{ move: 'arrange', work: 'fetch', as: 'hanging' }, 'fetch is hanging when it is invoked next'],
  [{ move: 'lose' }, 'lose the program'],
  [{ move: 'reboot' }, 'close the program, and start another'],
])('%o in words', (move, words) => {
  expect(moveInWords(move)).toBe(words);
});

it('a move of a life is named, a held task by where it is held; time and work are none', () => {
  expect(lifeMoveOf({ move: 'kill' })).toBe('kill');
  expect(lifeMoveOf({ move: 'begin', task: 'add', held: 'before' })).toBe('begin before');
  expect(lifeMoveOf({ move: 'pass' })).toBeUndefined();
  expect(lifeMoveOf({ move: 'arrange', work: 'fetch', as: 'failing' })).toBeUndefined();
});

it('a finding that is about many paths has no path and no test', () => {
  const finding = new AgentFinding(parts({}, []), ' (a note)');
  expect(finding.message).toBe('counter (in-process) breaks the law "it starts": it does not (a note)');
  expect([finding.test, finding.moves]).toEqual([undefined, []]);
});

it('one with a path says how long it is, and from what it was shrunk, if it was', () => {
  const second = (foundIn: number) => lines(new AgentFinding(parts({ foundIn })).message)[1];
  expect(second(1)).toBe('after 1 move, seed 7:');
  expect(second(2)).toBe('after 1 move, shrunk from 2, seed 7:');
  const done: readonly Done[] = [{ ...start, result: 'gives 1' }, start];
  expect(lines(new AgentFinding(parts({}, done)).message).slice(2, 4)).toEqual([
    '  start: gives 1',
    '  start',
  ]);
  const finding = new AgentFinding(parts());
  expect(finding).toMatchObject({
    law: 'it starts',
    isolation: 'in-process',
    seed: 7,
    moves: [{ move: 'start' }],
  });
  expect(finding.message.endsWith(finding.test!)).toBe(true);
});

it('its cause is what was thrown, else the broken law', () => {
  const thrown = new TypeError('a bug');
  const broken = new LawBroken('it starts', 'it does not', [start], thrown);
  expect(new AgentFinding(parts({ broken })).cause).toBe(thrown);
  const plain = parts();
  expect(new AgentFinding(plain).cause).toBe(plain.broken);
  expect('cause' in plain.broken).toBe(false);
});

it.each<[string, Partial<FindingParts>, readonly string[]]>([
  ['by its type', {}, ["import agent from './counter.ts';", '  replayAgent(agent, [']],
  [
    'by its export',
    { source: { from: './c.ts', name: 'other' } },
    ["import { other as agent } from './c.ts';"],
  ],
  [
    'by an export of that name',
    { source: { from: './c.ts', name: 'agent' } },
    ["import { agent } from './c.ts';"],
  ],
  [
    'by its place',
    { isolation: 'process', source: { from: './c.ts' } },
    ['  replayAgent(new URL("./c.ts", import.meta.url), [', '  ], { isolation: "process" }));'],
  ],
  [
    'with its options',
    {
      source: { from: './c.ts', options: { from: './o.ts', name: 'mine' } },
      terms: { fields: ['x'], imports: ['variable'], missing: ['y'] },
    },
    ["import { mine as options } from './o.ts';", '  ], { ...options }));'],
  ],
  [
    'with terms',
    { terms: { fields: ['except: []', 'y'], imports: ['variable'], missing: ['y', 'z'] } },
    [
      "import { variable } from 'mabeam';",
      '// Import y, z here, as the suite has it: it cannot be written as text. Or set source.options.',
      '  ], { except: [], y }));',
    ],
  ],
  [
    'with one term',
    { terms: { fields: ['y'], imports: [], missing: ['y'] } },
    ['// Import y here, as the suite has it: it cannot be written as text. Or set source.options.'],
  ],
  ['for node', { runner: 'node:test' }, ["import { it } from 'node:test';", '  ]));']],
])('a test finds its agent %s', (_, more, expected) => {
  expect(lines(regressionTest(parts(more)))).toEqual(expect.arrayContaining([...expected]));
});

it('a test has no import that it does not need', () => {
  const source = { from: './c.ts', options: { from: './o.ts' } };
  const terms = { fields: ['x'], imports: ['variable'], missing: ['y'] };
  expect(regressionTest(parts({ source, terms }))).not.toMatch(/variable|Import y|\bx\b/);
  expect(regressionTest(parts({ isolation: 'process' }))).not.toContain('import agent');
  expect(regressionTest(parts())).not.toMatch(/import .* from 'mabeam';|Import/);
});

it('inputs are written so that code reads them back, whatever they are', () => {
  const inputs = [1, -0, Number.NaN, -Infinity, 'it\'s "so"\n\\', { a: [null, 'x'] }, true];
  const done = inputs.map((input): Done => ({ move: { move: 'task', task: 'add', input } }));
  const [, moves] = /(\[\n[\s\S]*\])\)\);/.exec(regressionTest(parts({}, done)))!;
  // oxlint-disable-next-line no-implied-eval, no-new-func, typescript/no-implied-eval -- it is code to be pasted
  const read = new Function(`return ${moves}`)() as { input: unknown }[];
  expect(read.map(({ input }) => input)).toEqual(inputs);
  const none: Done = { move: { move: 'task', task: 'add', input: undefined } };
  expect(regressionTest(parts({}, [none]))).toContain("{ move: 'task', task: 'add' },");
  const odd: Done = { move: { move: 'task', task: 'add', input: () => 1 } };
  expect(regressionTest(parts({}, [odd]))).toMatch(/input: \/\* .* \*\/ undefined/);
});

it('the name of its file is of its agent, its law and its path', () => {
  const name = regressionName(parts());
  expect(name).toMatch(/^counter-it-starts-[0-9a-f]{8}\.test\.ts$/);
  expect(regressionName(parts({ seed: 8, foundIn: 9 }))).toBe(name);
  const others = [
    parts({}, [start, start]),
    parts({ broken: new LawBroken('it ends in order', 'it does not', [start]) }),
  ];
  expect(new Set([name, ...others.map(regressionName)]).size).toBe(3);
  expect(regressionName(parts({ type: '-Ein Bär-' }))).toMatch(/^ein-b-r-it-starts-[0-9a-f]{8}\.test\.ts$/);
});

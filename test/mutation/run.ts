/** `npm run mutants -- --help` says what this does. */
import { parseArgs } from 'node:util';
import { tryPlanted } from './planted.ts';
import { measureReach, readReach } from './reach.ts';
import { ratioOf, scoreOf, tell, trySample, writeReport } from './sample.ts';
import { createTestRunner } from './test-runner.ts';
import { holdTree, refreshTree } from './work-tree.ts';

const HELP = `Plants small faults in a copy of the sources and says which of them the tests find.

  npm run mutants -- pools journal        every mutant of the files whose path has one of the words
  npm run mutants -- --sample 3           three of every file of src
  npm run mutants -- --sample 3 --seed b  three others
  npm run mutants -- --draw 300           300 of all mutants, each as likely as any other: for a score of the whole
  npm run mutants -- --planted            the faults that are planted by name (planted-faults.ts); needs no reach
  npm run mutants -- --reach              measure anew which tests run which blocks (a run of the whole suite)

Mutants are planted together, each behind a switch, and tried one after the other in one program for each test file.
--tests WORD, once or more, holds them to the test files alone whose path has one of the words.
--own holds them to the test files alone that bear the name of their file or import it; those without any, to all.
--seconds N gives each mutant N seconds of tests (45).
--at-once N runs N test files at the same time (1).
--alone plants what no switch has killed once more, alone, for the programs too that tests start; it measures the reach
of all tests first, unless --measured is given, which takes it as it is.
Results are kept in .tmp/mutants: an interrupted run goes on where it stopped, and a mutant is tried again when its file
has changed, or when it survived and one of its tests has. Exits with 1 when a file is below 90 % or all are below 97 %,
with 130 when it is interrupted.
`;
const FILE_AIM = 0.9;
const AIM = 0.97;

const { values, positionals: words } = parseArgs({
  allowPositionals: true,
  options: {
    sample: { type: 'string' },
    draw: { type: 'string' },
    seed: { type: 'string', default: 'a' },
    planted: { type: 'boolean', default: false },
    reach: { type: 'boolean', default: false },
    tests: { type: 'string', multiple: true, default: [] },
    seconds: { type: 'string', default: '45' },
    'at-once': { type: 'string', default: '1' },
    own: { type: 'boolean', default: false },
    alone: { type: 'boolean', default: false },
    measured: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit();
}
const [count, draw, seconds, atOnce] = (['sample', 'draw', 'seconds', 'at-once'] as const).map((option) => {
  const number = values[option] === undefined ? Number.POSITIVE_INFINITY : Number(values[option]);
  if (Number.isNaN(number) || number < 1)
    throw new TypeError(`--${option} takes a number, got "${values[option]}"`);
  return number;
}) as [number, number, number, number];

using _tree = holdTree();
const interrupt = new AbortController();
await using ends = new AsyncDisposableStack();
const runner = ends.use(createTestRunner());
const others = Array.from({ length: atOnce - 1 }, (_, index) => ends.use(createTestRunner(index + 1)));
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    interrupt.abort();
    for (const one of [runner, ...others]) void one[Symbol.asyncDispose]();
  });
}
const say = (line: string): void => void process.stderr.write(`${line}\n`);

refreshTree();
if (values.reach || (values.alone && !values.measured))
  await measureReach(runner, { again: values.reach, tests: values.tests, say, signal: interrupt.signal });
const reach = readReach();
if (values.planted) {
  const { tried, survived } = await tryPlanted(runner, reach, { words, say, signal: interrupt.signal });
  for (const line of survived) process.stdout.write(`survived: ${line}\n`);
  process.stdout.write(`found ${tried - survived.length} of ${tried} planted faults\n`);
  process.exitCode = survived.length > 0 ? 1 : 0;
} else if (!values.reach) {
  const tried = await trySample([runner, ...others], reach, {
    count,
    draw,
    seed: values.seed,
    words,
    testMs: seconds * 1_000,
    tests: values.tests,
    isOwn: values.own,
    isAlone: values.alone,
    say,
    signal: interrupt.signal,
  });
  process.stdout.write(writeReport(tried, { count, draw, seed: values.seed }));
  const low = [...Map.groupBy(tried, ({ file }) => file)]
    .map(([file, those]) => ({ file, score: scoreOf(those) }))
    .filter(({ score }) => ratioOf(score) < FILE_AIM);
  for (const { file, score } of low)
    process.stdout.write(`below ${FILE_AIM * 100} %: ${file}, ${tell(score)}\n`);
  process.stdout.write(`all: ${tell(scoreOf(tried))}\n`);
  process.exitCode = low.length > 0 || ratioOf(scoreOf(tried)) < AIM ? 1 : 0;
}
if (interrupt.signal.aborted) process.exitCode = 130;

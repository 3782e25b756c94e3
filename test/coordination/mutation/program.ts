/**
 * Holds mutants of coordination to its laws and walks: all of them, or every n-th from the k-th on.
 *
 *   node test/coordination/mutation/program.ts [n] [k]
 *
 * A line for each that survives and should not, then one with the counts; exit code 1 when there are any.
 */
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { runInThisContext } from 'node:vm';
import { consensusMachine, coordinatorMachine } from '../../../src/machines/index.ts';
import { chartMutantsOf } from '../../mutation/chart-mutants.ts';
import {
  boxKillers,
  coordinatorKillers,
  type Killer,
  leaderKillers,
  type Parts,
  roundKillers,
  tallyKillers,
} from './killers.ts';
import { noFaults } from './no-faults.ts';
import { sourceMutantsOf } from './source-mutants.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

const FILES: Readonly<Record<string, readonly Killer[]>> = {
  'machines/tally': [...tallyKillers, ...roundKillers],
  'machines/ballot': roundKillers,
  'machines/leader': leaderKillers,
  'machines/consensus': roundKillers,
  'machines/coordinator': coordinatorKillers,
  'runtime/coordination/rounds/ballot-box': [...boxKillers, ...roundKillers],
  'runtime/coordination/leader/candidate-queue': leaderKillers,
};

interface Mutant {
  readonly name: string;
  readonly killers: readonly Killer[];
  readonly parts: () => Promise<Parts>;
}

/** A law that takes longer than this, ms, never ends: loops without end are found so. */
const PATIENCE_MS = 20_000;

const [every = '1', from = '0'] = process.argv.slice(2);
const folder = await mkdtemp(join(tmpdir(), 'mutants-'));
await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
const sources = await strippedSources();
const product = await load('product', sources);
const mutants = [...sourceMutants(), ...chartMutants()];
const excused = new Set<RegExp>();
let held = 0;
let survived = 0;

for (let n = Number(from); n < mutants.length; n += Number(every)) {
  const { name, killers, parts } = mutants[n]!;
  held += 1;
  if (await isKilled(killers, parts)) continue;
  const [excuse] = noFaults.find(([mutant]) => mutant.test(name)) ?? [];
  if (excuse) excused.add(excuse);
  else {
    survived += 1;
    console.log(`survived: ${name}`);
  }
}
await rm(folder, { recursive: true });
console.log(
  `held ${held} of ${mutants.length}, survived ${survived}, of no effect ${excused.size} of ${noFaults.length} kinds`,
);
process.exitCode = survived > 0 ? 1 : 0;

async function isKilled(killers: readonly Killer[], parts: () => Promise<Parts>): Promise<boolean> {
  let mutant: Parts;
  try {
    mutant = await parts();
  } catch {
    // It does not even load.
    return true;
  }
  return killers.some((kill) => {
    try {
      inTime(() => kill(mutant));
      return false;
    } catch {
      return true;
    }
  });
}

/** Runs what may never end. @throws Error when it takes too long */
function inTime(run: () => void): void {
  Object.assign(globalThis, { runInTime: run });
  runInThisContext('runInTime()', { timeout: PATIENCE_MS });
}

function sourceMutants(): Mutant[] {
  return Object.entries(FILES).flatMap(([file, killers]) =>
    sourceMutantsOf(sources.get(file)!).map(({ line, what, text }, i) => ({
      name: `${file}:${line} ${what}`,
      killers,
      parts: () => load(`${file.replaceAll('/', '-')}-${i}`, new Map(sources).set(file, text)),
    })),
  );
}

function chartMutants(): Mutant[] {
  return [
    ...chartMutantsOf(consensusMachine).map(({ what, machine }) => ({
      name: `consensus: ${what}`,
      killers: roundKillers,
      parts: async () => ({ ...product, consensusMachine: machine as never }),
    })),
    ...chartMutantsOf(coordinatorMachine).map(({ what, machine }) => ({
      name: `coordinator: ${what}`,
      killers: coordinatorKillers,
      parts: async () => ({ ...product, coordinatorMachine: machine as never }),
    })),
  ];
}

async function strippedSources(): Promise<Map<string, string>> {
  const charts = (await readdir(join(ROOT, 'src/machines'))).map((name) => `machines/${name.slice(0, -3)}`);
  const files = [...charts, ...Object.keys(FILES).filter((file) => file.startsWith('runtime/'))];
  const read = async (file: string) => {
    const text = stripTypeScriptTypes(await readFile(join(ROOT, `src/${file}.ts`), 'utf8'));
    return [file, text.replaceAll(/(from '\.[^']*)\.ts'/g, "$1.mjs'")] as const;
  };
  return new Map(await Promise.all(files.map(read)));
}

async function load(name: string, files: ReadonlyMap<string, string>): Promise<Parts> {
  const at = (file: string) => join(folder, name, `${file}.mjs`);
  await mkdir(join(folder, name, 'machines'), { recursive: true });
  for (const room of ['rounds', 'leader'])
    await mkdir(join(folder, name, 'runtime/coordination', room), { recursive: true });
  await Promise.all([...files].map(([file, text]) => writeFile(at(file), text)));
  const take = (file: string): Promise<never> => import(pathToFileURL(at(file)).href) as Promise<never>;
  const { consensusMachine }: Parts = await take('machines/consensus');
  const { coordinatorMachine }: Parts = await take('machines/coordinator');
  return {
    tally: await take('machines/tally'),
    leader: await take('machines/leader'),
    ballotBox: await take('runtime/coordination/rounds/ballot-box'),
    candidateQueue: await take('runtime/coordination/leader/candidate-queue'),
    consensusMachine,
    coordinatorMachine,
  };
}

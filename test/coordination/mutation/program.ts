/**
 * Holds every mutant of coordination to the laws, from the one with a given number on: a line for each, as JSON.
 *
 * A program of its own, so that a mutant that never ends can be ended.
 */
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { consensusMachine, coordinatorMachine } from '../../../src/machines/index.ts';
import { chartMutantsOf } from './chart-mutants.ts';
import {
  boxKillers,
  coordinatorKillers,
  type Killer,
  leaderKillers,
  type Parts,
  roundKillers,
  tallyKillers,
} from './killers.ts';
import { sourceMutantsOf } from './source-mutants.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

const FILES: Readonly<Record<string, readonly Killer[]>> = {
  'machines/tally': [...tallyKillers, ...roundKillers],
  'machines/ballot': roundKillers,
  'machines/leader': leaderKillers,
  'machines/consensus': roundKillers,
  'machines/coordinator': coordinatorKillers,
  'runtime/coordination/ballot-box': [...boxKillers, ...roundKillers],
  'runtime/coordination/candidate-queue': leaderKillers,
};

interface Mutant {
  readonly name: string;
  readonly killers: readonly Killer[];
  readonly parts: () => Promise<Parts>;
}

const [from = '0', folder = await mkdtemp(join(tmpdir(), 'mutants-'))] = process.argv.slice(2);
await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules')).catch(() => {});
const sources = await strippedSources();
const product = await load('product', sources);
const mutants = [...sourceMutants(), ...chartMutants()];

for (let n = Number(from); n < mutants.length; n++) {
  const { name, killers, parts } = mutants[n]!;
  console.log(JSON.stringify({ n, name, of: mutants.length, ...(await fate(killers, parts)) }));
}
await rm(folder, { recursive: true });

/** How a mutant ends: by which law, or by none. */
async function fate(killers: readonly Killer[], parts: () => Promise<Parts>): Promise<object> {
  let mutant: Parts;
  try {
    mutant = await parts();
  } catch (thrown) {
    return { isKilled: true, by: `it does not load: ${String(thrown)}` };
  }
  for (const kill of killers) {
    try {
      kill(mutant);
    } catch (thrown) {
      return { isKilled: true, by: String(thrown).slice(0, 100) };
    }
  }
  return { isKilled: false };
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
  await mkdir(join(folder, name, 'runtime/coordination'), { recursive: true });
  await Promise.all([...files].map(([file, text]) => writeFile(at(file), text)));
  const take = (file: string): Promise<never> => import(pathToFileURL(at(file)).href) as Promise<never>;
  const { consensusMachine }: Parts = await take('machines/consensus');
  const { coordinatorMachine }: Parts = await take('machines/coordinator');
  return {
    tally: await take('machines/tally'),
    leader: await take('machines/leader'),
    ballotBox: await take('runtime/coordination/ballot-box'),
    candidateQueue: await take('runtime/coordination/candidate-queue'),
    consensusMachine,
    coordinatorMachine,
  };
}

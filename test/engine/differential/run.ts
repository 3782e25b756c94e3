/**
 * `npm run differential`: compares the drivers for as many steps as are asked for, from a seed that is told.
 *
 * `-- --steps 5000000` (a million by default), `-- --seed 7` (chance by default), `-- --plants`: instead plants each
 * fault of plants.ts in the compiler and says whether the comparison finds it.
 */
import { parseArgs } from 'node:util';
import { compared, inWords } from './difference.ts';
import { makersOf, walk } from './walks.ts';

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    plants: { type: 'boolean', default: false },
  },
});

if (values.plants) {
  const { plantAll } = await import('./plant-faults.ts');
  process.exitCode = (await plantAll()) ? 0 : 1;
} else process.exitCode = compareAll(Number(values.seed), Number(values.steps)) ? 0 : 1;

function compareAll(firstSeed: number, steps: number): boolean {
  // The pure functions are a hundred times as slow as the table: they walk along now and then.
  const [table, all] = [makersOf('table'), makersOf('table', 'pure')];
  console.log(`from seed ${firstSeed}, ${steps.toLocaleString('en')} steps`);
  let told = 0;
  for (let seed = firstSeed; compared.steps < steps; seed++) {
    const difference = walk(seed, seed % 20 < 2 ? all : table);
    if (difference !== undefined) {
      console.error(`seed ${seed}: ${inWords(difference)}`);
      return false;
    }
    if (compared.steps - told < 50_000) continue;
    told = compared.steps;
    console.log(`${told.toLocaleString('en')} steps equal, seed ${seed}`);
  }
  console.log(`all equal: ${compared.steps.toLocaleString('en')} steps`);
  return true;
}

/**
 * Plants faults in the compiler, one at a time, and sees whether the comparison with the interpreter finds them.
 *
 * Each fault is a copy of the engine's modules, loaded beside the true ones under a query of its own, with one text
 * of one file replaced.
 */
import { registerHooks } from 'node:module';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { AnyStateMachine } from 'xstate';
import type { Chart, ChartOptions } from '../../../src/runtime/engine/chart.ts';
import { by, type Maker } from './chart-world.ts';
import { compared } from './difference.ts';
import { plants, sown } from './plants.ts';
import { walk } from './walks.ts';

const engine = new URL('../../../src/runtime/engine/', import.meta.url).href;
/** Steps after which a fault counts as not found. The rarest was found after 173,221. */
const PATIENCE = 500_000;

/** Whether each of them is found. */
export async function plantAll(): Promise<boolean> {
  hook();
  const missed: string[] = [];
  console.warn = () => {};
  for (const [number, plant] of plants.entries()) {
    const from = compared.steps;
    const seed = await seedThatFinds(number);
    const steps = (compared.steps - from).toLocaleString('en');
    console.log(
      seed === undefined
        ? `NOT FOUND in ${steps} steps: ${plant.name}`
        : `found by seed ${seed}, after ${steps} steps: ${plant.name}`,
    );
    if (seed === undefined) missed.push(plant.name);
  }
  console.log(`${plants.length - missed.length} of ${plants.length} faults found`);
  return missed.length === 0;
}

async function seedThatFinds(number: number): Promise<number | undefined> {
  const makers = { interpreter: by('interpreter'), table: await planted(number) };
  const enough = compared.steps + PATIENCE;
  for (let seed = 1; compared.steps < enough; seed++) {
    try {
      if (walk(seed, makers) !== undefined) return seed;
    } catch {
      // A chart that is refused, or that breaks the world around it, is found, too.
      return seed;
    }
  }
  return undefined;
}

interface TableModule {
  readonly TableChart: new (
    definition: AnyStateMachine,
    options: ChartOptions,
  ) => Chart<AnyStateMachine> & { begin(input: unknown): void };
}

async function planted(number: number): Promise<Maker> {
  const { TableChart } = (await import(`${engine}table.ts?plant=${number}`)) as TableModule;
  return (definition, input, options) => {
    const chart = new TableChart(definition, options);
    chart.begin(input);
    return chart;
  };
}

function hook(): void {
  registerHooks({
    resolve(specifier, context, next) {
      const resolved = next(specifier, context);
      const query = context.parentURL === undefined ? undefined : /\?plant=\d+$/.exec(context.parentURL)?.[0];
      const isOurs = query !== undefined && resolved.url.startsWith(engine);
      return isOurs ? { ...resolved, url: `${resolved.url}${query}` } : resolved;
    },
    load(url, context, next) {
      const number = /\?plant=(\d+)$/.exec(url)?.[1];
      if (number === undefined) return next(url, context);
      const file = url.slice(engine.length, url.indexOf('?'));
      const source = readFileSync(fileURLToPath(url.slice(0, url.indexOf('?'))), 'utf8');
      const plant = plants[Number(number)]!;
      return {
        format: 'module-typescript',
        shortCircuit: true,
        source: file === plant.file ? sown(source, plant) : source,
      };
    },
  });
}

/** Plants one mutant in a text: exactly where it is meant, or not at all. */
import type { Mutant } from './mutants.ts';

/** @throws Error when the text is not as the mutant expects it: the source has moved on, and the mutant has not */
export function plant(source: string, { name, file, from, to, nth }: Mutant): string {
  const parts = source.split(from);
  const found = parts.length - 1;
  if (from === to) throw new Error(`mutant "${name}" changes nothing`);
  if (nth === undefined ? found !== 1 : found < nth) {
    throw new Error(
      `mutant "${name}": expected ${nth ?? 1} of this in src/${file}, found ${found}:\n${from}`,
    );
  }
  const place = nth ?? 1;
  return `${parts.slice(0, place).join(from)}${to}${parts.slice(place).join(from)}`;
}

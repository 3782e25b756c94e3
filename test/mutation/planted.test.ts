/** Faults that are planted by name fit the sources as they are; `npm run mutants -- --planted` has the tests find them. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { plantedFaults } from './planted-faults.ts';

it('every planted fault has its snippet once in its file, and changes it', () => {
  const misfits = plantedFaults.flatMap(({ harm, file, snippet, becomes }) => {
    const times = readFileSync(file, 'utf8').split(snippet).length - 1;
    return times === 1 && snippet !== becomes ? [] : [`${file}: ${harm}: there ${times} times`];
  });
  expect(misfits).toEqual([]);
  expect(plantedFaults.filter(({ by }) => !existsSync(by)).map(({ by }) => by)).toEqual([]);
  expect(plantedFaults.length).toBeGreaterThanOrEqual(40);
  expect(new Set(plantedFaults.map(({ harm }) => harm)).size).toBe(plantedFaults.length);
});

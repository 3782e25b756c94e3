/** The tests that a mutant of one room is held to: chosen by `run.ts`, which plants it. */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  root: fileURLToPath(new URL('../../', import.meta.url)),
  test: {
    include: (process.env['MUTATION_TESTS'] ?? 'test/**/*.test.ts').split(','),
    exclude: ['test/mutation/**', 'test/coordination/mutation/**', 'test/house/**', 'test/examples/**'],
    setupFiles: ['test/mutation/setup.ts'],
    testTimeout: 30_000,
    pool: 'forks',
    restoreMocks: true,
  },
});

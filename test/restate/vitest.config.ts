/** Faults of real nodes and of the real server: `npm run check:nodes`. They take minutes, and want the machine to themselves. */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  root: fileURLToPath(new URL('../../', import.meta.url)),
  test: {
    include: ['test/restate/*.faults.ts'],
    testTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 1,
    restoreMocks: true,
  },
});

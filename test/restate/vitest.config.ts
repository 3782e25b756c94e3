/** Faults of real nodes and of the real server: `npm run check:nodes`. They take minutes, and want the machine to themselves. */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { common } from '../kit/common-config.ts';

export default defineConfig({
  root: fileURLToPath(new URL('../../', import.meta.url)),
  test: { ...common, include: ['test/restate/*.faults.ts'], maxWorkers: 1 },
});

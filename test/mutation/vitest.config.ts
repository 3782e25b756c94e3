/** How the mutation runner runs test files: one at a time, each in a process of its own. */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { common } from '../kit/common-config.ts';

export default defineConfig({
  root: fileURLToPath(new URL('../../', import.meta.url)),
  test: { ...common, include: ['test/**/*.test.ts'] },
});

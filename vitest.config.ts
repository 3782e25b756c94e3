import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { common } from './test/kit/common-config.ts';
import { REPEATED } from './test/kit/repeated.ts';
import { SlowFirst } from './test/kit/slow-first.ts';
import { TOGETHER } from './test/kit/together.ts';

export default defineConfig({
  test: {
    ...common,
    ...(process.env['CI'] ? REPEATED : {}),
    // Many tests wait for servers, processes and timers: with one worker for each core, cores are idle meanwhile.
    maxWorkers: Math.ceil(1.5 * availableParallelism()),
    sequence: { sequencer: SlowFirst },
    projects: [
      { extends: true, test: { name: 'alone', include: ['test/**/*.test.ts'], exclude: [...TOGETHER] } },
      { extends: true, test: { name: 'together', include: [...TOGETHER], isolate: false } },
    ],
  },
});

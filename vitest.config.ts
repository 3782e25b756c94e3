import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { common } from './test/kit/common-config.ts';
import { SlowFirst } from './test/kit/slow-first.ts';
import { TOGETHER } from './test/kit/together.ts';

export default defineConfig({
  test: {
    ...common,
    // Real processes, files and browsers share CI's machine with whatever else it does: a test that loses such a race is
    // tried once more there, and told as flaky. At home it fails.
    retry: process.env['CI'] ? 1 : 0,
    // Many tests wait for servers, processes and timers: with one worker for each core, cores are idle meanwhile.
    maxWorkers: Math.ceil(1.5 * availableParallelism()),
    sequence: { sequencer: SlowFirst },
    projects: [
      { extends: true, test: { name: 'alone', include: ['test/**/*.test.ts'], exclude: [...TOGETHER] } },
      { extends: true, test: { name: 'together', include: [...TOGETHER], isolate: false } },
    ],
  },
});

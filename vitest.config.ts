import { defineConfig } from 'vitest/config';
import { SlowFirst } from './test/kit/slow-first.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/kit/compile-cache.ts', 'test/kit/once-a-run.ts'],
    testTimeout: 30_000,
    // Real processes, files and browsers share CI's machine with whatever else it does: a test that loses such a race is
    // tried once more there, and told as flaky. At home it fails.
    retry: process.env['CI'] ? 1 : 0,
    pool: 'forks',
    // Many tests wait for processes and timers: one worker for each core keeps all of them busy.
    maxWorkers: '100%',
    restoreMocks: true,
    sequence: { sequencer: SlowFirst },
  },
});

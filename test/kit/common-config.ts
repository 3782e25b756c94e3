/** What a test, and a hook, may take: a limit for what hangs, and never reached because a machine does other things as well. */
export const LIMIT_MS = 300_000;
/** What one wait within a test may take before it fails, and says for what it waited. */
export const PATIENCE_MS = 120_000;

/** What holds for test files however they are run: by `npm test`, on real nodes, and by the mutation runner. */
export const common = {
  globalSetup: ['test/kit/compile-cache.ts', 'test/kit/once-a-run.ts'],
  testTimeout: LIMIT_MS,
  hookTimeout: LIMIT_MS,
  pool: 'forks',
  restoreMocks: true,
};

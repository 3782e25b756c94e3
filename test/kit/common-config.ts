/** What holds for test files however they are run: by `npm test`, and by the mutation runner. */
export const common = {
  globalSetup: ['test/kit/compile-cache.ts', 'test/kit/once-a-run.ts'],
  testTimeout: 30_000,
  // Set-up starts several processes.
  hookTimeout: 60_000,
  pool: 'forks',
  restoreMocks: true,
};

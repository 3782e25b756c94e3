/** Children of a test run the mutant that the test runs: Stryker tells a process of it by its environment. */
import { afterEach, beforeEach } from 'vitest';

const NAME = '__STRYKER_ACTIVE_MUTANT__';
const stryker = globalThis as { readonly __stryker__?: { readonly activeMutant?: string } };

beforeEach(() => {
  const active = stryker.__stryker__?.activeMutant;
  if (active !== undefined) process.env[NAME] = active;
});
afterEach(() => {
  delete process.env[NAME];
});

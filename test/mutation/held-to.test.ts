import { expect, it } from 'vitest';
import { nearnessOf } from './held-to.ts';

it.each([
  ['test/hosting/process-exit.test.ts', undefined, 'it is about it'],
  ['test/restate/process-exit.test.ts', 3, 'it is about it'],
  ['test/hosting/process-facts.test.ts', 1, 'it is about it'],
  ['test/laws/process-facts.test.ts', 1, 'it is about it'],
  ['test/hosting/thread-host.test.ts', 2, 'it is about its room'],
  ['test/hosts/thread-host.test.ts', 2, 'it may load it'],
] as const)('%s, %s imports away: %s', (test, imports, nearness) => {
  expect(nearnessOf(test, 'src/runtime/hosting/hosts/process-exit.ts', imports)).toBe(nearness);
});

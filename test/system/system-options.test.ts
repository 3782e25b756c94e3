/** Limits of a system: what they may be, and what they are without being given. */
import { describe, expect, it } from 'vitest';
import { settingsOf, type SystemSettings } from '../../src/runtime/system/system-options.ts';

describe('a limit', () => {
  it.each<[keyof SystemSettings['limits'], number[], unknown[]]>([
    ['maxAgents', [0, 1, Infinity], [-1, 1.5, Number.NaN, '1']],
    ['maxMemoryBytes', [0, 1, Infinity], [-1, 1.5, Number.NaN]],
    ['maxConcurrentRestarts', [1], [0, 1.5]],
    ['maxEndedTasks', [0, 1], [-1, 1.5]],
    ['maxOpenRounds', [1, 1_000], [0, 1_001]],
  ])('%s is one of %j, and not of %j', (field, valid, invalid) => {
    for (const value of valid) expect(settingsOf({ limits: { [field]: value } }).limits[field]).toBe(value);
    for (const value of invalid)
      expect(() => settingsOf({ limits: { [field]: value as number } })).toThrow(`limits.${field}: `);
  });
});

it('without options limits are as the docs say', () => {
  expect(settingsOf({}).limits).toEqual({
    maxAgents: Infinity,
    maxMemoryBytes: Infinity,
    maxConcurrentRestarts: 32,
    maxEndedTasks: 1_000,
    maxEndedTaskBytes: 67_108_864,
    maxOpenRounds: 100,
  });
});

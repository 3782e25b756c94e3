import fc from 'fast-check';
import { test } from 'vitest';
import { walks } from '../models/fleet/runs.ts';
import { ending, setting, step, walk } from '../models/pool/walk.ts';

test('whatever happens: counts and shares are real, busy members are never stopped, every task is answered once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 10, maxLength: 60, size: 'max' }),
      ending,
      setting,
      async (steps, end, setting) => walk(steps, end, setting),
    ),
    walks(60),
  );
});

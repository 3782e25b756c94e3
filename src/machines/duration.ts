/** Durations in specs: a number of milliseconds, `Infinity` for none. */
import { z } from 'zod';

/** Milliseconds, 0 or more; `Infinity` means "never". */
export const durationMs = z.custom<number>((value) => typeof value === 'number' && value >= 0, {
  error: 'expected a number of milliseconds, 0 or more',
});

/** Milliseconds, more than 0; `Infinity` means "never". */
export const positiveDurationMs = z.custom<number>((value) => typeof value === 'number' && value > 0, {
  error: 'expected a number of milliseconds, more than 0',
});

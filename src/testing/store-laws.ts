/**
 * What every store has to keep, as laws that any implementation can be run against.
 *
 * ```ts
 * for (const law of storeLaws) {
 *   test(law.name, () => law.keep(openStore));
 * }
 * ```
 */
import { eventLaws } from './store-laws/event-laws.ts';
import { recoveryLaws } from './store-laws/recovery-laws.ts';
import { refusalLaws } from './store-laws/refusal-laws.ts';
import { stateLaws } from './store-laws/state-laws.ts';
import type { StoreLaw } from './store-laws/store-law.ts';

/** Every law. */
export const storeLaws: readonly StoreLaw[] = [...eventLaws, ...stateLaws, ...recoveryLaws, ...refusalLaws];

/** The versions of the charts that wrote the store, beside those of this program. */
import type { Logger } from 'pino';
import { chartIdentities } from '../engine/chart-identity.ts';
import type { Journal } from '../journal/journal.ts';
import type { Recovery } from '../journal/store.ts';

/** Logs charts that have changed since the last program. Lives are resumed from data that every version reads. */
export function compareChartVersions({ facts }: Recovery, journal: Journal, logger: Logger): void {
  for (const { name, hash } of chartIdentities()) {
    const kept = facts.get(name);
    if (kept === hash) continue;
    // Not as `name`, which is the logger's.
    if (kept !== undefined)
      logger.warn({ chart: name, kept, hash }, 'the store was written by another version of this chart');
    journal.keepFact(name, hash);
  }
}

/** The public status of a pool, from the state of its chart, and the texts of its alerts. Pure. */
import type { PoolAlert } from '../../machines/index.ts';

export type PoolStatus = 'steady' | 'growing' | 'shrinking' | 'backing_off' | 'degraded' | 'closing';

/** By the path of the chart's state; all others are ways to its end. */
const STATUSES: Readonly<Record<string, PoolStatus>> = {
  deciding: 'growing',
  opening: 'growing',
  'serving.balancing': 'growing',
  'serving.steady': 'steady',
  'serving.growing': 'growing',
  'serving.shrinking': 'shrinking',
  'serving.backingOff': 'backing_off',
  'serving.degraded': 'degraded',
};

const TROUBLES = {
  pool_degraded: 'fails too often, and tries one member now and then',
  pool_starved: 'has no room for a member that it should have',
} as const satisfies Readonly<Record<PoolAlert, string>>;

export function poolStatusAt(path: string): PoolStatus {
  return STATUSES[path] ?? 'closing';
}

/** What an alert says of a pool. */
export function poolTrouble(pool: string, alert: PoolAlert, why: string): string {
  return `pool ${pool} ${TROUBLES[alert]}: ${why}`;
}

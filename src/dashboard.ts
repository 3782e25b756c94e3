/** `mabeam/dashboard`: a running fleet as a page, and the API under it. Needs no further package. */
export { createDashboard, type Dashboard, type DashboardOptions } from './dashboard/dashboard.ts';
export { logTail, type LogTail } from './dashboard/log-tail.ts';
export type * from './dashboard/protocol.ts';
export type { WatchedFleet } from './dashboard/watched-fleet.ts';

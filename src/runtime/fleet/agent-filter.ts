/** Which agents a list is of: those that fit a filter, all of them or a page. */
import { z } from 'zod';
import { agentStatuses, type AgentStatus } from '../../machines/index.ts';

/** Agents that match all given fields. */
export interface AgentFilter {
  /** The name of the definition. */
  readonly type?: string | undefined;
  /** Where its life stands. */
  readonly status?: AgentStatus | undefined;
  /** A capability that it has. */
  readonly capability?: string | undefined;
  /** Whether somebody has paused it. */
  readonly isPaused?: boolean | undefined;
  /** Whether it waits for the reset of a limit. */
  readonly isParked?: boolean | undefined;
}

/**
 * A part of a list. With either field it is in the order of the ids, as `<` has it, and not in that of registration: so
 * the next page is the one `after` the last id of this one, whatever was registered or forgotten meanwhile.
 */
export interface AgentPage {
  /** At most this many; default all. */
  readonly limit?: number | undefined;
  /** Ids that come after this one, whether there is such an agent or not; default from the first. */
  readonly after?: string | undefined;
}

export const agentFilter = z.strictObject({
  type: z.string().optional(),
  status: z.enum(agentStatuses).optional(),
  capability: z.string().optional(),
  isPaused: z.boolean().optional(),
  isParked: z.boolean().optional(),
});
export const agentPage = z.strictObject({
  limit: z.int().min(0).optional(),
  after: z.string().optional(),
});
export const agentQuery = agentFilter.extend(agentPage.shape);

export function isPage({ limit, after }: AgentPage): boolean {
  return limit !== undefined || after !== undefined;
}

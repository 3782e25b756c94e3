/** The agents that a request lists, and their order, read from its query. Pure. */
import { z } from 'zod';
import { agentStatuses } from '../machines/index.ts';
import { parseInput } from '../runtime/values/malformed.ts';
import type { AgentRow } from './protocol.ts';
import { statusList } from './status-list.ts';

const SORTS = {
  id: ({ id }) => id,
  type: ({ type }) => type,
  status: ({ status }) => status,
  incarnation: ({ incarnation }) => incarnation,
  restarts: ({ restarts }) => restarts,
  waiting: ({ waiting }) => waiting,
  done: ({ done }) => done,
  failed: ({ failed }) => failed,
  latency: ({ latencyMs }) => latencyMs?.mean,
  memory: ({ memoryBytes }) => memoryBytes,
  cpu: ({ cpuShare }) => cpuShare,
  startedAt: ({ startedAt }) => startedAt,
  restartAt: ({ restartAt }) => restartAt,
  lastError: ({ lastError }) => lastError?.at,
} as const satisfies Record<string, (row: AgentRow) => string | number | undefined>;

const count = z.coerce.number().int().min(0);
const querySchema = z.strictObject({
  status: statusList(agentStatuses).optional(),
  type: z.string().optional(),
  capability: z.string().optional(),
  pool: z.string().optional(),
  node: z.string().optional(),
  /** A text in the id, the type, the pool, the node or the last error. */
  search: z.string().optional(),
  sort: z.enum(Object.keys(SORTS) as [keyof typeof SORTS]).optional(),
  order: z.enum(['asc', 'desc']).default('asc'),
  offset: count.default(0),
  limit: count.max(100_000).default(100),
});

export interface Listed {
  readonly row: AgentRow;
  readonly text: string;
}

/**
 * One page of the matching agents, and their total number.
 *
 * @throws AgentSystemError `AGENT_SPEC_INVALID` naming the parameter
 */
export function select(
  agents: Iterable<Listed>,
  given: Readonly<Record<string, string>>,
): { readonly total: number; readonly page: readonly Listed[] } {
  const query = parseInput(querySchema, given, { what: 'the query' });
  const { type, capability, pool, node, sort, order, offset, limit } = query;
  const statuses = query.status === undefined ? undefined : new Set(query.status);
  const search = query.search?.toLowerCase();
  const found: Listed[] = [];
  for (const listed of agents) {
    const { row } = listed;
    const fits =
      (statuses === undefined || statuses.has(row.status)) &&
      (type === undefined || row.type === type) &&
      (capability === undefined || row.capabilities.includes(capability)) &&
      (pool === undefined || row.pool === pool) &&
      (node === undefined || row.node === node) &&
      (search === undefined || isMention(row, search));
    if (fits) found.push(listed);
  }
  if (sort !== undefined) {
    const keyOf: (row: AgentRow) => string | number | undefined = SORTS[sort];
    const sign = order === 'asc' ? 1 : -1;
    found.sort((a, b) => compared(keyOf(a.row), keyOf(b.row), sign));
  }
  return { total: found.length, page: found.slice(offset, offset + limit) };
}

function isMention({ id, type, pool, node, lastError }: AgentRow, search: string): boolean {
  return [id, type, pool, node, lastError?.text].some((text) => text?.toLowerCase().includes(search));
}

/** Unknown values come last, in either order. @param sign 1 for the less first, -1 for the greater */
export function compared(
  a: string | number | undefined,
  b: string | number | undefined,
  sign: number,
): number {
  if (a === b) return 0;
  if (a === undefined) return 1;
  if (b === undefined) return -1;
  return a < b ? -sign : sign;
}

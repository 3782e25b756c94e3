/** Which rows are shown, in which order. Pure. */
import type { AgentStatus } from '../../src/machines/index.ts';
import type { AgentRow } from '../../src/dashboard/protocol.ts';

export interface Filter {
  readonly search: string;
  readonly status: string;
  readonly type: string;
  readonly capability: string;
  readonly pool: string;
  readonly node: string;
}

export type SortKey =
  | 'status'
  | 'id'
  | 'type'
  | 'incarnation'
  | 'restarts'
  | 'queue'
  | 'done'
  | 'failed'
  | 'latency'
  | 'memory'
  | 'cpu'
  | 'uptime'
  | 'error';

/** What needs attention comes first. */
const URGENCY: Readonly<Record<AgentStatus, number>> = {
  crashed: 0,
  unresponsive: 1,
  stopping: 2,
  starting: 3,
  running: 4,
  registered: 5,
  stopped: 6,
  completed: 7,
};

const KEYS: Readonly<Record<SortKey, (row: AgentRow) => number | string | undefined>> = {
  status: ({ status }) => URGENCY[status],
  id: ({ id }) => id,
  type: ({ type }) => type,
  incarnation: ({ incarnation }) => -incarnation,
  restarts: ({ restarts }) => -restarts,
  queue: ({ waiting, running }) => -(waiting + running),
  done: ({ done }) => -done,
  failed: ({ failed }) => -failed,
  latency: ({ latencyMs }) => (latencyMs ? -latencyMs.mean : undefined),
  memory: ({ memoryBytes }) => (memoryBytes === undefined ? undefined : -memoryBytes),
  cpu: ({ cpuShare }) => (cpuShare === undefined ? undefined : -cpuShare),
  // First those that are restarted soonest, then those that have lived longest.
  uptime: ({ restartAt, startedAt, endedAt }) => restartAt ?? (endedAt === undefined ? startedAt : undefined),
  error: ({ lastError }) => (lastError ? -lastError.at : undefined),
};

const names = new Intl.Collator('en', { numeric: true });

/** @param isReversed numbers, and what is urgent, come greatest first unless this is said */
export function listed(
  rows: Iterable<AgentRow>,
  filter: Filter,
  sort: SortKey,
  isReversed: boolean,
): readonly AgentRow[] {
  const { status, type, capability, pool, node } = filter;
  const search = filter.search.trim().toLowerCase();
  const found: AgentRow[] = [];
  for (const row of rows) {
    const fits =
      (status === '' || row.status === status) &&
      (type === '' || row.type === type) &&
      (pool === '' || row.pool === pool) &&
      (node === '' || row.node === node) &&
      (capability === '' || row.capabilities.includes(capability)) &&
      (search === '' || isMention(row, search));
    if (fits) found.push(row);
  }
  const keyOf = KEYS[sort];
  const sign = isReversed ? -1 : 1;
  return found.toSorted((a, b) => compared(keyOf(a), keyOf(b), sign) || names.compare(a.id, b.id));
}

function isMention({ id, type, pool, node, lastError }: AgentRow, search: string): boolean {
  return (
    id.toLowerCase().includes(search) ||
    type.toLowerCase().includes(search) ||
    (pool?.toLowerCase().includes(search) ?? false) ||
    (node?.toLowerCase().includes(search) ?? false) ||
    (lastError?.text.toLowerCase().includes(search) ?? false)
  );
}

/** Unknown values come last, in either order. */
function compared(a: number | string | undefined, b: number | string | undefined, sign: number): number {
  if (a === b) return 0;
  if (a === undefined) return 1;
  if (b === undefined) return -1;
  if (typeof a === 'string' || typeof b === 'string') return sign * names.compare(String(a), String(b));
  return a < b ? -sign : sign;
}

/** What there is to choose from. */
export function choicesOf(rows: Iterable<AgentRow>): {
  readonly types: readonly string[];
  readonly capabilities: readonly string[];
  readonly pools: readonly string[];
  readonly nodes: readonly string[];
} {
  const [types, capabilities, pools] = [new Set<string>(), new Set<string>(), new Set<string>()];
  const nodes = new Set<string>();
  for (const row of rows) {
    types.add(row.type);
    if (row.pool !== undefined) pools.add(row.pool);
    if (row.node !== undefined) nodes.add(row.node);
    for (const capability of row.capabilities) capabilities.add(capability);
  }
  return {
    types: inOrder(types),
    capabilities: inOrder(capabilities),
    pools: inOrder(pools),
    nodes: inOrder(nodes),
  };
}

function inOrder(set: Set<string>): string[] {
  return [...set].toSorted(names.compare);
}

/** The columns of a live table: what they show, what they sort by, and which are left out if room is short. Pure. */
import type { AgentRow } from '../../dashboard/protocol.ts';
import { upTime } from '../agent-list.ts';
import { bytes, count, latency, share } from '../figures.ts';
import { widthOf } from '../table.ts';

export interface LiveColumn {
  readonly title: string;
  readonly width: number;
  readonly text: (row: AgentRow, now: number) => string;
  /** A missing value sorts last. */
  readonly sortBy: (row: AgentRow) => string | number | undefined;
  readonly isNumber: boolean;
  /** Columns with the highest number are left out first; 0 always stays. */
  readonly dispensability: number;
}

const MAX_ID = 32;
const MAX_TYPE = 16;
const MIN_NOTE = 20;
const GAP = 2;

const number = (
  title: string,
  width: number,
  dispensability: number,
  sortBy: (row: AgentRow) => number | undefined,
  text: (value: number) => string,
): LiveColumn => ({
  title,
  width,
  dispensability,
  sortBy,
  isNumber: true,
  text: (row) => {
    const value = sortBy(row);
    return value === undefined ? '' : text(value);
  },
});

const text = (
  title: string,
  width: number,
  dispensability: number,
  of: (row: AgentRow) => string,
): LiveColumn => ({ title, width, dispensability, text: of, sortBy: of, isNumber: false });

const FIXED: readonly LiveColumn[] = [
  text('STATUS', 12, 0, ({ status }) => status),
  number('INC', 4, 8, ({ incarnation }) => incarnation, count),
  number('RESTARTS', 8, 2, ({ restarts }) => restarts, count),
  number('QUEUE', 5, 3, ({ waiting, running }) => waiting + running, count),
  number('DONE', 7, 4, ({ done }) => done, count),
  number('FAILED', 6, 5, ({ failed }) => failed, count),
  number('LATENCY', 8, 7, ({ latencyMs }) => latencyMs?.mean, latency),
  number('MEMORY', 7, 6, ({ memoryBytes }) => memoryBytes, bytes),
  number('CPU', 5, 9, ({ cpuShare }) => cpuShare, share),
  {
    title: 'UP',
    width: 10,
    dispensability: 1,
    isNumber: true,
    // The longer it is up, the larger.
    sortBy: ({ startedAt }) => (startedAt === undefined ? undefined : -startedAt),
    text: (row, now) => upTime(row, now),
  },
];

/** What the present agents need of the columns. */
export interface Extent {
  /** Widths of the widest id and type. */
  readonly id: number;
  readonly type: number;
  /** Whether any agent is measured by its host. */
  readonly isMeasured: boolean;
}

export const noExtent: Extent = { id: 2, type: 4, isMeasured: false };

/** Takes in these agents, too. */
export function extended(extent: Extent, agents: Iterable<AgentRow>): Extent {
  let { id, type, isMeasured } = extent;
  for (const row of agents) {
    id = Math.max(id, widthOf(row.id));
    type = Math.max(type, widthOf(row.type));
    isMeasured ||= row.memoryBytes !== undefined;
  }
  return { id, type, isMeasured };
}

/** All columns, by the title that they are sorted by. */
export function liveColumns({ id, type, isMeasured }: Extent): readonly LiveColumn[] {
  return [
    text('ID', Math.max(2, Math.min(MAX_ID, id)), 0, (row) => row.id),
    text('TYPE', Math.max(4, Math.min(MAX_TYPE, type)), 10, (row) => row.type),
    ...FIXED.filter(({ title }) => isMeasured || (title !== 'MEMORY' && title !== 'CPU')),
  ];
}

/** The columns that fit, and the width that is left for the note, 0 if there is none. */
export function fitting(
  columns: readonly LiveColumn[],
  width: number,
): { readonly columns: readonly LiveColumn[]; readonly noteWidth: number } {
  const kept = [...columns];
  const taken = () => kept.reduce((sum, column) => sum + column.width + GAP, 0);
  while (taken() + MIN_NOTE > width) {
    const least = Math.max(...kept.map(({ dispensability }) => dispensability));
    if (least === 0) break;
    kept.splice(
      kept.findIndex(({ dispensability }) => dispensability === least),
      1,
    );
  }
  const noteWidth = width - taken();
  return { columns: kept, noteWidth: noteWidth >= 4 ? noteWidth : 0 };
}

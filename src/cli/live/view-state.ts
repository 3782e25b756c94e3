/**
 * The state of a live table that keys change: order, filter, selection, confirmation. Pure.
 *
 * I1  The selection is an agent, not a row: it stays with that agent when rows move.
 * I2  Nothing is done to an agent before it was confirmed.
 */
import { compared } from '../../dashboard/agent-query.ts';
import type { AgentRow } from '../../dashboard/protocol.ts';
import { type AgentStatus, agentStatuses } from '../../machines/index.ts';
import type { TableAct } from './fleet-source.ts';
import type { Key } from './screen.ts';
import type { LiveColumn } from './table-columns.ts';

export interface ViewState {
  /** Title of the column that rows are sorted by. */
  readonly sort: string;
  readonly isDescending: boolean;
  /** Somewhere in id, type, pool, status or last error. */
  readonly filter: string;
  readonly status: AgentStatus | undefined;
  readonly selected: string | undefined;
  /** Place of the first row that is seen. */
  readonly top: number;
  readonly isDetailed: boolean;
  readonly mode:
    | { readonly kind: 'list' }
    | { readonly kind: 'help' }
    | { readonly kind: 'filter'; readonly before: string }
    | { readonly kind: 'confirm'; readonly agentId: string; readonly act: TableAct };
  /** What was done last, or why it was not. */
  readonly message: string | undefined;
}

export const initialState: ViewState = {
  sort: 'ID',
  isDescending: false,
  filter: '',
  status: undefined,
  selected: undefined,
  top: 0,
  isDetailed: false,
  mode: { kind: 'list' },
  message: undefined,
};

/** The table that a key is pressed in. */
export interface Seen {
  /** Those that fit, in their order. */
  readonly rows: readonly AgentRow[];
  /** How many of them are seen at once. */
  readonly height: number;
  readonly columns: readonly LiveColumn[];
  readonly canControl: boolean;
}

export interface Step {
  readonly state: ViewState;
  readonly act?: { readonly agentId: string; readonly act: TableAct };
  /** The user has quit the table; or wants the program to end, by Ctrl-C. */
  readonly over?: 'quit' | 'interrupt';
}

const ACTS: Readonly<Record<string, TableAct>> = { a: 'start', x: 'stop', t: 'restart', k: 'kill' };
const SORT_KEYS: Readonly<Record<string, string>> = {
  N: 'ID',
  P: 'CPU',
  M: 'MEMORY',
  T: 'UP',
  F: 'FAILED',
  Q: 'QUEUE',
};

/** The state after a key. */
export function pressed(state: ViewState, key: Key, seen: Seen): Step {
  if (key.ctrl && key.name === 'c') return { state, over: 'interrupt' };
  const { mode } = state;
  switch (mode.kind) {
    case 'help':
      return { state: { ...state, mode: { kind: 'list' } } };
    case 'confirm': {
      const { agentId, act } = mode;
      const isYes = key.text === 'y' || key.text === 'Y';
      const next = {
        ...state,
        mode: { kind: 'list' },
        message: isYes ? undefined : 'nothing was done',
      } as const;
      return isYes ? { state: next, act: { agentId, act } } : { state: next };
    }
    case 'filter':
      return { state: typed(state, mode.before, key) };
    default:
      return inList({ ...state, message: undefined }, key, seen);
  }
}

function typed(state: ViewState, before: string, { name, ctrl, text }: Key): ViewState {
  const list = { kind: 'list' } as const;
  if (name === 'return' || name === 'enter') return { ...state, mode: list };
  if (name === 'escape') return { ...state, filter: before, mode: list };
  if (name === 'backspace') return { ...state, filter: withoutLast(state.filter), top: 0 };
  if (ctrl && name === 'u') return { ...state, filter: '', top: 0 };
  const isText = !ctrl && text !== '' && !/\p{Cc}/u.test(text);
  return isText ? { ...state, filter: state.filter + text, top: 0 } : state;
}

const graphemes = new Intl.Segmenter();

function withoutLast(text: string): string {
  return [...graphemes.segment(text)]
    .slice(0, -1)
    .map(({ segment }) => segment)
    .join('');
}

function inList(state: ViewState, key: Key, seen: Seen): Step {
  const { rows, height } = seen;
  switch (key.name) {
    case 'up':
      return { state: moved(state, rows, -1) };
    case 'down':
      return { state: moved(state, rows, 1) };
    case 'pageup':
      return { state: moved(state, rows, -height) };
    case 'pagedown':
      return { state: moved(state, rows, height) };
    case 'home':
      return { state: moved(state, rows, -Infinity) };
    case 'end':
      return { state: moved(state, rows, Infinity) };
    case 'left':
      return { state: sortedBeside(state, seen, -1) };
    case 'right':
      return { state: sortedBeside(state, seen, 1) };
    case 'return':
      return { state: { ...state, isDetailed: !state.isDetailed } };
    case 'escape':
      return { state: { ...state, filter: '', status: undefined, isDetailed: false, top: 0 } };
    default:
  }
  switch (key.text) {
    case 'q':
      return { state, over: 'quit' };
    case '?':
    case 'h':
      return { state: { ...state, mode: { kind: 'help' } } };
    case '/':
      return { state: { ...state, mode: { kind: 'filter', before: state.filter } } };
    case '<':
      return { state: sortedBeside(state, seen, -1) };
    case '>':
      return { state: sortedBeside(state, seen, 1) };
    case 'r':
    case 'R':
      return { state: { ...state, isDescending: !state.isDescending } };
    case 's':
      return { state: { ...state, status: nextStatus(state.status), top: 0 } };
    default:
  }
  const sort = SORT_KEYS[key.text];
  if (sort !== undefined)
    return {
      state: sortedBy(
        state,
        seen.columns.find(({ title }) => title === sort),
      ),
    };
  const act = ACTS[key.text];
  return { state: act === undefined ? state : asked(state, act, seen) };
}

function asked(state: ViewState, act: TableAct, { canControl, rows }: Seen): ViewState {
  if (!canControl) return { ...state, message: 'nothing can be changed from here: set MABEAM_CONTROL_TOKEN' };
  const agentId = rows.find(({ id }) => id === state.selected)?.id;
  if (agentId === undefined) return { ...state, message: 'choose an agent first, with the arrow keys' };
  return { ...state, mode: { kind: 'confirm', agentId, act } };
}

function moved(state: ViewState, rows: readonly AgentRow[], by: number): ViewState {
  if (rows.length === 0) return state;
  const from = rows.findIndex(({ id }) => id === state.selected);
  const to = from === -1 && Math.abs(by) !== Infinity ? 0 : from + by;
  return { ...state, selected: rows[Math.max(0, Math.min(rows.length - 1, to))]!.id };
}

function sortedBeside(state: ViewState, { columns }: Seen, by: number): ViewState {
  const place = columns.findIndex(({ title }) => title === state.sort);
  return sortedBy(state, columns[(place + by + columns.length) % columns.length]);
}

/** Numbers begin with the largest. */
function sortedBy(state: ViewState, column: LiveColumn | undefined): ViewState {
  if (column === undefined) return state;
  return { ...state, sort: column.title, isDescending: column.isNumber, top: 0 };
}

function nextStatus(status: AgentStatus | undefined): AgentStatus | undefined {
  return agentStatuses[status === undefined ? 0 : agentStatuses.indexOf(status) + 1];
}

/** The rows that fit, in their order. */
export function arranged(
  agents: Iterable<AgentRow>,
  { sort, isDescending, filter, status }: ViewState,
  columns: readonly LiveColumn[],
): readonly AgentRow[] {
  const text = filter.toLowerCase();
  const rows: AgentRow[] = [];
  for (const row of agents) {
    const isChosen =
      (status === undefined || row.status === status) &&
      (text === '' ||
        [row.id, row.type, row.pool, row.status, row.lastError?.text].some((part) =>
          part?.toLowerCase().includes(text),
        ));
    if (isChosen) rows.push(row);
  }
  const { sortBy } = columns.find(({ title }) => title === sort) ?? columns[0]!;
  const sign = isDescending ? -1 : 1;
  return rows.toSorted((a, b) => compared(sortBy(a), sortBy(b), sign) || compared(a.id, b.id, 1));
}

/** The first visible row, chosen so that the selected one is visible. */
export function scrolled(state: ViewState, rows: readonly AgentRow[], height: number): number {
  const last = Math.max(0, rows.length - height);
  const top = Math.min(state.top, last);
  const place = rows.findIndex(({ id }) => id === state.selected);
  if (place === -1) return top;
  return Math.max(Math.min(top, place), place - height + 1, 0);
}

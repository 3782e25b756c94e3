/** A live table as the lines of a screen. Pure. */
import type { AgentRow, Sample } from '../../dashboard/protocol.ts';
import { agentStatuses } from '../../machines/index.ts';
import { lookOf, noteOn } from '../agent-list.ts';
import { type Paint, plainText, type Style } from '../console.ts';
import { bytes, clockTime, count, counted, latency, share } from '../figures.ts';
import { cutTo, fitted, widthOf } from '../table.ts';
import type { FleetPicture } from './fleet-source.ts';
import { fitting, type LiveColumn } from './table-columns.ts';
import type { ViewState } from './view-state.ts';

export interface FrameParts {
  /** What is watched; safe for a terminal. */
  readonly title: string;
  readonly picture: FleetPicture;
  readonly state: ViewState;
  /** Those that fit, in their order. */
  readonly rows: readonly AgentRow[];
  readonly columns: readonly LiveColumn[];
  /** The newest lines that were logged. */
  readonly logged: readonly string[];
  /** What is shown with the help. */
  readonly notes: readonly string[];
  readonly size: { readonly columns: number; readonly rows: number };
  /** Epoch ms. */
  readonly now: number;
  readonly paint: Paint;
}

/** A styled piece of a line. */
type Piece = readonly [text: string, style?: Style];

const HEAD = 5;
const DETAIL = 6;
const GAP = '  ';
const BARS = '▁▂▃▄▅▆▇█';
const BAR_COUNT = 20;

const HELP = `
 arrows, PgUp, PgDn, Home, End   choose an agent
 Enter                           more about it, in full
 < >                             sort by the column to the left or right
 N P M T F Q                     sort by id, cpu, memory, time up, failed, queue
 r                               turn the order round
 /                               only those with this text; Enter keeps it, Esc drops it
 s                               only those of one status, the next at each press
 Esc                             all of them again
 a x t k                         start, stop, restart, kill the chosen agent
 q, Ctrl-C                       end

 Press any key.`.split('\n');

/** How many rows of the table are seen. */
export function tableHeight({ rows }: FrameParts['size'], state: ViewState, logged: number): number {
  return Math.max(1, rows - HEAD - 1 - (state.isDetailed ? DETAIL : 0) - logged);
}

export function frameOf(parts: FrameParts): readonly string[] {
  const { state, size, logged, notes } = parts;
  const { columns: width } = size;
  const lines = [...head(parts)];
  if (state.mode.kind === 'help')
    lines.push(...[...HELP, '', ...notes.map((note) => ` ${note}`)].map((line) => cutTo(line, width)));
  else lines.push(...table(parts));
  const foot = [
    ...(state.isDetailed && state.mode.kind !== 'help' ? detail(parts) : []),
    ...logged.map((line) => cutTo(line, width)),
    footer(parts),
  ];
  const room = size.rows - foot.length;
  return [...lines.slice(0, room), ...Array.from({ length: room - lines.length }, () => ''), ...foot];
}

function head({ title, picture, size, now, paint }: FrameParts): readonly string[] {
  const { report, needs, samples, trouble, agents } = picture;
  const line = (...pieces: Piece[]) => joined(pieces, size.columns, paint);
  const clock = clockTime(now);
  const name = cutTo(` ${title}`, Math.max(0, size.columns - clock.length - 2));
  const first = line(
    [name, 'bold'],
    [' '.repeat(Math.max(1, size.columns - widthOf(name) - clock.length - 1))],
    [clock, 'dim'],
  );
  const { counts = {}, busy = 0, waiting = 0, alerts, coordination } = report ?? {};
  const statuses = agentStatuses.flatMap((status): Piece[] => {
    const number = counts[status] ?? 0;
    return number === 0 ? [] : [[`  ${count(number)} ${status}`, lookOf(status)]];
  });
  const raised = alerts?.total ?? 0;
  const leader = coordination?.leader;
  const isAway = coordination !== undefined && coordination.status !== 'available';
  const second = line(
    [` ${counted(agents.size, 'agent')}`],
    ...statuses,
    [`  ${count(busy)} busy, ${counted(waiting, 'task')} waiting`, 'dim'],
    ...(raised === 0 ? [] : [[`  ${counted(raised, 'alert')}`, ['red', 'bold']] satisfies Piece]),
    ...needsWords(needs),
    ...(leader === undefined ? [] : [[`  leader ${plainText(leader.agentId)}`, 'dim'] satisfies Piece]),
    ...(isAway ? [[`  coordination ${coordination.status}`, 'yellow'] satisfies Piece] : []),
  );
  const newest = alerts?.alerts[0];
  const fourth: Piece[] =
    trouble !== undefined
      ? [[` ${trouble}`, ['yellow', 'bold']]]
      : newest === undefined
        ? []
        : [[` ${newest.alert.replaceAll('_', ' ')}: ${plainText(newest.message)}`, 'red']];
  return [first, second, line(...rates(samples)), line(...fourth)];
}

/** What needs attention; empty if nothing does. */
function needsWords(needs: FleetPicture['needs']): readonly Piece[] {
  if (needs === undefined) return [];
  const { failed, stalled, questions, parked, lowBudgets, spentBudgets } = needs;
  const said: readonly (readonly [number, string, Style])[] = [
    [failed, `${counted(failed, 'task')} failed for good`, 'red'],
    [stalled, `${count(stalled)} stalled`, 'yellow'],
    [questions, counted(questions, 'question'), 'yellow'],
    [parked, `${counted(parked, 'limit')} reached`, 'yellow'],
    [spentBudgets, `${counted(spentBudgets, 'budget')} spent`, 'red'],
    [lowBudgets, `${counted(lowBudgets, 'budget')} low`, 'yellow'],
  ];
  return said.filter(([number]) => number > 0).map(([, words, style]): Piece => [`  ${words}`, style]);
}

function rates(samples: readonly Sample[]): readonly Piece[] {
  const last = samples.at(-1);
  if (last === undefined) return [];
  const restarts = samples.slice(-60).reduce((sum, { restarted }) => sum + restarted, 0);
  return [
    [' tasks '],
    [bars(samples.slice(-BAR_COUNT).map(({ tasksDone }) => tasksDone)), 'cyan'],
    [` ${count(Math.round(last.tasksDone))}/s`, 'bold'],
    ...(last.tasksFailed === 0
      ? []
      : [[`, ${count(Math.round(last.tasksFailed))}/s fail`, 'yellow'] satisfies Piece]),
    ...(last.latencyMs === null ? [] : [[`  p95 ${latency(last.latencyMs.p95)}`] satisfies Piece]),
    [`  restarts ${count(restarts)}/min`, restarts > 0 ? 'yellow' : 'dim'],
    [`  this program: cpu ${share(last.cpuShare)}, memory ${bytes(last.rssBytes)}`, 'dim'],
  ];
}

function bars(values: readonly number[]): string {
  const most = Math.max(1, ...values);
  return values
    .map((value) => BARS[Math.round((value / most) * (BARS.length - 1))])
    .join('')
    .padStart(BAR_COUNT);
}

function table({ state, rows, columns, size, now, paint, logged }: FrameParts): readonly string[] {
  const { columns: shown, noteWidth } = fitting(columns, size.columns - 1);
  const titles = shown.map((column) => {
    const mark = column.title === state.sort ? (state.isDescending ? '▼' : '▲') : '';
    return fitted(column.title + mark, column.width, alignOf(column));
  });
  const title = ` ${[...titles, ...(noteWidth > 0 ? ['NOTE'] : [])].join(GAP)}`;
  const lines = [paint('bold', cutTo(title, size.columns))];
  const height = tableHeight(size, state, logged.length);
  for (const row of rows.slice(state.top, state.top + height)) {
    const isSelected = row.id === state.selected;
    const isBad = row.status === 'crashed' || row.status === 'unresponsive';
    const pieces: Piece[] = shown.flatMap((column): Piece[] => {
      const cell = fitted(plainText(column.text(row, now)), column.width, alignOf(column));
      return [[GAP], column.title === 'STATUS' ? [cell, lookOf(row.status)] : [cell]];
    });
    const note = plainText(noteOn(row, now));
    if (noteWidth > 0) pieces.push([GAP], [cutTo(note, noteWidth), isBad ? 'red' : 'dim']);
    pieces[0] = [' '];
    if (!isSelected) lines.push(joined(pieces, size.columns, paint));
    else lines.push(paint('inverse', fitted(joined(pieces, size.columns, plain), size.columns)));
  }
  if (rows.length === 0) lines.push(paint('dim', cutTo(' no agent fits', size.columns)));
  return lines;
}

function alignOf({ isNumber }: LiveColumn): 'right' | undefined {
  return isNumber ? 'right' : undefined;
}

function detail({ rows, state, size, now, paint }: FrameParts): readonly string[] {
  const row = rows.find(({ id }) => id === state.selected);
  const line = (name: string, text: string) =>
    joined([[` ${name.padEnd(12)}`, 'dim'], [plainText(text)]], size.columns, paint);
  const rule = paint('dim', '─'.repeat(size.columns));
  if (row === undefined)
    return [rule, paint('dim', cutTo(' choose an agent with the arrow keys', size.columns)), '', '', '', ''];
  return [
    rule,
    line('chart', `${row.state} (${row.status}, health ${row.health})`),
    line(
      'runs',
      `${row.isolation}${row.pool === undefined ? '' : `, in pool ${row.pool}`}; can: ${row.capabilities.join(', ') || 'nothing special'}`,
    ),
    line(
      'restarts',
      `${row.restarts} so far; ${row.restartPolicy}, at most ${row.maxRestarts} in its window`,
    ),
    line('note', noteOn(row, now)),
    line(
      'last error',
      row.lastError === undefined ? 'none' : `${clockTime(row.lastError.at)} ${row.lastError.text}`,
    ),
  ];
}

function footer({ state, size, rows, paint }: FrameParts): string {
  const { mode, filter, status, message } = state;
  if (mode.kind === 'confirm') {
    return joined(
      [
        [` ${mode.act} ${plainText(mode.agentId)}? `, ['yellow', 'bold']],
        ['y to do it, any other key to leave it'],
      ],
      size.columns,
      paint,
    );
  }
  if (mode.kind === 'filter') {
    return joined([[' filter: '], [plainText(filter), 'bold'], ['█']], size.columns, paint);
  }
  const pieces: Piece[] = [
    [` ${count(rows.length)} shown`],
    ...(filter === '' ? [] : [[`  with "${plainText(filter)}"`, 'bold'] satisfies Piece]),
    ...(status === undefined ? [] : [[`  ${status}`, lookOf(status)] satisfies Piece]),
    ...(message === undefined ? [] : [[`  ${plainText(message)}`, 'yellow'] satisfies Piece]),
    ['   ? help   / filter   s status   < > sort   q end', 'dim'],
  ];
  return joined(pieces, size.columns, paint);
}

const plain: Paint = (_, text) => text;

/** Pieces in one line, cut where the line ends. */
function joined(pieces: readonly Piece[], width: number, paint: Paint): string {
  let left = width;
  let line = '';
  for (const [text, style] of pieces) {
    if (left <= 0) break;
    const cut = cutTo(text, left);
    left -= widthOf(cut);
    line += style === undefined ? cut : paint(style, cut);
  }
  return line;
}

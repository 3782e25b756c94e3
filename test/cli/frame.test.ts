/** Laws of the lines of a live table: their places, to the column. */
import { describe, expect, it } from 'vitest';
import { frameOf, type FrameParts, tableHeight } from '../../src/cli/live/frame.ts';
import { clockTime } from '../../src/cli/figures.ts';
import { liveColumns } from '../../src/cli/live/table-columns.ts';
import { initialState } from '../../src/cli/live/view-state.ts';
import { widthOf } from '../../src/cli/table.ts';
import type { AgentRow, Sample } from '../../src/dashboard/protocol.ts';
import { agentRow } from './agent-row.ts';

const HEAD = 4;

const row = (id: string, more: Partial<AgentRow> = {}) =>
  agentRow(id, { waiting: 2, running: 1, done: 7, ...more });
const columns = liveColumns({ id: 4, type: 6, isMeasured: false });
/** What they take, each with its gap. */
const TAKEN = columns.reduce((sum, { width }) => sum + width + 2, 0);
const MIN_NOTE = 20;
const long = { at: 0, text: 'x'.repeat(300) };

const framed = (rows: readonly AgentRow[], width: number, more: Partial<FrameParts> = {}) =>
  frameOf({
    title: 'fleet',
    picture: { ...nobody, agents: new Map(rows.map((one) => [one.id, one])) },
    state: initialState,
    rows,
    columns,
    logged: [],
    notes: [],
    size: { columns: width, rows: 12 },
    now: 0,
    paint: (_, text) => text,
    ...more,
  });
const sample = (tasksDone: number, more: Partial<Sample> = {}): Sample => ({
  at: 0,
  tasksDone,
  tasksFailed: 0,
  latencyMs: null,
  started: 0,
  restarted: 0,
  crashed: 0,
  events: 0,
  rssBytes: 0,
  heapBytes: 0,
  cpuShare: 0,
  loopShare: 0,
  ...more,
});
const nobody = {
  agents: new Map<string, AgentRow>(),
  report: undefined,
  needs: undefined,
  samples: [],
  version: 1,
  trouble: undefined,
};
const barsOf = (samples: readonly Sample[]) => framed([], 120, { picture: { ...nobody, samples } })[2]!;
const titlesAt = (width: number) => {
  const { [HEAD]: titles } = framed([row('ada')], width);
  return titles!.trim().split(/ +/);
};

describe('a line of the table', () => {
  it('has a column free before the first cell, two between cells, and the note to the end of the screen', () => {
    const width = 1 + TAKEN + MIN_NOTE + 5;
    const [titles, line] = framed([row('ada', { lastError: long })], width).slice(HEAD);
    expect(titles).toMatch(/^ ID▲ {3}TYPE {4}STATUS {8}/);
    expect(line).toMatch(/^ ada {3}worker {2}running {5} {5}1 {9}0 {6}3 {8}7 {7}0 {10}/);
    expect(line!.indexOf('xxx')).toBe(titles!.indexOf('NOTE'));
    expect(widthOf(line!)).toBe(width);
    expect(line).toMatch(/x…$/);
    expect(line!.split('x')).toHaveLength(MIN_NOTE + 5);
  });

  it('keeps every column while the note has 20, and leaves out the most dispensable at 19', () => {
    const enough = 1 + TAKEN + MIN_NOTE;
    expect(titlesAt(enough)).toEqual([
      'ID▲',
      'TYPE',
      'STATUS',
      'INC',
      'RESTARTS',
      'QUEUE',
      'DONE',
      'FAILED',
      'LATENCY',
      'UP',
      'NOTE',
    ]);
    expect(titlesAt(enough - 1)).not.toContain('TYPE');
    expect(titlesAt(enough - 1)).toContain('INC');
  });

  it('of the chosen agent is marked to the end of the screen, and no other is', () => {
    const width = 1 + TAKEN + MIN_NOTE;
    const painted = framed([row('ada'), row('bob')], width, {
      state: { ...initialState, selected: 'bob' },
      paint: (style, text) => (style === 'inverse' ? `[${text}]` : text),
    }).slice(HEAD + 1);
    expect(painted[0]!.startsWith(' ada ')).toBe(true);
    expect(painted[1]!.startsWith('[ bob ')).toBe(true);
    expect(painted[1]!.length).toBe(width + 2);
  });

  it('is that of a place from the first that is seen on', () => {
    const rows = ['a', 'b', 'c', 'd'].map((id) => row(id));
    const state = { ...initialState, top: 1 };
    const size = { columns: 80, rows: 8 };
    expect(tableHeight(size, state, 0)).toBe(2);
    const lines = framed(rows, 80, { state, size });
    expect(lines).toHaveLength(8);
    expect(lines.slice(HEAD + 1, -1).map((line) => line.slice(0, 3))).toEqual([' b ', ' c ']);
    expect(framed([], 80)[HEAD + 1]).toBe(' no agent fits');
  });
});

describe('the bars', () => {
  it('are as high as their share of the highest, the newest twenty, from the right', () => {
    expect(barsOf([0, 4, 8].map((done) => sample(done)))).toMatch(/^ tasks {18}▁▅█ 8\/s/);
    expect(barsOf([0.5, 1].map((done) => sample(done)))).toMatch(/^ tasks {19}▅█ 1\/s/);
    expect(barsOf([0, 0].map((done) => sample(done)))).toMatch(/^ tasks {19}▁▁ 0\/s/);
    const many = [100, ...Array.from({ length: 20 }, () => 3)].map((done) => sample(done));
    expect(barsOf(many)).toMatch(/^ tasks █{20} 3\/s/);
  });

  it('say the restarts of the last minute', () => {
    const minute = Array.from({ length: 61 }, () => sample(1, { restarted: 1 }));
    expect(barsOf(minute)).toContain('  restarts 60/min');
  });
});

/** What is not in the plain look is shown as `{look text}`. */
const marked: FrameParts['paint'] = (style, text) => `{${[style].flat().join(' ')} ${text}}`;
const head = (picture: Partial<FrameParts['picture']>, width = 200) =>
  framed([], width, { picture: { ...nobody, ...picture }, paint: marked }).slice(0, HEAD);
const report = (more: object): FrameParts['picture'] => ({ ...nobody, report: more as never });
const NOW = clockTime(0);

const noted = (status: AgentRow['status'], width = 200) =>
  framed([row('ada', { status, lastError: { at: 0, text: 'oh' } })], width, { paint: marked })[HEAD + 1]!;
const detail = (one: AgentRow, selected = one.id) =>
  framed([one, row('other')], 90, {
    state: { ...initialState, isDetailed: true, selected },
    size: { columns: 90, rows: 30 },
    paint: marked,
  }).slice(-7, -1);
const help = (width: number) =>
  framed([row('ada')], width, {
    state: { ...initialState, isDetailed: true, mode: { kind: 'help' } },
    notes: ['a note', 'another'],
    size: { columns: width, rows: 30 },
  }).slice(HEAD);
const foot = (state: Partial<FrameParts['state']>, width = 120, logged: readonly string[] = []) =>
  framed([row('ada')], width, { state: { ...initialState, ...state }, logged, paint: marked }).slice(
    -1 - logged.length,
  );

describe('the first line', () => {
  it('has the title and the time, with a column free at either end', () => {
    expect(framed([], 40)[0]).toBe(` fleet${' '.repeat(40 - 6 - 8 - 1)}${NOW}`);
  });

  it('cuts a long title, and the time where there is no room', () => {
    const title = 'x'.repeat(50);
    expect(framed([], 20, { title })[0]).toBe(` ${'x'.repeat(8)}… ${NOW}`);
    expect(framed([], 12, { title })[0]).toBe(` … ${NOW}`);
    expect(framed([], 5, { title })[0]).toBe(` ${NOW.slice(0, 3)}…`);
  });
});

describe('the second line', () => {
  it('counts nothing before there is a report', () => {
    expect(head({})[1]).toBe(' 0 agents{dim   0 busy, 0 tasks waiting}');
  });

  it('counts agents by status, tasks and alerts, and names the leader', () => {
    const { report: full } = report({
      counts: { running: 1_234, crashed: 1, stopped: 0 },
      busy: 3,
      waiting: 1,
      alerts: { total: 1, alerts: [] },
      coordination: { status: 'available', leader: { agentId: 'ada' } },
    });
    expect(head({ report: full })[1]).toBe(
      ' 0 agents{green   1,234 running}{red   1 crashed}{dim   3 busy, 1 task waiting}{red bold   1 alert}{dim   leader ada}',
    );
  });

  it('says when coordination is away, and what needs attention', () => {
    const { report: away } = report({
      alerts: { total: 0, alerts: [] },
      coordination: { status: 'suspended' },
    });
    const none = {
      tasks: {} as never,
      failed: 0,
      stalled: 0,
      questions: 0,
      parked: 0,
      lowBudgets: 0,
      spentBudgets: 0,
    };
    const before = ' 0 agents{dim   0 busy, 0 tasks waiting}';
    expect(head({ report: away, needs: none })[1]).toBe(`${before}{yellow   coordination suspended}`);
    const all = {
      tasks: {} as never,
      failed: 1,
      stalled: 2,
      questions: 3,
      parked: 4,
      lowBudgets: 5,
      spentBudgets: 6,
    };
    expect(head({ needs: all })[1]).toBe(
      `${before}{red   1 task failed for good}{yellow   2 stalled}{yellow   3 questions}{yellow   4 limits reached}{red   6 budgets spent}{yellow   5 budgets low}`,
    );
  });
});

describe('the third and the fourth line', () => {
  it('say how the last second was', () => {
    const last = sample(3.4, {
      latencyMs: { p50: 1, p95: 12.4, p99: 99 },
      cpuShare: 0.5,
      rssBytes: 82 * 2 ** 20,
    });
    expect(head({ samples: [last] })[2]).toBe(
      ` tasks {cyan ${' '.repeat(19)}█}{bold  3/s}  p95 12 ms{dim   restarts 0/min}{dim   this program: cpu 50 %, memory 82 MB}`,
    );
    const worse = sample(0.4, { tasksFailed: 2, restarted: 1 });
    expect(head({ samples: [last, worse] })[2]).toBe(
      ` tasks {cyan ${' '.repeat(18)}█▂}{bold  0/s}{yellow , 2/s fail}{yellow   restarts 1/min}{dim   this program: cpu 0 %, memory 0 B}`,
    );
    expect(head({})[2]).toBe('');
  });

  it('say the newest alert, and first of all why all this may be out of date', () => {
    const { report: alarmed } = report({
      alerts: {
        total: 2,
        alerts: [
          { alert: 'agent_failed', message: 'no luck' },
          { alert: 'x', message: 'y' },
        ],
      },
    });
    expect(head({ report: alarmed })[3]).toBe('{red  agent failed: no luck}');
    expect(head({ report: alarmed, trouble: 'not reached' })[3]).toBe('{yellow bold  not reached}');
    expect(head({})[3]).toBe('');
  });
});

describe('the looks of a row', () => {
  it('are those of its status, and its note is red if it needs help', () => {
    expect(noted('running')).toMatch(/^ ada {3}worker {2}\{green running *\} .*\{dim oh\}$/);
    expect(noted('crashed')).toMatch(/\{red crashed *\} .*\{red oh\}$/);
    expect(noted('unresponsive')).toMatch(/\{red oh\}$/);
  });

  it('end with the last column where there is no room for notes', () => {
    const lines = framed([row('ada', { lastError: { at: 0, text: 'oh' } })], 22);
    expect(lines.slice(HEAD, HEAD + 2)).toEqual([' ID▲   STATUS      ', ' ada   running     ']);
  });
});

describe('more about an agent', () => {
  it('says how it runs, what it can, and what went wrong', () => {
    const known = row('ada', {
      pool: 'p',
      capabilities: ['read', 'write'],
      restarts: 2,
      lastError: { at: 0, text: 'oh' },
      alerts: ['slow' as never],
    });
    expect(detail(known)).toEqual([
      `{dim ${'─'.repeat(90)}}`,
      '{dim  chart       }alive.serving (running, health healthy)',
      '{dim  runs        }in-process, in pool p; can: read, write',
      '{dim  restarts    }2 so far; delayed, at most 5 in its window',
      '{dim  note        }slow · oh',
      `{dim  last error  }${NOW} oh`,
    ]);
    const [, , runs, , note, error] = detail(row('ada'));
    expect([runs, note, error]).toEqual([
      '{dim  runs        }in-process; can: nothing special',
      '{dim  note        }',
      '{dim  last error  }none',
    ]);
  });

  it('asks for a choice first', () => {
    expect(detail(row('ada'), 'gone')).toEqual([
      `{dim ${'─'.repeat(90)}}`,
      '{dim  choose an agent with the arrow keys}',
      '',
      '',
      '',
      '',
    ]);
  });

  it('takes six lines of the table, logged lines one each, and a row is always seen', () => {
    const detailed = { ...initialState, isDetailed: true };
    const size = { columns: 80, rows: 20 };
    expect([
      tableHeight(size, initialState, 0),
      tableHeight(size, detailed, 0),
      tableHeight(size, initialState, 3),
      tableHeight({ columns: 80, rows: 13 }, detailed, 0),
      tableHeight({ columns: 80, rows: 7 }, detailed, 4),
    ]).toEqual([14, 8, 11, 1, 1]);
  });
});

describe('the help', () => {
  it('says the keys and its notes in place of the table, and nothing about an agent', () => {
    const lines = help(100);
    expect(lines.slice(0, 3)).toEqual([
      '',
      ' arrows, PgUp, PgDn, Home, End   choose an agent',
      ' Enter                           more about it, in full',
    ]);
    expect(lines.slice(12, 17)).toEqual([' Press any key.', '', ' a note', ' another', '']);
    expect(lines.join('\n')).not.toMatch(/ada|─/);
  });

  it('is cut where the screen ends', () => {
    expect(help(20)[1]).toBe(' arrows, PgUp, PgDn…');
  });
});

describe('the last lines', () => {
  const KEYS = '{dim    ? help   / filter   s status   < > sort   q end}';

  it('say how many are shown, and of which', () => {
    expect(foot({})).toEqual([` 1 shown${KEYS}`]);
    expect(foot({ filter: 'ad', status: 'crashed', message: 'done' })).toEqual([
      ` 1 shown{bold   with "ad"}{red   crashed}{yellow   done}${KEYS}`,
    ]);
  });

  it('ask before anything is done, and show what is typed', () => {
    expect(foot({ mode: { kind: 'confirm', agentId: 'ada', act: 'stop' } })).toEqual([
      '{yellow bold  stop ada? }y to do it, any other key to leave it',
    ]);
    expect(foot({ mode: { kind: 'filter', before: '' }, filter: 'ad' })).toEqual([' filter: {bold ad}█']);
  });

  it('are cut where the screen ends, to the column', () => {
    const typing = { mode: { kind: 'filter', before: '' }, filter: 'x' } as const;
    expect([foot(typing, 11), foot(typing, 10), foot(typing, 9)]).toEqual([
      [' filter: {bold x}█'],
      [' filter: {bold x}'],
      [' filter: '],
    ]);
  });

  it('come after what was logged', () => {
    expect(foot({}, 60, ['one', 'y'.repeat(70)])).toEqual([
      'one',
      `${'y'.repeat(59)}…`,
      expect.stringMatching(/^ 1 shown/),
    ]);
  });
});

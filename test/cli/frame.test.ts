/** Laws of the lines of a live table: their places, to the column. */
import { describe, expect, it } from 'vitest';
import { frameOf, type FrameParts, tableHeight } from '../../src/cli/live/frame.ts';
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
    expect(barsOf([0, 0].map((done) => sample(done)))).toMatch(/^ tasks {19}▁▁ 0\/s/);
    const many = [100, ...Array.from({ length: 20 }, () => 3)].map((done) => sample(done));
    expect(barsOf(many)).toMatch(/^ tasks █{20} 3\/s/);
  });

  it('say the restarts of the last minute', () => {
    const minute = Array.from({ length: 61 }, () => sample(1, { restarted: 1 }));
    expect(barsOf(minute)).toContain('  restarts 60/min');
  });
});

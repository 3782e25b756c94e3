import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AgentRow } from '../../src/dashboard/protocol.ts';
import { agentRow } from './agent-row.ts';
import { frameOf, tableHeight } from '../../src/cli/live/frame.ts';
import { extended, fitting, liveColumns, noExtent } from '../../src/cli/live/table-columns.ts';
import {
  arranged,
  initialState,
  pressed,
  scrolled,
  type Seen,
  type ViewState,
} from '../../src/cli/live/view-state.ts';
import { widthOf } from '../../src/cli/table.ts';
import { agentStatuses } from '../../src/machines/index.ts';

const row = agentRow;
const columns = liveColumns({ id: 10, type: 10, isMeasured: true });
const seenOf = (rows: readonly AgentRow[], more: Partial<Seen> = {}): Seen => ({
  rows,
  height: 5,
  columns,
  canControl: true,
  ...more,
});
const key = (text: string, name = text) => ({ text, name, ctrl: false });
/** Presses keys one after the other. */
const after = (keys: readonly ReturnType<typeof key>[], seen: Seen, from: ViewState = initialState) =>
  keys.reduce((state, one) => pressed(state, one, seen).state, from);

const anyRow = fc
  .record({
    id: fc.string({ minLength: 1, maxLength: 50, unit: 'binary' }),
    type: fc.string({ minLength: 1, maxLength: 30, unit: 'grapheme' }),
    status: fc.constantFrom(...agentStatuses),
    done: fc.nat(),
    startedAt: fc.option(fc.nat(), { nil: undefined }),
    restartAt: fc.option(fc.nat(), { nil: undefined }),
    memoryBytes: fc.option(fc.nat(), { nil: undefined }),
    lastError: fc.option(fc.record({ at: fc.nat(), text: fc.string({ unit: 'binary', maxLength: 200 }) }), {
      nil: undefined,
    }),
  })
  .map(({ id, ...more }) =>
    row(id, Object.fromEntries(Object.entries(more).filter(([, value]) => value !== undefined))),
  );
const anyKey = fc.oneof(
  fc
    .constantFrom(
      'up',
      'down',
      'pageup',
      'pagedown',
      'home',
      'end',
      'left',
      'right',
      'return',
      'escape',
      'backspace',
    )
    .map((name) => key('', name)),
  fc.string({ minLength: 1, maxLength: 1 }).map((text) => key(text)),
);

describe('the keys of a live table', () => {
  const rows = ['a', 'b', 'c', 'd'].map((id) => row(id));

  it('whatever is pressed, nothing is done to an agent without a yes to a question about it', () => {
    fc.assert(
      fc.property(fc.array(anyKey, { maxLength: 40 }), (keys) => {
        let state = initialState;
        for (const one of keys) {
          const { mode } = state;
          const step = pressed(state, one, seenOf(rows));
          if (step.act !== undefined) {
            expect(mode).toMatchObject({ kind: 'confirm', ...step.act });
            expect(one.text.toLowerCase()).toBe('y');
          }
          state = step.state;
        }
      }),
    );
  });

  it('without control, no question is asked at all', () => {
    fc.assert(
      fc.property(fc.array(anyKey, { maxLength: 40 }), (keys) => {
        const state = after(keys, seenOf(rows, { canControl: false }));
        expect(state.mode.kind).not.toBe('confirm');
      }),
    );
  });

  it('the chosen agent stays chosen however the rows move, and is seen', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(anyRow, { selector: ({ id }) => id, minLength: 1, maxLength: 60 }),
        fc.array(anyKey, { maxLength: 30 }),
        fc.integer({ min: 1, max: 20 }),
        (agents, keys, height) => {
          let state = initialState;
          for (const one of keys) {
            const shown = arranged(agents, state, columns);
            const next = pressed(state, one, seenOf(shown, { height })).state;
            const isMove = ['up', 'down', 'pageup', 'pagedown', 'home', 'end'].includes(one.name);
            if (!isMove || state.mode.kind !== 'list') expect(next.selected).toBe(state.selected);
            state = next;
          }
          const shown = arranged(agents, state, columns);
          const top = scrolled(state, shown, height);
          const place = shown.findIndex(({ id }) => id === state.selected);
          expect(top).toBeGreaterThanOrEqual(0);
          if (place !== -1) {
            expect(place).toBeGreaterThanOrEqual(top);
            expect(place).toBeLessThan(top + height);
          }
        },
      ),
    );
  });

  it('an order is one: the same rows, what is not there last, in either direction', () => {
    const agents = [
      row('a', { memoryBytes: 5 }),
      row('b'),
      row('c', { memoryBytes: 9 }),
      row('d', { memoryBytes: 5 }),
    ];
    const ids = (isDescending: boolean) =>
      arranged(agents, { ...initialState, sort: 'MEMORY', isDescending }, columns).map(({ id }) => id);
    expect(ids(true)).toEqual(['c', 'a', 'd', 'b']);
    expect(ids(false)).toEqual(['a', 'd', 'c', 'b']);
  });

  it('a filter that is given up is as it was before', () => {
    const seen = seenOf(rows);
    const kept = after([key('/'), key('b'), key('\r', 'return')], seen);
    expect(kept.filter).toBe('b');
    const left = after([key('/'), key('x'), key('y'), key('\u001B', 'escape')], seen, kept);
    expect(left).toMatchObject({ filter: 'b', mode: { kind: 'list' } });
    expect(after([key('\u001B', 'escape')], seen, left).filter).toBe('');
  });

  it('s goes through all statuses, and comes back to all agents', () => {
    const seen = seenOf(rows);
    let state = initialState;
    const gone: unknown[] = [];
    for (let time = 0; time <= agentStatuses.length; time += 1) {
      state = after([key('s')], seen, state);
      gone.push(state.status);
    }
    expect(gone).toEqual([...agentStatuses, undefined]);
  });
});

describe('a frame', () => {
  it('fills the screen exactly, whatever is shown and however large that is, and cannot steer it', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(anyRow, { selector: ({ id }) => id, maxLength: 40 }),
        fc.array(anyKey, { maxLength: 10 }),
        fc.record({ columns: fc.integer({ min: 20, max: 200 }), rows: fc.integer({ min: 16, max: 60 }) }),
        fc.array(fc.string({ maxLength: 300 }), { maxLength: 3 }),
        (agents, keys, size, logged) => {
          const own = liveColumns(extended(noExtent, agents));
          let state = initialState;
          for (const one of keys) {
            state = pressed(state, one, seenOf(arranged(agents, state, own), { columns: own })).state;
          }
          const rows = arranged(agents, state, own);
          state = { ...state, top: scrolled(state, rows, tableHeight(size, state, logged.length)) };
          const picture = {
            agents: new Map(agents.map((agent) => [agent.id, agent])),
            report: undefined,
            samples: [],
            version: 1,
            needs: undefined,
            trouble: undefined,
          };
          const lines = frameOf({
            title: 'a fleet',
            picture,
            state,
            rows,
            columns: own,
            logged,
            notes: [],
            size,
            now: 1e12,
            paint: (_, text) => text,
          });
          expect(lines).toHaveLength(size.rows);
          for (const line of lines.slice(0, size.rows - 1 - logged.length)) {
            expect(widthOf(line)).toBeLessThanOrEqual(size.columns);
            expect(line).not.toMatch(/\p{Cc}/u);
          }
        },
      ),
    );
  });

  it('leaves out columns where there is no room, the least important first, and never who it is', () => {
    const titles = (width: number) => fitting(columns, width).columns.map(({ title }) => title);
    expect(titles(200)).toEqual(columns.map(({ title }) => title));
    expect(titles(100)).not.toContain('TYPE');
    expect(titles(10)).toEqual(['ID', 'STATUS']);
    for (let width = 30; width < 200; width += 1) {
      const { columns: kept, noteWidth } = fitting(columns, width);
      const taken = kept.reduce((sum, column) => sum + column.width + 2, 0) + noteWidth;
      expect(taken).toBeLessThanOrEqual(Math.max(width, 30));
    }
  });
});

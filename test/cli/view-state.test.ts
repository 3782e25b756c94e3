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

const inMode = (mode: ViewState['mode']): ViewState => ({ ...initialState, mode });

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

describe('a key', () => {
  const rows = ['a', 'b', 'c', 'd'].map((id) => row(id));
  const seen = seenOf(rows, { height: 2 });
  const used: ViewState = {
    ...initialState,
    filter: 'ad',
    status: 'running',
    selected: 'b',
    top: 3,
    isDetailed: true,
    message: 'done',
  };

  it('is pressed first in a list of all agents by their ids, in which none is chosen', () => {
    expect(initialState).toEqual({
      sort: 'ID',
      isDescending: false,
      filter: '',
      status: undefined,
      selected: undefined,
      top: 0,
      isDetailed: false,
      mode: { kind: 'list' },
      message: undefined,
    });
  });

  it.each([
    ['up', [undefined, 'a'], ['gone', 'a'], ['a', 'a'], ['c', 'b']],
    ['down', [undefined, 'a'], ['gone', 'a'], ['a', 'b'], ['d', 'd']],
    ['pageup', [undefined, 'a'], ['gone', 'a'], ['b', 'a'], ['d', 'b']],
    ['pagedown', [undefined, 'a'], ['gone', 'a'], ['a', 'c'], ['c', 'd']],
    ['home', [undefined, 'a'], ['gone', 'a'], ['d', 'a']],
    ['end', [undefined, 'd'], ['gone', 'd'], ['a', 'd']],
  ] as const)('%s moves the choice, and not beyond the ends', (name, ...moves) => {
    for (const [from, to] of moves) {
      const { state } = pressed({ ...used, selected: from }, key('', name), seen);
      expect([from, state]).toEqual([from, { ...used, selected: to, message: undefined }]);
    }
    expect(pressed(used, key('', name), seenOf([])).state.selected).toBe('b');
  });

  it('left and right, as < and >, go through the columns and round; numbers begin with the largest', () => {
    const titles = columns.map(({ title }) => title);
    for (const right of [key('', 'right'), key('>')]) {
      let state: ViewState = used;
      for (const [place, { isNumber }] of columns.entries()) {
        expect(state.sort).toBe(titles[place]);
        if (place > 0) expect([state.isDescending, state.top]).toEqual([isNumber, 0]);
        state = after([right], seen, state);
      }
      expect(state.sort).toBe('ID');
    }
    for (const left of [key('', 'left'), key('<')])
      expect([1, 2, 3].map((times) => after(Array(times).fill(left), seen).sort)).toEqual(
        titles.toReversed().slice(0, 3),
      );
  });

  it.each([
    ['N', 'ID', false],
    ['P', 'CPU', true],
    ['M', 'MEMORY', true],
    ['T', 'UP', true],
    ['F', 'FAILED', true],
    ['Q', 'QUEUE', true],
  ])('%s sorts by %s', (text, sort, isDescending) => {
    const { state } = pressed({ ...used, sort: 'TYPE' }, key(text), seen);
    expect(state).toEqual({ ...used, sort, isDescending, top: 0, message: undefined });
    const without = columns.filter(({ title }) => title !== sort);
    expect(pressed(used, key(text), { ...seen, columns: without }).state.sort).toBe('ID');
  });

  it('r turns the order round, return shows more, s shows one status, escape shows all again', () => {
    const known = { ...used, message: undefined };
    for (const text of ['r', 'R'])
      expect(pressed(used, key(text), seen)).toEqual({ state: { ...known, isDescending: true } });
    expect(pressed(used, key('\r', 'return'), seen)).toEqual({ state: { ...known, isDetailed: false } });
    expect(pressed(initialState, key('\r', 'return'), seen).state.isDetailed).toBe(true);
    expect(pressed({ ...used, status: undefined }, key('s'), seen)).toEqual({
      state: { ...known, status: agentStatuses[0], top: 0 },
    });
    expect(pressed(used, key('\u001B', 'escape'), seen)).toEqual({
      state: { ...known, filter: '', status: undefined, isDetailed: false, top: 0 },
    });
    expect(pressed(used, key('z'), seen)).toEqual({ state: known });
  });

  it('q quits the list, and Ctrl-C the program, wherever it is pressed', () => {
    expect(pressed(initialState, key('q'), seen)).toEqual({ state: initialState, over: 'quit' });
    for (const mode of [
      { kind: 'list' },
      { kind: 'help' },
      { kind: 'filter', before: '' },
      { kind: 'confirm', agentId: 'a', act: 'stop' },
    ] as const) {
      const state = inMode(mode);
      expect(pressed(state, { text: '', name: 'c', ctrl: true }, seen)).toEqual({ state, over: 'interrupt' });
      for (const other of [key('c'), { text: '', name: 'b', ctrl: true }])
        expect(pressed(state, other, seen).over).toBeUndefined();
    }
  });

  it('h and ? help, until the next key', () => {
    for (const text of ['h', '?']) {
      const { state } = pressed(initialState, key(text), seen);
      expect(state).toEqual(inMode({ kind: 'help' }));
      expect(pressed(state, key('x'), seen)).toEqual({ state: initialState });
    }
  });

  it('within a filter adds its text, or takes the last sign or all of it away', () => {
    const from = { ...inMode({ kind: 'filter', before: 'was' }), filter: 'ae\u0301', top: 3 };
    const typed = (one: { text: string; name: string; ctrl: boolean }) => pressed(from, one, seen).state;
    expect(typed(key('q'))).toEqual({ ...from, filter: 'ae\u0301q', top: 0 });
    expect(typed(key('', 'backspace'))).toEqual({ ...from, filter: 'a', top: 0 });
    expect(typed({ text: '\u0015', name: 'u', ctrl: true })).toEqual({ ...from, filter: '', top: 0 });
    expect(typed(key('u'))).toEqual({ ...from, filter: 'ae\u0301u', top: 0 });
    for (const other of [{ text: 'x', name: 'x', ctrl: true }, key('\t', 'tab'), key('', 'up')])
      expect(typed(other)).toEqual(from);
    for (const name of ['return', 'enter'])
      expect(typed(key('\r', name))).toEqual({ ...from, mode: { kind: 'list' } });
    expect(typed(key('\u001B', 'escape'))).toEqual({ ...from, filter: 'was', mode: { kind: 'list' } });
    const begun = pressed(used, key('/'), seen).state;
    expect(begun).toEqual({ ...used, mode: { kind: 'filter', before: 'ad' }, message: undefined });
  });

  it.each([
    ['a', 'start'],
    ['x', 'stop'],
    ['t', 'restart'],
    ['k', 'kill'],
  ] as const)('%s asks whether to %s the chosen agent, and y or Y does it', (text, act) => {
    const chosen = { ...initialState, selected: 'b' };
    const { state } = pressed(chosen, key(text), seen);
    expect(state).toEqual({ ...chosen, mode: { kind: 'confirm', agentId: 'b', act } });
    for (const yes of ['y', 'Y'])
      expect(pressed(state, key(yes), seen)).toEqual({ state: chosen, act: { agentId: 'b', act } });
    for (const no of ['n', 'q', ''])
      expect(pressed(state, key(no), seen)).toEqual({ state: { ...chosen, message: 'nothing was done' } });
    for (const selected of [undefined, 'gone'])
      expect(pressed({ ...initialState, selected }, key(text), seen).state).toEqual({
        ...initialState,
        selected,
        message: 'choose an agent first, with the arrow keys',
      });
    expect(pressed(chosen, key(text), { ...seen, canControl: false }).state).toEqual({
      ...chosen,
      message: expect.stringContaining('set MABEAM_CONTROL_TOKEN'),
    });
  });
});

describe('the rows', () => {
  const agents = [
    row('e', { restarts: 1 }),
    row('d', { type: 'Clerk' }),
    row('c', { pool: 'Pool-1' }),
    row('b', { status: 'stopped' }),
    row('a', { lastError: { at: 1, text: 'Out of Luck' } }),
  ];
  const idsOf = (state: Partial<ViewState>) =>
    arranged(agents, { ...initialState, ...state }, columns).map(({ id }) => id);

  it.each<[Partial<ViewState>, readonly string[]]>([
    [{}, ['a', 'b', 'c', 'd', 'e']],
    [{ isDescending: true }, ['e', 'd', 'c', 'b', 'a']],
    [{ sort: 'no such column' }, ['a', 'b', 'c', 'd', 'e']],
    [{ filter: 'CLERK' }, ['d']],
    [{ filter: 'pool-1' }, ['c']],
    [{ filter: 'stopp' }, ['b']],
    [{ filter: 'of luck' }, ['a']],
    [{ filter: 'nobody' }, []],
    [{ status: 'stopped' }, ['b']],
    [{ status: 'running', filter: 'worker' }, ['a', 'c', 'e']],
    [{ sort: 'FAILED', isDescending: true }, ['a', 'b', 'c', 'd', 'e']],
  ])('of %j are %j', (state, ids) => {
    expect(idsOf(state)).toEqual(ids);
  });

  it.each([
    ['none is chosen', undefined, 2, 3, 2],
    ['none is chosen, beyond the end', undefined, 9, 3, 2],
    ['fewer than have room', undefined, 9, 6, 0],
    ['one is chosen above', 'a', 2, 3, 0],
    ['one is chosen within', 'd', 2, 3, 2],
    ['one is chosen below', 'e', 1, 3, 2],
    ['the first is chosen, all have room', 'a', 4, 9, 0],
    ['one that is not there is chosen', 'gone', 1, 3, 1],
  ])('where %s are seen from the place that shows it', (_, selected, top, height, first) => {
    expect(scrolled({ ...initialState, selected, top }, agents.toReversed(), height)).toBe(first);
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

/** A task that fails leaves the state as it was; tasks side by side do not see what the others have not committed. */
import { describe, expect, it } from 'vitest';
import { BodyState, restored, type StateUser } from '../../src/runtime/hosting/body-state.ts';

interface Shape {
  count: number;
  list: string[];
  by: Record<string, { n: number } | undefined>;
  extra?: unknown;
}
const initial = (): Shape => ({ count: 1, list: ['a'], by: { x: { n: 1 } } });
/** A user at work on the state. */
function begun(states: BodyState) {
  const user: StateUser = { state: undefined, base: undefined };
  states.begin(user);
  return { user, state: user.state as Shape };
}

describe('a user that is alone', () => {
  it('works on the state itself, and what it commits stays', () => {
    const root = initial();
    const states = new BodyState(root, true);
    const { user, state } = begun(states);
    expect(state).toBe(root);
    state.count = 2;
    states.commit(user);
    const next = begun(states);
    next.state.count = 3;
    states.drop(next.user);
    expect(states.current).toEqual({ ...initial(), count: 2 });
    expect(states.current).toBe(root);
  });

  it.each<[string, (state: Shape) => void]>([
    ['a value', (state) => (state.count = 9)],
    ['a nested value', (state) => (state.by['x']!.n = 9)],
    ['a list', (state) => state.list.push('b')],
    ['what is new', (state) => (state.extra = { deep: [1] })],
    ['what JSON would not give back', (state) => (state.extra = new Date(0))],
    ['what cannot be saved', (state) => (state.extra = new Map())],
    ['a cycle', (state) => (state.extra = state)],
    ['what is gone', (state) => delete state.by['x']],
    ['a kind', (state) => ((state as { list: unknown }).list = { a: 1 })],
    ['its freedom', (state) => Object.freeze(Object.assign(state, { count: 9 }))],
  ])('changes %s, is dropped, and leaves it as it was: again and again', (_, change) => {
    const states = new BodyState(initial(), true);
    for (let round = 0; round < 3; round += 1) {
      const { user, state } = begun(states);
      change(state);
      states.drop(user);
      expect(states.current).toStrictEqual(initial());
    }
  });

  it.each<[string, () => Record<PropertyKey, unknown>]>([
    ['flat', () => ({ n: 1, text: 'a', is: true, none: null })],
    ['empty', () => ({})],
    ['with a zero of the other sign', () => ({ n: -0 })],
    ['with a field that is undefined', () => ({ n: 1, gone: undefined })],
    ['with a field that has a symbol for its name', () => ({ n: 1, [Symbol.for('s')]: 1 })],
    ['with a field that has the name of a prototype', () => JSON.parse('{"n":1,"__proto__":"x"}')],
    ['with a field that is computed', () => Object.defineProperty({ n: 1 }, 'm', { get: () => 2 })],
    ['with a field that is not shown', () => Object.defineProperty({ n: 1 }, 'm', { value: 2 })],
  ])('changes a state %s, and is dropped: one beside it has what JSON would give back', (_, make) => {
    const states = new BodyState(make(), true);
    const { user, state } = begun(states);
    Object.assign(state, { n: 9, extra: [1] });
    expect(begun(states).state).toEqual(JSON.parse(JSON.stringify(make())));
    states.drop(user);
    expect(states.current).toEqual(JSON.parse(JSON.stringify(make())));
  });

  it('works on a state with a field that cannot be read, and is dropped: all of it stays', () => {
    const unreadable = {
      get n(): number {
        throw new Error('unreadable');
      },
    };
    const states = new BodyState(unreadable, true);
    const { user } = begun(states);
    states.drop(user);
    expect(states.current).toBe(unreadable);
  });

  it('changes a state that is a list, and is dropped', () => {
    const states = new BodyState(['a'], true);
    const { user, state } = begun(states);
    (state as unknown as string[]).push('b');
    states.drop(user);
    expect(states.current).toEqual(['a']);
  });

  it.each([
    ['is kept on failure', false, {}],
    ['holds a function', true, { at: () => 1 }],
    [
      'is an instance',
      true,
      {
        at: new (class Point {
          readonly x = 1;
        })(),
      },
    ],
  ])('is not taken back where the state %s', (_, isRestored, more) => {
    const states = new BodyState({ ...initial(), ...more }, isRestored);
    const [one, other] = [begun(states), begun(states)];
    expect(one.state).toBe(other.state);
    one.state.count = 2;
    states.drop(one.user);
    states.commit(other.user);
    expect(states.current).toEqual({ ...initial(), ...more, count: 2 });
  });

  it.each<[string, unknown, (state: never) => void]>([
    [
      'a Date',
      { at: new Date(0), n: 1 },
      (state: { at: Date; n: number }) => (state.n = state.at.setTime(9)),
    ],
    [
      'a Map',
      { seen: new Map([['a', { n: 1 }]]) },
      (state: { seen: Map<string, unknown> }) => state.seen.clear(),
    ],
    ['a Set', { seen: new Set([1]) }, (state: { seen: Set<number> }) => state.seen.add(2)],
    ['a typed array', { w: new Float32Array([1, 2]) }, (state: { w: Float32Array }) => state.w.fill(0)],
    ['a list with undefined', [undefined, 1], (state: unknown[]) => state.push(2)],
    ['NaN and a bigint', { n: Number.NaN, big: 1n }, (state: { n: number }) => (state.n = 1)],
    ['a Map as a whole', new Map([['a', 1]]), (state: Map<string, number>) => state.set('b', 2)],
  ])('that holds %s is dropped, and leaves it as it was: again, and beside another', (_, data, change) => {
    const before = structuredClone(data);
    const states = new BodyState(data, true);
    for (let round = 0; round < 2; round += 1) {
      const { user, state } = begun(states);
      change(state as never);
      states.drop(user);
      expect(states.current).toStrictEqual(before);
    }
    const [one, other] = [begun(states), begun(states)];
    change(one.state as never);
    expect(other.state).toStrictEqual(before);
    states.drop(one.user);
    states.commit(other.user);
    expect(states.current).toStrictEqual(before);
    const last = begun(states);
    change(last.state as never);
    states.commit(last.user);
    const changed = structuredClone(states.current);
    expect(changed).not.toStrictEqual(before);
    const { user } = begun(states);
    expect(restored(states.committedBeside!)).toStrictEqual(changed);
    states.drop(user);
    expect(states.current).toStrictEqual(changed);
  });

  it.each([undefined, null, 1, 'text'])('has a state of %s', (state) => {
    const states = new BodyState(state, true);
    const [one, other] = [begun(states), begun(states)];
    states.drop(one.user);
    states.commit(other.user);
    expect(states.current).toBe(state);
  });

  it('finds what was changed beside all work', () => {
    const states = new BodyState(initial(), true);
    states.commit(begun(states).user, JSON.stringify(initial()), true);
    states.touch();
    (states.current as Shape).count = 5;
    const { user, state } = begun(states);
    state.count = 6;
    states.drop(user);
    expect(states.current).toEqual({ ...initial(), count: 5 });
  });
});

describe('two side by side', () => {
  const ends = ['first', 'second'] as const;
  for (const failing of ends) {
    for (const earlier of ends) {
      it(`of which the ${failing} fails and the ${earlier} ends earlier: what the other changed stays, alone`, () => {
        const states = new BodyState(initial(), true);
        const users = { first: begun(states), second: begun(states) };
        for (const [name, { state }] of Object.entries(users)) {
          state.by[name] = { n: 2 };
          state.by['x']!.n += 1;
          state.list.push(name);
        }
        const later = earlier === 'first' ? 'second' : 'first';
        for (const name of [earlier, later] as const) {
          if (name === failing) states.drop(users[name].user);
          else states.commit(users[name].user);
        }
        const kept = failing === 'first' ? 'second' : 'first';
        expect(states.current).toEqual({
          count: 1,
          list: ['a', kept],
          by: { x: { n: 2 }, [kept]: { n: 2 } },
        });
        const next = begun(states);
        next.state.count = 9;
        states.drop(next.user);
        expect(states.current).toMatchObject({ count: 1, list: ['a', kept] });
      });
    }
  }

  it('that both fail leave nothing', () => {
    const states = new BodyState(initial(), true);
    const users = [begun(states), begun(states), begun(states)];
    for (const { state } of users) state.list.push('b');
    for (const { user } of users) states.drop(user);
    expect(states.current).toEqual(initial());
  });

  it('see what the other commits at once, and lose no change that they make after that', () => {
    const states = new BodyState(initial(), true);
    const [one, other] = [begun(states), begun(states)];
    one.state.count += 1;
    one.state.list.push('one');
    delete one.state.by['x'];
    states.commit(one.user);
    expect(other.state).toEqual({ count: 2, list: ['a', 'one'], by: {} });
    other.state.count += 1;
    other.state.list.push('other');
    states.commit(other.user);
    expect(states.current).toEqual({ count: 3, list: ['a', 'one', 'other'], by: {} });
  });

  it('that change the same: the later commit counts', () => {
    const states = new BodyState(initial(), true);
    const [one, other] = [begun(states), begun(states)];
    one.state.count = 2;
    other.state.count = 3;
    states.commit(other.user);
    expect(one.state.count).toBe(2);
    states.commit(one.user);
    expect(states.current).toMatchObject({ count: 2 });
  });

  it('show what is committed, and nothing of what is under way', () => {
    const states = new BodyState(initial(), true);
    expect(states.committedBeside).toBeUndefined();
    const one = begun(states);
    one.state.count = 2;
    expect(restored(states.committedBeside!)).toEqual(initial());
    const other = begun(states);
    other.state.list.push('b');
    states.commit(other.user);
    expect(restored(states.committedBeside!)).toEqual({ ...initial(), list: ['a', 'b'] });
    expect(states.current).toEqual({ ...initial(), list: ['a', 'b'] });
  });
});

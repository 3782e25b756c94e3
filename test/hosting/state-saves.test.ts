/** Laws of what is told of a state. */
import { describe, expect, it } from 'vitest';
import { BodyState, type StateUser } from '../../src/runtime/hosting/body-state.ts';
import type { CallableDefinition } from '../../src/runtime/hosting/callable-definition.ts';
import { StateSaves } from '../../src/runtime/hosting/state-saves.ts';

type Numbered = { n: number; list?: number[] };

const save = ({ state }: { state: Numbered }) => ({ kept: state.n });

function rig(
  definition: object = {},
  initial: unknown = { n: 1, list: [1] },
  secrets: readonly string[] = [],
) {
  const state = new BodyState(initial, true);
  const owner = { definition: definition as CallableDefinition, state, resources: 'wire' };
  const initArgs = secrets.length === 0 ? undefined : { token: 'of-init-args' };
  const saves = new StateSaves(owner, { restored: undefined, initArgs, secrets });
  /** A task that makes another number of it, and has not ended. */
  const user = (n: number): StateUser => {
    const one: StateUser = { state: undefined, base: undefined };
    state.begin(one);
    (one.state as Numbered).n = n;
    return one;
  };
  return { state, saves, user };
}

describe('what is told of a state', () => {
  it('is told when it differs from what was told last, and again when that was lost', () => {
    const { saves, state } = rig({ stateVersion: 3 });
    saves.isChanged = true;
    expect(saves.changed()).toEqual({ json: '{"n":1,"list":[1]}', stateVersion: 3 });
    expect(saves.isChanged).toBe(false);
    expect(saves.changed()).toBeUndefined();
    saves.forget();
    expect(saves.changed()?.json).toBe('{"n":1,"list":[1]}');
    (state.current as Numbered).n = 2;
    expect(saves.changed()?.json).toBe('{"n":2,"list":[1]}');
  });

  it.each([
    ['the state itself', {}, '{"n":2,"list":[1]}'],
    ['what a save of its own gives', { save }, '{"kept":2}'],
    ['a save that always gives the same', { save: () => 'same' }, '"same"'],
  ])('is %s; the next task that fails finds the state of the last commit', (_, definition, json) => {
    const { saves, state, user } = rig(definition);
    expect(saves.commit(user(2))).toEqual({ json, stateVersion: 1 });
    state.drop(user(3));
    expect(state.current).toEqual({ n: 2, list: [1] });
    saves.commit(user(4));
    state.drop(user(5));
    expect(state.current).toEqual({ n: 4, list: [1] });
  });

  it('as a whole is what is committed, whoever works on it', () => {
    for (const [definition, json] of [
      [{}, '{"n":2,"list":[1]}'],
      [{ save }, '{"kept":2}'],
    ] as const) {
      const { saves, user } = rig(definition);
      expect(saves.commit(user(2))?.json).toBe(json);
      expect(saves.whole().json).toBe(json);
      user(3);
      expect(saves.whole()).toEqual({ json, stateVersion: 1 });
    }
  });

  it.each([
    [{ save: () => Promise.resolve(1) }, /got a promise, which save may not give$/],
    // Nobody else hears of its rejection, which is then no unhandled one.
    [{ save: () => Promise.reject(new Error('no')) }, /got a promise, which save may not give$/],
    [{ save: () => () => 1 }, /^its state cannot be saved, expected JSON data: /],
  ])('is refused where it cannot be kept', (definition, message) => {
    const { saves, user } = rig(definition);
    expect(() => saves.commit(user(2))).toThrow(message);
  });

  it('is not told again after it was restored, until it differs', () => {
    const owner = {
      definition: {} as CallableDefinition,
      state: new BodyState({ n: 1 }, true),
      resources: undefined,
    };
    const saves = new StateSaves(owner, {
      restored: { json: '{"n":1}', stateVersion: 1 },
      initArgs: undefined,
      secrets: [],
    });
    expect(saves.changed()).toBeUndefined();
    (owner.state.current as Numbered).n = 2;
    expect(saves.changed()?.json).toBe('{"n":2}');
  });

  it.each<[object, string]>([
    [{ note: 'so of-init-args it is' }, 'state.note'],
    [{ a: 1, deep: [0, { here: 'of-init-args' }] }, 'state.deep[1].here'],
    [{ none: null, few: ['x', 'of-init-args'] }, 'state.few[1]'],
    // Neither is the secret shown where it is the name of a field.
    [{ 'my of-init-args': 1 }, 'state.my [redacted]'],
  ])('holds no secret: what does is refused by its place: %j', (more, place) => {
    const { saves, state } = rig({}, { n: 1 }, ['token']);
    Object.assign(state.current as Numbered, more);
    expect(() => saves.changed()).toThrow(`got a secret of its initArgs at ${place}: `);
  });

  it('holds no secret of the arguments', () => {
    const { saves, state } = rig({}, { n: 1 }, ['token']);
    expect(saves.changed()?.json).toBe('{"n":1}');
    Object.assign(state.current as Numbered, { note: 'of-init-args' });
    expect(() => saves.changed()).toThrow(TypeError);
  });
});

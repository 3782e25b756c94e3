/** Laws of which state of an agent counts as durable. */
import { expect, it } from 'vitest';
import { StateKeeper } from '../../src/runtime/agent/state-keeper.ts';

type Listener = ((error?: Error) => void) | { committed(error?: Error): void };

function rig() {
  const written: (string | undefined)[] = [];
  const open: (Listener | undefined)[] = [];
  const journal = {
    emit: (_: unknown, listener?: Listener, state?: { json: string }) => {
      written.push(state?.json);
      if (state !== undefined) open.push(listener);
      return { at: written.length };
    },
  };
  const keeper = new StateKeeper();
  const keep = (json: string, kept?: (error?: Error) => void, stateVersion = 1) =>
    keeper.keep(journal as never, {
      agentId: 'ada',
      incarnation: 1,
      state: { json, stateVersion },
      kept,
    });
  /** The oldest that is being written is committed, or could not be. */
  const settle = (error?: Error) => {
    const listener = open.shift();
    if (typeof listener === 'function') listener(error);
    else listener?.committed(error);
  };
  return { keeper, keep, settle, written: () => written.splice(0) };
}

it('the same again is told, and not written: it is kept at once', () => {
  const { keep, settle, written } = rig();
  const kept: unknown[] = [];
  expect(keep('1', () => kept.push('first'))).toBe(1);
  settle();
  expect(keep('1', () => kept.push('again'))).toBe(2);
  expect(kept).toEqual(['first', 'again']);
  expect(written()).toEqual(['1', undefined]);
});

it.each([
  ['another state', '2', 1],
  ['the same of another version', '1', 2],
])('%s is written', (_, json, version) => {
  const { keep, settle, written } = rig();
  keep('1');
  settle();
  keep(json, undefined, version);
  expect(written()).toEqual(['1', json]);
});

it('one that is being written is not kept yet: the same is written beside it', () => {
  const { keep, settle, written } = rig();
  keep('1');
  keep('1');
  settle();
  keep('1');
  expect(written()).toEqual(['1', '1', '1']);
  settle();
  settle();
  keep('1');
  expect(written()).toEqual([undefined]);
});

it.each([undefined, () => undefined])('one that could not be kept is written again (%s)', (kept) => {
  const { keep, settle, written } = rig();
  keep('1', kept);
  settle(new Error('full'));
  keep('1', kept);
  expect(written()).toEqual(['1', '1']);
});

it('who waits is told of the error', () => {
  const { keep, settle } = rig();
  const told: unknown[] = [];
  keep('1', (error) => told.push(error));
  const full = new Error('full');
  settle(full);
  expect(told).toEqual([full]);
});

it('the newest decides: an older one that fails takes nothing from it', () => {
  const { keep, settle, written } = rig();
  keep('1');
  keep('2');
  settle(new Error('full'));
  settle();
  keep('2');
  keep('1');
  expect(written()).toEqual(['1', '2', undefined, '1']);
});

it.each([
  [16_384, undefined],
  [16_385, 'written'],
])('one of %i characters is remembered, a longer one is written each time', (length, again) => {
  const { keeper, keep, settle, written } = rig();
  const json = 'x'.repeat(length);
  keep(json);
  settle();
  written();
  keep(json);
  expect(written()).toEqual([again && json]);
  const restored = rig();
  restored.keeper.beginWith({ json, stateVersion: 1 });
  restored.keep(json);
  expect(restored.written()).toEqual([again && json]);
  keeper.beginWith(undefined);
});

it('what a body begins with is in the store already, where that is known', () => {
  const { keeper, keep, written } = rig();
  keeper.beginWith({ json: '1', stateVersion: 1 });
  keep('1');
  keeper.beginWith(undefined);
  keep('1');
  expect(written()).toEqual([undefined, '1']);
});

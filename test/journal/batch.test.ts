/** Laws of a batch, which is filled again and again. */
import { expect, it, test } from 'vitest';
import { Batch } from '../../src/runtime/journal/batch.ts';
import type { SystemEvent } from '../../src/runtime/journal/system-event.ts';
import { AgentSystemError } from '../../src/runtime/values/errors.ts';

const event = (sequence: number) =>
  ({
    type: 'agent.forgotten',
    sequence,
    at: sequence,
    agentId: 'a',
    incarnation: 1,
  }) as unknown as SystemEvent;
const state = { json: '{}', stateVersion: 1 };

/** What is seen of a batch: its counts, and what it holds. */
const seen = (batch: Batch) => ({
  counts: [batch.eventCount, batch.lastSequence, batch.told, batch.stateCount],
  is: [batch.hasContent, batch.isAwaited, batch.isEmpty],
  given: batch.forStore(),
  state: batch.stateOf('a'),
});

const filled = (heard: unknown[] = []) => {
  const batch = new Batch();
  batch.addEvent(event(3), 3);
  batch.addEvent(event(4), 4);
  batch.told = 1;
  batch.addState('a', state);
  batch.addState('a', null);
  batch.addFact('name', 'value');
  batch.addWaiting((error) => void heard.push(error?.code));
  batch.addWaiting({ committed: (error) => void heard.push(error) });
  return batch;
};

test('a batch holds what it was given, and the newest state of each agent', () => {
  const batch = filled();
  expect(seen(batch)).toMatchObject({ counts: [2, 4, 1, 2], is: [true, true, false], state: null });
  const { events, states, facts } = batch.forStore();
  expect(events.map(({ sequence }) => sequence)).toEqual([3, 4]);
  expect([...(states ?? [])]).toEqual([['a', null]]);
  expect([...(facts ?? [])]).toEqual([['name', 'value']]);
});

test('one that was cleared is as a new one, and holds on to nothing', () => {
  const batch = filled();
  expect(batch.clear()).toBe(true);
  expect(seen(batch)).toEqual(seen(new Batch()));
  expect(seen(batch).counts).toEqual([0, 0, 0, 0]);
  expect(batch.events.every((one) => one === undefined)).toBe(true);
  expect(batch.states.every((one) => one === null)).toBe(true);
  expect(batch.stateOwners.every((one) => one === '')).toBe(true);
  batch.answer();
  batch.addEvent(event(5), 5);
  expect(batch.forStore().events.map(({ sequence }) => sequence)).toEqual([5]);
});

it('has content by an event, a state or a fact; who waits alone is no content', () => {
  const given: ((batch: Batch) => void)[] = [
    (batch) => batch.addEvent(event(1), 1),
    (batch) => batch.addState('a', null),
    (batch) => batch.addFact('name', ''),
  ];
  for (const give of given) {
    const batch = new Batch();
    expect([batch.hasContent, batch.isEmpty]).toEqual([false, true]);
    give(batch);
    expect([batch.hasContent, batch.isAwaited, batch.isEmpty]).toEqual([true, false, false]);
  }
  const awaited = new Batch();
  awaited.addWaiting(() => {});
  expect([awaited.hasContent, awaited.isAwaited, awaited.isEmpty]).toEqual([false, true, false]);
});

it('gives back room beyond 1,024 places, of whichever kind', () => {
  const fill: ((batch: Batch, at: number) => void)[] = [
    (batch, at) => batch.addEvent(event(at), at),
    (batch) => batch.addState('a', state),
    (batch) => batch.addWaiting(() => {}),
  ];
  for (const give of fill) {
    const batch = new Batch();
    for (let at = 1; at <= 1_024; at++) give(batch, at);
    expect(batch.clear()).toBe(true);
    for (let at = 1; at <= 1_025; at++) give(batch, at);
    expect(batch.clear()).toBe(false);
  }
});

it('that takes over another has what that held behind its own, and answers all', () => {
  const heard: unknown[] = [];
  const batch = new Batch();
  batch.addEvent(event(1), 1);
  batch.addState('a', state);
  batch.takeOver(filled(heard));
  expect(batch.forStore().events.map(({ sequence }) => sequence)).toEqual([1, 3, 4]);
  expect([batch.lastSequence, batch.stateCount, batch.stateOf('a'), batch.stateOf('b')]).toEqual([
    4,
    3,
    null,
    undefined,
  ]);
  batch.answer();
  expect(heard).toEqual([undefined, undefined]);
  const error = new AgentSystemError('STORE_FAILED', 'full');
  batch.answer(error);
  expect(heard.slice(2)).toEqual(['STORE_FAILED', error]);
});

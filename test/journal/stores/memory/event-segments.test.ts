import { expect, test } from 'vitest';
import type { SystemEvent } from '../../../../src/index.ts';
import { EventSegments, SEGMENT_ROOM } from '../../../../src/runtime/journal/stores/memory/event-segments.ts';

const event = (sequence: number): SystemEvent => ({
  type: 'coordination.lost',
  why: 'suspended',
  sequence,
  at: 0,
});
const sequencesOf = (events: EventSegments) => [...events.after(0)].map(({ sequence }) => sequence);
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n);

test('after whole segments were dropped a filter keeps what passes of the rest, and no event is lost', () => {
  const events = new EventSegments();
  const all = 5 * SEGMENT_ROOM;
  for (let sequence = 1; sequence <= all; sequence++) events.push(event(sequence), 10);
  // One of five is dropped: fewer than half, so that its place is still there.
  events.shrinkTo(4 * SEGMENT_ROOM);
  expect([events.size, events.bytes]).toEqual([4 * SEGMENT_ROOM, 40 * SEGMENT_ROOM]);
  events.filter(() => true);
  expect(sequencesOf(events)).toEqual(range(SEGMENT_ROOM + 1, all));
  events.filter(({ sequence }) => sequence % 2 === 0);
  expect(sequencesOf(events)).toEqual(range(SEGMENT_ROOM + 1, all).filter((sequence) => sequence % 2 === 0));
  expect([events.size, events.bytes]).toEqual([2 * SEGMENT_ROOM, 20 * SEGMENT_ROOM]);
  events.push(event(all + 1), 10);
  expect(sequencesOf(events).at(-1)).toBe(all + 1);
});

test('what is beyond a sequence is visited, in order, wherever that stands and whatever was dropped', () => {
  const events = new EventSegments();
  for (let sequence = 1; sequence <= 3 * SEGMENT_ROOM; sequence++) {
    if (sequence % 7 !== 0) events.push(event(sequence), 10);
  }
  for (let dropped = 0; dropped < 5; dropped++) events.shift();
  const kept = sequencesOf(events);
  const edges = [...kept.slice(0, 9), ...kept.slice(SEGMENT_ROOM - 10, SEGMENT_ROOM + 10), ...kept.slice(-9)];
  for (const sequence of [0, 7, 14, ...edges, 3 * SEGMENT_ROOM]) {
    const visited: number[] = [];
    events.forEach(sequence, (one) => visited.push(one.sequence));
    expect(visited).toEqual(kept.filter((one) => one > sequence));
  }
});

/** Subscribers of a fleet's events, by a log that now and then cannot be read. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { SystemEvent } from '../../src/index.ts';
import { FleetEvents } from '../../src/restate/client/fleet-events.ts';
import type { EngineClient } from '../../src/restate/engine/engine-client.ts';
import type { EventPage, EventQuestion } from '../../src/restate/events/events-object.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function log() {
  const kept: SystemEvent[] = [];
  let isAway = false;
  const read = ({ after, limit }: EventQuestion): EventPage => {
    if (isAway) throw new Error('away');
    return {
      events: kept.filter(({ sequence }) => sequence > after).slice(0, limit),
      last: kept.length,
    };
  };
  const call = (_: object, question: EventQuestion) => Promise.resolve().then(() => read(question));
  const faults: string[] = [];
  const events = new FleetEvents({ call } as unknown as EngineClient, (message) => faults.push(message));
  return {
    events,
    faults,
    keep: (type: string) =>
      void kept.push({ type, sequence: kept.length + 1, at: 0 } as unknown as SystemEvent),
    away: (is: boolean) => void (isAway = is),
  };
}

test('what is kept while the log cannot be read is heard once it can, each event once and in order', async () => {
  const { events, faults, keep, away } = log();
  const heard: string[] = [];
  keep('before');
  events.subscribe(({ type }) => void heard.push(type));
  await vi.advanceTimersByTimeAsync(150);
  keep('one');
  await vi.advanceTimersByTimeAsync(150);
  away(true);
  keep('two');
  await vi.advanceTimersByTimeAsync(5_000);
  expect(heard).toEqual(['one']);
  expect(new Set(faults)).toEqual(new Set(['events could not be read']));
  keep('three');
  away(false);
  await vi.advanceTimersByTimeAsync(1_200);
  expect(heard).toEqual(['one', 'two', 'three']);
  events.close();
});

test('a subscriber of some types hears these alone, and none once it has left; malformed options are refused', async () => {
  const { events, keep } = log();
  const heard: string[] = [];
  const leave = events.subscribe(({ type }) => void heard.push(type), {
    types: ['agent.started', 'agent.stopped'],
  });
  await vi.advanceTimersByTimeAsync(150);
  for (const type of ['agent.started', 'task.started', 'agent.stopped']) keep(type);
  await vi.advanceTimersByTimeAsync(150);
  leave();
  keep('agent.started');
  await vi.advanceTimersByTimeAsync(150);
  expect(heard).toEqual(['agent.started', 'agent.stopped']);
  expect(() => events.subscribe(() => undefined, { type: [] } as never)).toThrow(/type/);
  expect(() => events.subscribe(1 as never)).toThrow(/expected a function/);
  events.close();
});

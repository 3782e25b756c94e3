/** Laws of the time of a task that waits for people. */
import { describe, expect, it } from 'vitest';
import { TaskEntry } from '../../src/runtime/agent/task-entry.ts';

const nothing = () => {};

/** An entry, and when its time is held and runs. */
function rig() {
  const told: string[] = [];
  const entry = new TaskEntry('a', 't1', 1, { type: 'ask', input: 1 }, undefined, undefined, {
    accepted: nothing,
    post: nothing,
    cancelled: nothing,
    timeHeld: () => void told.push('held'),
    timeRuns: () => void told.push('runs'),
  });
  return { entry, told: () => told.splice(0) };
}

describe('the time of a task', () => {
  it('is held by the first question that holds it, and runs after the last', () => {
    const { entry, told } = rig();
    expect([entry.isAsking, entry.didAsk]).toEqual([false, false]);
    entry.beginsToAsk(true);
    expect(told()).toEqual(['held']);
    entry.beginsToAsk(true);
    entry.hasAsked(true);
    expect(told()).toEqual([]);
    expect(entry.isAsking).toBe(true);
    entry.hasAsked(true);
    expect(told()).toEqual(['runs']);
    expect([entry.isAsking, entry.didAsk]).toEqual([false, true]);
  });

  it('runs on beside a question that counts it', () => {
    const { entry, told } = rig();
    entry.beginsToAsk(false);
    expect(entry.isAsking).toBe(true);
    entry.beginsToAsk(true);
    entry.hasAsked(false);
    expect(told()).toEqual(['held']);
    entry.hasAsked(true);
    expect(told()).toEqual(['runs']);
  });

  it('runs again when its work ends while it asks, but where it is kept for the next body', () => {
    const { entry, told } = rig();
    entry.beginsToAsk(true);
    entry.beginsToAsk(true);
    entry.asksNothing(false);
    expect(told()).toEqual(['held', 'runs']);
    entry.hasAsked(true);
    expect(told()).toEqual([]);
    entry.beginsToAsk(true);
    entry.asksNothing(true);
    expect(told()).toEqual(['held']);
    entry.beginsToAsk(true);
    expect(told()).toEqual(['held']);
  });

  it('that was not held is told to nobody when its work ends', () => {
    const { entry, told } = rig();
    entry.asksNothing(false);
    entry.beginsToAsk(false);
    entry.asksNothing(false);
    expect(told()).toEqual([]);
    expect(entry.isAsking).toBe(false);
  });
});

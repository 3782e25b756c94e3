import { describe, expect, it } from 'vitest';
import { within } from '../../src/runtime/time/deadline.ts';
import { settled, simulatedClock } from '../../src/testing/index.ts';

const late = (): string => 'late';

describe('work within a deadline', () => {
  it('gives what it gives, also at the last moment, and leaves no timer', async () => {
    const clock = simulatedClock();
    const work = Promise.withResolvers<string>();
    const waiting = within(clock, 100, work.promise, late);
    await clock.advance(99);
    work.resolve('in time');
    expect(await waiting).toBe('in time');
    expect(clock.pending()).toEqual([]);
  });

  it('is late at the deadline, whatever it gives afterwards', async () => {
    const clock = simulatedClock();
    const work = Promise.withResolvers<string>();
    const ends: string[] = [];
    void within(clock, 100, work.promise, late).then((end) => ends.push(end));
    await clock.advance(99);
    expect(ends).toEqual([]);
    await clock.advance(1);
    expect([ends, clock.pending()]).toEqual([['late'], []]);
    work.reject(new Error('of no matter'));
    await settled();
    expect(ends).toEqual(['late']);
  });

  it('that fails is the caller’s, and so is what the late one throws', async () => {
    const clock = simulatedClock();
    await expect(within(clock, 100, Promise.reject(new Error('broken')), late)).rejects.toThrow('broken');
    expect(clock.pending()).toEqual([]);
    const waiting = within(clock, 100, new Promise(() => {}), () => {
      throw new Error('too late');
    });
    waiting.catch(() => undefined);
    await clock.advance(100);
    await expect(waiting).rejects.toThrow('too late');
  });
});

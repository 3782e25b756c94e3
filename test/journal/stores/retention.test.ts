import { describe, expect, onTestFinished, test } from 'vitest';
import type { SystemEvent } from '../../../src/index.ts';
import { encodeEvent } from '../../../src/runtime/journal/stores/sqlite/event-json.ts';
import { LogFile } from '../../../src/runtime/journal/stores/sqlite/log-file.ts';
import type { Retain } from '../../../src/runtime/journal/stores/sqlite/retention.ts';
import { place } from './store-file-rig.ts';

const AT = Date.UTC(2026, 0, 1);
const YEAR_MS = 365 * 24 * 3_600_000;

/** A log that is told when each of its events was stamped, and never holds one that a recovery needs. */
class Log {
  readonly #options;
  #file: LogFile;
  #last = 0;

  constructor(retain: Retain) {
    this.#options = { path: place(), maxBytes: Infinity, create: true, retain };
    this.#file = LogFile.open(this.#options).file;
    onTestFinished(() => this.#file.close());
  }

  add(stamps: readonly number[]): void {
    const events = stamps.map(
      (at): SystemEvent => ({ sequence: ++this.#last, at, type: 'coordination.restored' }),
    );
    finish(this.#file.write([{ events, bodies: events.map(encodeEvent) }]));
  }

  /** Sequences that are left, the first and the last. */
  get left(): [number, number] {
    const events = this.#file.read({ limit: Infinity });
    const first = events[0]!.sequence;
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, at) => first + at));
    return [first, events.at(-1)!.sequence];
  }

  compact(): [number, number] {
    finish(this.#file.compact());
    return this.left;
  }

  /** Whether there is something to do by itself, which is then done. */
  tidy(): boolean {
    const upkeep = this.#file.upkeep();
    if (upkeep) finish(upkeep);
    return upkeep !== undefined;
  }

  reopen(): void {
    this.#file.close();
    this.#file = LogFile.open(this.#options).file;
  }
}

function finish(steps: Generator): void {
  while (!steps.next().done);
}

/** An event a second, so many of them, from a moment on. */
function seconds(count: number, from = AT): number[] {
  return Array.from({ length: count }, (_, at) => from + at * 1_000);
}

describe('by number', () => {
  test.each([1, 255, 256, 257, 999, 1_000])('keeps exactly the newest %i of 1,000', (events) => {
    const log = new Log({ events });
    log.add(seconds(1_000));
    expect(log.compact()).toEqual([1_001 - events, 1_000]);
  });

  test('drops nothing while there are no more', () => {
    const log = new Log({ events: 1_000 });
    log.add(seconds(1_000));
    expect(log.compact()).toEqual([1, 1_000]);
    expect(log.tidy()).toBe(false);
  });

  test('by itself has 256 to drop, or leaves it', () => {
    const log = new Log({ events: 100 });
    log.add(seconds(355));
    expect(log.tidy()).toBe(false);
    log.add(seconds(1));
    expect(log.tidy()).toBe(true);
    expect(log.left).toEqual([257, 356]);
    expect(log.tidy()).toBe(false);
  });
});

describe('by age', () => {
  test.each([
    ['exactly as old as the bound is kept', 100_000, 900],
    ['a millisecond older is not', 99_999, 901],
  ])('an event that is %s', (_, ageMs, first) => {
    const log = new Log({ ageMs });
    log.add(seconds(1_000));
    expect(log.compact()).toEqual([first, 1_000]);
  });

  test('by itself has 256 to drop, or leaves it', () => {
    const log = new Log({ ageMs: 100_000 });
    log.add(seconds(356));
    expect(log.tidy()).toBe(false);
    log.add(seconds(1, AT + 356_000));
    expect(log.tidy()).toBe(true);
    expect(log.left).toEqual([257, 357]);
    expect(log.tidy()).toBe(false);
  });

  test('both bounds hold where both are given', () => {
    const byNumber = new Log({ ageMs: 500_000, events: 100 });
    byNumber.add(seconds(1_000));
    expect(byNumber.compact()).toEqual([901, 1_000]);
    const byAge = new Log({ ageMs: 50_000, events: 100 });
    byAge.add(seconds(1_000));
    expect(byAge.compact()).toEqual([950, 1_000]);
  });
});

describe.each([
  ['in one life of the program', () => {}],
  ['from one program to the next', (log: Log) => log.reopen()],
])('by age, %s', (_, between) => {
  test.each([1, 8, 40])('%i events that are stamped a year ahead make no history old', (count) => {
    const log = new Log({ ageMs: 100_000 });
    log.add(seconds(1_000));
    log.add(seconds(count, AT + YEAR_MS));
    between(log);
    expect(log.tidy()).toBe(true);
    expect(log.compact()).toEqual([900, 1_000 + count]);
    // The clock is right again, and they are no older than what came around them.
    log.add(seconds(100, AT + 1_000_000));
    between(log);
    const [first] = log.compact();
    expect(first).toBeGreaterThanOrEqual(1_000 - 1);
    expect(first).toBeLessThanOrEqual(1_000 + count);
  });

  test.each([1, 300, 700])('%i events that are stamped a year ahead keep no history', (count) => {
    const log = new Log({ ageMs: 100_000 });
    log.add(seconds(count, AT + YEAR_MS));
    log.add(seconds(200));
    between(log);
    // As old as what came after them: that is not old enough.
    const before = log.compact();
    expect(before[0]).toBeLessThanOrEqual(count + 100);
    log.add(seconds(400, AT + 200_000));
    between(log);
    expect(log.compact()).toEqual([count + 500, count + 600]);
    log.add(seconds(400, AT + 600_000));
    expect(log.tidy()).toBe(true);
  });

  test('an event that is stamped a year behind makes nothing old but itself', () => {
    const log = new Log({ ageMs: 100_000 });
    log.add(seconds(50));
    log.add(seconds(3, AT - YEAR_MS));
    log.add(seconds(40, AT + 50_000));
    between(log);
    expect(log.compact()).toEqual([1, 93]);
  });

  test('after a long silence what was before is old as soon as enough came since', () => {
    const log = new Log({ ageMs: 100_000 });
    log.add(seconds(500));
    log.add(seconds(63, AT + YEAR_MS));
    between(log);
    expect(log.compact()[0]).toBeLessThanOrEqual(400);
    log.add(seconds(1, AT + YEAR_MS + 63_000));
    between(log);
    expect(log.compact()).toEqual([501, 564]);
  });
});

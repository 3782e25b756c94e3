/** Real time, by fake timers of Node: what is due when, in which order, and what keeps the program alive. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { cancel, raise, setup } from 'xstate';
import { createChart } from '../../src/engine.ts';
import { type Clock, systemClock } from '../../src/index.ts';
import { steadyClock } from '../../src/runtime/time/clock.ts';

const DAY_MS = 86_400_000;
const run = promisify(execFile);

const program = (body: string) => [
  '--input-type=module',
  '-e',
  `import { systemClock } from ${JSON.stringify(new URL('../../src/index.ts', import.meta.url).href)};
   const clock = systemClock(); ${body}`,
];

interface Handle {
  unref(): void;
}

describe('timers', () => {
  beforeEach(() => {
    vi.useFakeTimers({
      toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate', 'performance', 'Date'],
    });
  });
  afterEach(() => void vi.useRealTimers());

  test('fire once, when they are due and not before', () => {
    const clock = systemClock();
    const fired = vi.fn<() => void>();
    clock.setTimeout(fired, 50);
    vi.advanceTimersByTime(49);
    expect(fired).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(fired).toHaveBeenCalledOnce();
    vi.advanceTimersByTime(DAY_MS);
    expect(fired).toHaveBeenCalledOnce();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('of one delay fire each at its own time, in the order of arming', () => {
    const clock = systemClock();
    const fired: string[] = [];
    clock.setTimeout(() => fired.push(`a ${performance.now() - startedAt}`), 50);
    const startedAt = performance.now();
    vi.advanceTimersByTime(20);
    clock.setTimeout(() => fired.push(`b ${performance.now() - startedAt}`), 50);
    clock.setTimeout(() => fired.push(`c ${performance.now() - startedAt}`), 50);
    vi.advanceTimersByTime(1_000);
    expect(fired).toEqual(['a 50', 'b 70', 'c 70']);
  });

  test('a thousand of one delay take one timer of Node', () => {
    const clock = systemClock();
    for (let n = 0; n < 1_000; n++) clock.setTimeout(() => {}, 30_000);
    expect(vi.getTimerCount()).toBe(1);
  });

  test.each([
    ['first', 0],
    ['middle', 1],
    ['last', 2],
  ])('that are cleared do not fire: the %s of three', (_, which) => {
    const clock = systemClock();
    const fired: number[] = [];
    const handles = [0, 1, 2].map((n) => clock.setTimeout(() => fired.push(n), 50));
    clock.clearTimeout(handles[which]);
    // A second time it is nobody's.
    clock.clearTimeout(handles[which]);
    vi.advanceTimersByTime(50);
    expect(fired).toEqual([0, 1, 2].filter((n) => n !== which));
    for (const handle of handles) clock.clearTimeout(handle);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('one that clears the next, and one that arms another, are obeyed', () => {
    const clock = systemClock();
    const fired: string[] = [];
    clock.setTimeout(() => {
      fired.push('a');
      clock.clearTimeout(second);
      clock.setTimeout(() => fired.push('d'), 50);
    }, 50);
    const second = clock.setTimeout(() => fired.push('b'), 50);
    clock.setTimeout(() => fired.push('c'), 50);
    vi.advanceTimersByTime(50);
    expect(fired).toEqual(['a', 'c']);
    vi.advanceTimersByTime(49);
    expect(fired).toEqual(['a', 'c']);
    vi.advanceTimersByTime(1);
    expect(fired).toEqual(['a', 'c', 'd']);
  });

  test('one that throws keeps the others from nothing', () => {
    const clock = systemClock();
    const fired: string[] = [];
    clock.setTimeout(() => {
      throw new Error('of a timer');
    }, 50);
    clock.setTimeout(() => fired.push('b'), 50);
    clock.setTimeout(() => fired.push('c'), 60);
    expect(() => vi.advanceTimersByTime(50)).toThrow('of a timer');
    vi.advanceTimersByTime(10);
    expect(fired).toEqual(['b', 'c']);
  });

  test('cleared and armed again are due a whole delay from then', () => {
    const clock = systemClock();
    const fired = vi.fn<() => void>();
    for (let n = 0; n < 3; n++) {
      const handle = clock.setTimeout(fired, 50);
      vi.advanceTimersByTime(40);
      clock.clearTimeout(handle);
    }
    clock.setTimeout(fired, 50);
    vi.advanceTimersByTime(49);
    expect(fired).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(fired).toHaveBeenCalledOnce();
  });

  test('of 0 ms fire after a turn of the program, in the order of arming, and take no timer', () => {
    const clock = systemClock();
    const fired: string[] = [];
    clock.setTimeout(() => fired.push('a'), 0);
    const cleared = clock.setTimeout(() => fired.push('b'), 0);
    clock.setTimeout(() => fired.push('c'), 0);
    clock.clearTimeout(cleared);
    expect(fired).toEqual([]);
    vi.advanceTimersByTime(0);
    expect(fired).toEqual(['a', 'c']);
  });

  test('beyond what Node holds fire when they are due; never is never', () => {
    const clock = systemClock();
    const fired = vi.fn<() => void>();
    clock.setTimeout(fired, 40 * DAY_MS);
    const never = clock.setTimeout(fired, Infinity);
    vi.advanceTimersByTime(40 * DAY_MS - 1);
    expect(fired).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(fired).toHaveBeenCalledOnce();
    clock.clearTimeout(never);
    (never as Handle).unref();
    vi.advanceTimersByTime(400 * DAY_MS);
    expect(fired).toHaveBeenCalledOnce();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('many that are due together let the program have its turn', () => {
    const clock = systemClock();
    let fired = 0;
    let seen = 0;
    clock.setTimeout(() => setImmediate(() => (seen = fired)), 50);
    for (let n = 0; n < 100; n++) clock.setTimeout(() => (fired += 1), 50);
    // Each takes half a millisecond.
    const armedAt = performance.now();
    vi.spyOn(performance, 'now').mockImplementation(() => armedAt + 50 + fired * 0.5);
    vi.advanceTimersByTime(50);
    vi.advanceTimersToNextTimer();
    expect(seen).toBe(15);
    vi.runAllTimers();
    expect(fired).toBe(100);
  });
});

const bare = (): Clock => ({
  now: () => Date.now(),
  setTimeout: (run, delayMs) => setTimeout(run, delayMs),
  clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout),
});

describe("a clock that was handed in, of Node's own timers", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'performance', 'Date'] });
  });
  afterEach(() => void vi.useRealTimers());

  const clocks: readonly [string, () => Clock][] = [
    ['with durations of its own', () => ({ ...bare(), elapsed: () => performance.now() })],
    ['without', bare],
  ];

  test.each(clocks)('%s: a delay is as long as it says, and may be cleared at any time of it', (_, made) => {
    const clock = steadyClock(made());
    const fired: string[] = [];
    const armedAt = clock.elapsed();
    for (const delayMs of [2 ** 31 - 1, 2 ** 31, 60 * DAY_MS, Infinity]) {
      clock.setTimeout(() => fired.push(`${delayMs} after ${clock.elapsed() - armedAt}`), delayMs);
    }
    const cleared = [0, 1, 2].map(() => clock.setTimeout(() => fired.push('cleared'), 60 * DAY_MS));
    clock.clearTimeout(cleared[0]);
    vi.advanceTimersByTime(2 ** 31 - 1);
    clock.clearTimeout(cleared[1]);
    vi.advanceTimersByTime(35 * DAY_MS);
    clock.clearTimeout(cleared[2]);
    clock.clearTimeout(cleared[2]);
    expect(fired).toEqual(['2147483647 after 2147483647', '2147483648 after 2147483648']);
    vi.advanceTimersByTime(400 * DAY_MS);
    expect(fired.slice(2)).toEqual([`${60 * DAY_MS} after ${60 * DAY_MS}`]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('is the same clock, once it was taken', () => {
    const clock = steadyClock(bare());
    expect(steadyClock(clock)).toBe(clock);
  });

  test('drives a chart: `after` and a delayed event come when they are due', () => {
    const definition = setup({ delays: { long: 30 * DAY_MS } }).createMachine({
      initial: 'waits',
      states: {
        waits: { after: { long: 'raised' } },
        raised: {
          entry: raise({ type: 'on' }, { delay: 40 * DAY_MS, id: 'on' }),
          on: { on: 'left', off: 'left' },
        },
        left: { exit: cancel('on') },
      },
    });
    const options = {
      clock: bare(),
      perform: () => {},
      child: () => ({ stop() {}, send() {} }),
      onBug: () => {},
    };
    for (const driver of ['table', 'interpreter'] as const) {
      const chart = createChart(definition, undefined, options, driver);
      vi.advanceTimersByTime(29 * DAY_MS);
      expect(chart.path).toBe('waits');
      vi.advanceTimersByTime(2 * DAY_MS);
      expect(chart.path).toBe('raised');
      vi.advanceTimersByTime(38 * DAY_MS);
      expect(chart.path).toBe('raised');
      vi.advanceTimersByTime(2 * DAY_MS);
      expect(chart.path).toBe('left');
      createChart(definition, undefined, options, driver).stop();
    }
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('a program ends', () => {
  test.each([
    ['whose timer was cleared', 'clock.clearTimeout(clock.setTimeout(() => console.log("fired"), 60_000));'],
    [
      'whose timers were cleared, again and again',
      'for (let n = 0; n < 3; n++) clock.clearTimeout(clock.setTimeout(() => console.log("fired"), 60_000));',
    ],
    ['that does not wait for its timer', 'clock.setTimeout(() => console.log("fired"), 60_000).unref();'],
    ['that does not wait for its turn', 'clock.setTimeout(() => console.log("fired"), 0).unref();'],
    ['whose timer never fires', 'clock.setTimeout(() => console.log("fired"), Infinity);'],
  ])('%s', async (_, body) => {
    const { stdout } = await run(process.execPath, program(body), { timeout: 30_000 });
    expect(stdout).toBe('');
  });

  test.each([
    ['after the timer that it waits for', 'clock.setTimeout(() => console.log("fired"), 20);'],
    [
      'after the timer that it waits for, among others of the delay',
      'clock.setTimeout(() => {}, 20).unref(); clock.setTimeout(() => console.log("fired"), 20);',
    ],
    [
      'after a timer that was armed when the last of the delay was cleared',
      `const first = clock.setTimeout(() => {}, 20); clock.clearTimeout(clock.setTimeout(() => {}, 20));
       clock.clearTimeout(first); clock.setTimeout(() => console.log("fired"), 20);`,
    ],
    [
      'after a timer that a timer has armed',
      'clock.setTimeout(() => clock.setTimeout(() => console.log("fired"), 5), 5);',
    ],
  ])('%s', async (_, body) => {
    const { stdout } = await run(process.execPath, program(body), { timeout: 30_000 });
    expect(stdout).toBe('fired\n');
  });
});

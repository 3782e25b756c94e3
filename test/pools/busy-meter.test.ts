/** Laws of a meter of how busy a pool is. */
import { describe, expect, test } from 'vitest';
import { BusyMeter, noFigures } from '../../src/runtime/pools/busy-meter.ts';

describe('a meter', () => {
  test('gives the share of the places that was in use, over time', () => {
    const meter = new BusyMeter(noFigures(0));
    meter.set(0, 4, 0);
    meter.set(4, 4, 1_000);
    meter.set(1, 4, 2_000);
    expect(meter.take(4_000)).toBe((0 + 4 + 2) / 16);
    expect(meter.take(8_000)).toBe(0.25);
  });

  test('counts places that were there for a part of the time for that part', () => {
    const meter = new BusyMeter(noFigures(0));
    meter.set(1, 1, 0);
    meter.set(1, 3, 1_000);
    expect(meter.take(2_000)).toBe(0.5);
  });

  test('says what is now when no time has passed, and nothing where there are no places', () => {
    const meter = new BusyMeter(noFigures(0));
    expect(meter.take(1_000)).toBe(0);
    meter.set(1, 2, 1_000);
    expect(meter.take(1_000)).toBe(0.5);
  });
});

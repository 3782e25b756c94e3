/** Laws of the ways over a chart: one to each transition that is new. */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { ChartCoverage } from '../../../src/testing/describe-agent/chart-coverage.ts';
import { chartTours } from '../../../src/testing/describe-agent/chart-tours.ts';
import { Subject } from '../../../src/testing/describe-agent/subject.ts';
import { orderWith } from './order.ts';

/** As a test of the chart counts them. */
const TRANSITIONS = 9;

it('there is one way to each transition, and no second one', () => {
  const subject = new Subject(fc, orderWith(), undefined, {});
  const tours = chartTours(subject, new ChartCoverage(subject.machine!), 1);
  expect(tours.length).toBeGreaterThan(TRANSITIONS / 2);
  expect(tours.length).toBeLessThanOrEqual(TRANSITIONS);
  expect(tours.every((moves) => moves.length > 0)).toBe(true);
});

it('there is none to what was taken already', () => {
  const subject = new Subject(fc, orderWith(), undefined, {});
  const all = { isNew: () => false } as unknown as ChartCoverage;
  expect(chartTours(subject, all, 1)).toEqual([]);
});

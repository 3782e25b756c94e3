/** Laws of the ways over a chart: one to each transition that is new. */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { assign, emit, fromPromise, setup } from 'xstate';
import { z } from 'zod';
import { defineChartAgent } from '../../../src/chart-agent.ts';
import { InterpretedCounts } from '../../../src/runtime/engine/interpreted-counts.ts';
import { chartTours } from '../../../src/testing/describe-agent/chart-tours.ts';
import { Subject } from '../../../src/testing/describe-agent/subject.ts';
import { orderWith } from './order.ts';

/** As a test of the chart counts them. */
const TRANSITIONS = 9;

it('there is one way to each transition, and no second one', () => {
  const subject = new Subject(fc, orderWith(), undefined, {});
  const tours = chartTours(subject, new InterpretedCounts(subject.machine!), 1);
  expect(tours.length).toBeGreaterThan(TRANSITIONS / 2);
  expect(tours.length).toBeLessThanOrEqual(TRANSITIONS);
  expect(tours.every((moves) => moves.length > 0)).toBe(true);
});

it('there is none to what was taken already', () => {
  const subject = new Subject(fc, orderWith(), undefined, {});
  const all = { isNew: () => false } as unknown as InterpretedCounts;
  expect(chartTours(subject, all, 1)).toEqual([]);
});

it('a chart that counts without end has ways to all that is near, failing work included', () => {
  const machine = setup({
    types: {
      context: {} as { due: number; paid: number },
      events: {} as { type: 'pay' | 'place'; input: number },
    },
    actors: { carrier: fromPromise(() => Promise.resolve()) },
    guards: { isEnough: ({ context, event }) => context.paid + event.input >= context.due },
  }).createMachine({
    context: { due: 0, paid: 0 },
    initial: 'empty',
    on: { pay: { actions: assign({ paid: ({ context, event }) => context.paid + event.input }) } },
    states: {
      empty: { on: { place: { target: 'open', actions: assign({ due: ({ event }) => event.input }) } } },
      open: { on: { pay: { guard: 'isEnough', target: 'shipping', actions: emit({ type: 'pay.done' }) } } },
      shipping: { invoke: { src: 'carrier', onDone: 'empty', onError: 'open' } },
    },
  });
  const cents = { input: z.number().int().min(1).max(10_000), answer: 'taken' } as const;
  const agent = defineChartAgent({ type: 'shop', machine, tasks: { place: cents, pay: cents } });
  const subject = new Subject(fc, agent, undefined, {});
  const tours = chartTours(subject, new InterpretedCounts(subject.machine!), 1);
  expect(tours.some((moves) => moves.some((move) => move.move === 'arrange' && move.as === 'failing'))).toBe(
    true,
  );
});

/** An agent that is a chart: an order is placed, paid for in time, or falls. Tests plant their bugs in its parts. */
import { assign, emit, fromPromise, setup } from 'xstate';
import { z } from 'zod';
import { type ChartAnswer, type ChartEvent, defineChartAgent } from '../../../src/chart-agent.ts';

export interface Parts {
  readonly charge: (pieces: number) => Promise<number>;
  /** What is kept of an order that is paid for. */
  readonly paid: (paid: number, charged: number) => unknown;
  readonly isLarge: (pieces: number) => boolean;
  readonly answer: (pieces: number) => unknown;
  /** Where a charge that fails leads to; without it, it breaks the chart. */
  readonly hasError: boolean;
  /** A state that nothing leads to. */
  readonly hasOrphan: boolean;
  readonly hasAnswer: boolean;
}

const correct: Parts = {
  charge: async (pieces) => pieces * 2,
  paid: (paid, charged) => paid + charged,
  isLarge: (pieces) => pieces > 3,
  answer: (pieces) => `${pieces} pieces`,
  hasError: true,
  hasOrphan: false,
  hasAnswer: true,
};

const tasks = {
  place: { input: z.object({ pieces: z.number().int().min(1).max(5) }), output: z.string() },
  pay: { answer: 'taken' },
  cancel: { answer: 'taken' },
  paid: { output: z.number() },
} as const;

export function orderWith(bug: Partial<Parts> = {}) {
  const { charge, paid, isLarge, answer, hasError, hasOrphan, hasAnswer } = { ...correct, ...bug };
  const machine = setup({
    types: {
      context: {} as { pieces: number; paid: number },
      events: {} as ChartEvent<typeof tasks>,
      emitted: {} as ChartAnswer<typeof tasks>,
    },
    actors: { charge: fromPromise<number, number>(({ input }) => charge(input)) },
    guards: { isLarge: (_, pieces: number) => isLarge(pieces) },
    actions: {
      take: assign({ pieces: (_, pieces: number) => pieces }),
      answer: emit((_, pieces: number) => ({ type: 'place.done', output: answer(pieces) as string })),
    },
    delays: { patience: 60_000 },
  }).createMachine({
    id: 'order',
    context: { pieces: 0, paid: 0 },
    initial: 'none',
    on: { paid: { actions: emit(({ context }) => ({ type: 'paid.done', output: context.paid })) } },
    states: {
      none: {
        on: {
          place: [
            {
              guard: { type: 'isLarge', params: ({ event }) => event.input.pieces },
              target: 'placed.large',
              actions: [
                { type: 'take', params: ({ event }) => event.input.pieces },
                ...(hasAnswer
                  ? [
                      {
                        type: 'answer' as const,
                        params: ({ event }: { event: { input: { pieces: number } } }) => event.input.pieces,
                      },
                    ]
                  : []),
              ],
            },
            {
              target: 'placed.small',
              actions: [
                { type: 'take', params: ({ event }) => event.input.pieces },
                ...(hasAnswer
                  ? [
                      {
                        type: 'answer' as const,
                        params: ({ event }: { event: { input: { pieces: number } } }) => event.input.pieces,
                      },
                    ]
                  : []),
              ],
            },
          ],
        },
      },
      placed: {
        initial: 'small',
        on: { pay: 'paying', cancel: 'none' },
        after: { patience: 'none' },
        states: { large: {}, small: {} },
      },
      paying: {
        invoke: {
          src: 'charge',
          input: ({ context }) => context.pieces,
          onDone: {
            target: 'none',
            actions: assign({ paid: ({ context, event }) => paid(context.paid, event.output) as number }),
          },
          ...(hasError ? { onError: 'failed' as const } : {}),
        },
      },
      failed: { on: { cancel: 'none' } },
      ...(hasOrphan ? { refunded: { on: { cancel: 'none' as const } } } : {}),
    },
  });
  return defineChartAgent({ type: 'order', machine, tasks });
}

export default orderWith();

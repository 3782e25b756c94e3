/** An agent whose tasks spend from budgets in every possible way. */
import { defineAgent } from '../../src/index.ts';

export function spender(type: string) {
  return defineAgent({
    type,
    init: () => ({}),
    onLimit: 'fail',
    tasks: {
      call: {
        run: async ({ input, budget }) => {
          const { ask, use } = input as { ask: object; use?: object };
          const reservation = await budget.reserve(ask);
          await reservation.settle(use);
          return 'called';
        },
      },
      hold: {
        run: async ({ input, budget, signal }) => {
          await budget.reserve(input as object);
          await new Promise((_, reject) =>
            signal.addEventListener('abort', () => reject(signal.reason as Error)),
          );
        },
      },
      forget: { run: async ({ input, budget }) => void (await budget.reserve(input as object)) },
      back: { run: async ({ input, budget }) => (await budget.reserve(input as object)).release() },
      twice: {
        run: async ({ budget }) => {
          const reservation = await budget.reserve({ calls: 1 });
          await reservation.settle();
          await reservation.settle();
        },
      },
      several: {
        run: async ({ budget, input }) => {
          for (const calls of input as number[]) await (await budget.reserve({ calls })).settle();
        },
      },
      wait: {
        run: async ({ budget, input }) => {
          const reservation = await budget.reserve({ wallMs: 1_000 });
          await (input as { until: Promise<void> }).until;
          await reservation.settle();
        },
      },
      park: {
        run: async ({ budget, park }) => {
          await budget.reserve({ calls: 1 });
          park({ afterMs: 60_000, why: 'a limit' });
        },
      },
    },
  });
}

/** An agent that waits as long as it is told to, then answers; in the shapes that its chart has had. */
import { type AnyStateMachine, assign, emit, fromPromise, setup } from 'xstate';
import { z } from 'zod';
import {
  agentOf,
  type ChartAnswer,
  type ChartEvent,
  type ChartMigration,
  defineChartAgent,
} from '../../../src/chart-agent.ts';

export const MINUTE = 60_000;
/** Restarts are due after 10 ms, so that what a test waits for is the chart's. */
export const restart = { policy: 'immediate', delayMs: 10, maxRestarts: 100 } as const;
export const health = { intervalMs: Infinity, timeoutMs: 5_000, failuresBeforeKill: 3 } as const;

interface PatientOptions {
  readonly waiting?: string;
  readonly migrate?: ChartMigration;
  readonly stateVersion?: number;
  readonly extra?: object;
}

export function patient({ waiting = 'waiting', migrate, stateVersion, extra = {} }: PatientOptions = {}) {
  const tasks = { wait: { input: z.number(), output: z.string(), retry: 'on_host_loss' } } as const;
  const machine = setup({
    types: {
      context: {} as { ms: number; waits: number; previousStop?: unknown; found?: string },
      events: {} as ChartEvent<typeof tasks>,
      emitted: {} as ChartAnswer<typeof tasks>,
    },
    delays: { long: ({ context }) => context.ms },
    actors: { look: fromPromise(async ({ system }) => agentOf(system).agentId) },
  }).createMachine({
    id: 'patient',
    context: { ms: 0, waits: 0 },
    initial: 'idle',
    on: { 'agent.restored': { actions: assign({ previousStop: ({ event }) => event.previousStop }) } },
    states: {
      idle: { on: { wait: { target: waiting, actions: assign({ ms: ({ event }) => event.input }) } } },
      [waiting]: {
        after: {
          long: {
            target: 'idle',
            actions: [
              assign({ waits: ({ context }) => context.waits + 1 }),
              emit({ type: 'wait.done', output: 'at last' }),
            ],
          },
        },
        ...extra,
      },
    },
  } as never);
  return defineChartAgent({
    type: 'patient',
    machine: machine as unknown as AnyStateMachine,
    tasks,
    ...(migrate ? { migrate } : {}),
    ...(stateVersion ? { stateVersion } : {}),
  });
}

/** A chart by any driver, with everything that it says, in order. */
import { type AnyStateMachine, assign, createMachine, type EventObject } from 'xstate';
import { beforeEach, vi } from 'vitest';
import {
  type Chart,
  type ChartDriverName,
  type ChartEffect,
  type ChartOptions,
  type ChildReport,
  createChart,
} from '../../src/runtime/engine/chart.ts';

// XState’s development build warns of every event to an actor that has ended.
beforeEach(() => void vi.spyOn(console, 'warn').mockImplementation(() => {}));

/** A definition of whatever shape, valid or not. */
export const define = (config: object, implementations?: object): AnyStateMachine =>
  createMachine(config as never, implementations as never);

export const DRIVERS: readonly ChartDriverName[] = ['table', 'interpreter', 'pure'];

/** A chart with everything it says, in order, and hands on its children and deadlines. */
export function driven(
  definition: AnyStateMachine,
  driver: ChartDriverName | undefined,
  given: Partial<ChartOptions> & { performed?: (effect: ChartEffect) => void; input?: unknown } = {},
) {
  const { performed, input, ...options } = given;
  const said: unknown[] = [];
  const bugs: unknown[] = [];
  const armed: { run: () => void; delayMs: number }[] = [];
  const reports: ChildReport[] = [];
  const chart: Chart<AnyStateMachine> = createChart(
    definition,
    input,
    {
      perform: (effect) => {
        said.push(effect.params === undefined ? effect.type : [effect.type, effect.params]);
        performed?.(effect);
      },
      child: ({ id, src, input }, report) => {
        said.push(['child', id, src, input]);
        reports.push(report);
        return {
          stop: () => void said.push(['stopped', id]),
          send: (event) => void said.push(['told', id, event]),
        };
      },
      clock: {
        setTimeout: (run, delayMs) => {
          said.push(['armed', delayMs]);
          const timer = { run, delayMs };
          armed.push(timer);
          return timer;
        },
        clearTimeout: (timer) => {
          said.push(['cleared', (timer as { delayMs: number }).delayMs]);
          armed.splice(armed.indexOf(timer as never), 1);
        },
      },
      onBug: (error) => void bugs.push(error),
      onDone: (output) => void said.push(['done', output]),
      ...options,
    },
    driver,
  );
  const send = (type: string, more: object = {}): void => chart.send({ type, ...more });
  return { chart, said, bugs, armed, reports, send, fire: () => armed.shift()!.run() };
}

export interface There {
  readonly context: { readonly n: number };
  readonly event: EventObject & { readonly output?: unknown; readonly error?: unknown };
}

export const say = (type: string) => ({ type });
export const count = assign({ n: ({ context }: { context: { n: number } }) => context.n + 1 });
export const counted = {
  type: 'counted',
  params: ({ context }: { context: { n: number } }) => ({ n: context.n }),
};
export const boom = (): never => {
  throw new Error('boom');
};

export const isAt =
  (n: number) =>
  ({ context }: There) =>
    context.n === n;

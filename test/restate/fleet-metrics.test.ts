/** Laws of what a program counts of a fleet. */
import { expect, it } from 'vitest';
import { countFleet } from '../../src/restate/client/fleet-metrics.ts';
import { Telemetry } from '../../src/runtime/observability/telemetry.ts';

it.each([
  [
    'throws',
    () => {
      throw new Error('the collector is away');
    },
  ],
  ['gives promises that are rejected', () => Promise.reject(new Error('the collector is away'))],
])('a meter that %s ends nothing, and is reported once', async (_, fails: () => unknown) => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  process.on('unhandledRejection', note);
  const faults: unknown[] = [];
  const reportFault = (...fault: unknown[]) => void faults.push(fault);
  const made = () => ({ add: fails, record: fails, addCallback: () => undefined, removeCallback: fails });
  const meter = { createObservableGauge: made, createCounter: made, createHistogram: made };
  let tell: ((event: unknown) => void) | undefined;
  const stop = countFleet({
    telemetry: new Telemetry({ meter: meter as never }, reportFault),
    agents: { list: () => Promise.resolve([{ id: 'ada', type: 'worker' }]) } as never,
    events: {
      subscribe: (listener: NonNullable<typeof tell>) => ((tell = listener), () => undefined),
    } as never,
    reportFault,
  });
  tell!({ type: 'agent.started', agentId: 'ada' });
  tell!({ type: 'alert.raised', alert: 'gave_up' });
  await new Promise(setImmediate);
  stop();
  await new Promise(setImmediate);
  process.off('unhandledRejection', note);
  expect(unhandled).toEqual([]);
  expect(faults).toHaveLength(1);
});

/**
 * A system's metrics in a registry of prom-client: counted from its events, and looked up when somebody scrapes.
 *
 * Names are those that OpenTelemetry's metrics of the system get in Prometheus, so one dashboard serves both.
 *
 * I1  Labels are types, names of tasks, pools and budgets, units, statuses and codes: none is an id.
 * I2  It can be created at any time, and counts from then on.
 * I3  After `close` the registry has none of these metrics, and nothing listens.
 */
import { Registry } from 'prom-client';
import { z } from 'zod';
import { type AgentSystem, AgentSystemError } from '../index.ts';
import { DURATION_BUCKETS_SECONDS } from '../runtime/observability/duration-buckets.ts';
import { having, parseInput } from '../runtime/values/malformed.ts';
import { EventCounters } from './event-counters.ts';
import { FleetGauges } from './fleet-gauges.ts';

/** Where the metrics are registered, and how durations are divided. */
export interface PrometheusOptions {
  /** Default a new one. Another system's metrics must not be in it. */
  readonly register?: Registry;
  /** Upper bounds of the histograms' buckets, in seconds; default from 1 ms to 10 minutes. */
  readonly bucketsSeconds?: readonly number[];
}

/** A source for `createEndpoints({ metrics })`, and for any server of your own. */
export interface PrometheusMetrics extends Disposable {
  /** The registry of prom-client that they are in. */
  readonly register: Registry;
  /** The `Content-Type` of `metrics()`. */
  readonly contentType: string;
  /** All metrics of the registry, as Prometheus reads them. */
  metrics(): Promise<string>;
  /** Takes them out of the registry, and stops counting. */
  close(): void;
}

const optionsSchema = z.strictObject({
  register: having<Registry>('registerMetric', 'removeSingleMetric', 'metrics').optional(),
  bucketsSeconds: z
    .array(z.number().positive())
    .min(1)
    .refine((bounds) => bounds.every((bound, place) => place === 0 || bound > bounds[place - 1]!), {
      error: 'expected bounds that grow',
    })
    .default([...DURATION_BUCKETS_SECONDS]),
});

/**
 * Registers a system's metrics in prom-client, and counts from then on.
 *
 * @throws AgentSystemError `AGENT_SPEC_INVALID` naming the option that was not as expected
 */
export function createPrometheus(system: AgentSystem, options: PrometheusOptions = {}): PrometheusMetrics {
  parseInput(having<AgentSystem>('resources', 'close'), system, { what: 'createPrometheus: system' });
  const { register = new Registry(), bucketsSeconds } = parseInput(optionsSchema, options, {
    what: 'createPrometheus',
  });
  if (register.getSingleMetric('mabeam_up')) {
    const problem = "register: expected one without the metrics of a system, got one that has another's";
    throw new AgentSystemError('AGENT_SPEC_INVALID', `createPrometheus: ${problem}`);
  }
  const gauges = new FleetGauges(system, register);
  const counters = new EventCounters(system, register, bucketsSeconds);
  const close = () => {
    gauges.close();
    counters.close();
  };
  return {
    register,
    get contentType() {
      return register.contentType;
    },
    metrics: () => register.metrics(),
    close,
    [Symbol.dispose]: close,
  };
}

/**
 * Spans and metrics through the OpenTelemetry API: nothing of it costs more than a call until an SDK is there.
 *
 * Every task is a span, a child of its caller's; what the agent does in it is a child of the task, in whatever host.
 * Metrics come from the event stream: agents by status, starts, ends, restarts, tasks with their durations, what they
 * park for and spend, alerts.
 *
 * I1  Labels are bounded: types, task names, statuses and codes, never ids.
 */
import {
  context,
  createNoopMeter,
  type Histogram,
  type Meter,
  metrics,
  ProxyTracerProvider,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from '@opentelemetry/api';
import { z } from 'zod';
import type { AgentStatus } from '../../machines/index.ts';
import type { SteadyClock } from '../time/clock.ts';
import { AgentSystemError, errorInfoOf } from '../values/errors.ts';
import type { TraceParent } from '../hosting/host.ts';
import type { SystemEvent } from '../journal/system-event.ts';
import { having } from '../values/malformed.ts';

/** Where traces and metrics go. */
export interface TelemetryOptions {
  /** Default: the global tracer named `mabeam`. */
  readonly tracer?: Tracer;
  /** Default: the global meter named `mabeam`. */
  readonly meter?: Meter;
}

export const telemetryOptions = z
  .strictObject({
    tracer: having<Tracer>('startSpan').optional(),
    meter: having<Meter>('createObservableGauge', 'createCounter', 'createHistogram').optional(),
  })
  .optional();

/** What metrics ask of the fleet. */
export interface TelemetryFleet {
  typeOf(agentId: string): string | undefined;
  /** How many agents of each type are in each status; called when metrics are collected. */
  counts(): Iterable<CountedAgents> | Promise<Iterable<CountedAgents>>;
}

interface CountedAgents {
  readonly type: string;
  readonly status: AgentStatus;
  readonly count: number;
}

interface Counting {
  readonly listener: (event: SystemEvent) => void;
  readonly close: () => void;
}

export interface TaskSpanOptions {
  readonly agentId: string;
  /** Of a fleet, whose agents are elsewhere, the caller does not know these. */
  readonly incarnation?: number;
  readonly agentType?: string;
  readonly task: string;
}

const NAME = 'mabeam';

export class Telemetry {
  readonly #tracer: Tracer;
  readonly #meter: Meter;
  /** What the global tracer's spans are handed to once an SDK is there; until then. */
  #idle: ProxyTracerProvider | undefined;
  #poolDurations: Histogram | undefined;

  constructor({ tracer, meter }: TelemetryOptions = {}) {
    const provider = trace.getTracerProvider();
    this.#idle = tracer === undefined && provider instanceof ProxyTracerProvider ? provider : undefined;
    this.#tracer = tracer ?? trace.getTracer(NAME);
    this.#meter = meter ?? metrics.getMeter(NAME);
  }

  /** Whether somebody may see a span: without an SDK none is made. */
  get isTracing(): boolean {
    if (this.#idle?.getDelegateTracer(NAME) !== undefined) this.#idle = undefined;
    return this.#idle === undefined;
  }

  /** Runs a task as a span; `run` is given what the agent's own spans are to be children of. */
  task<Output>(
    { agentId, incarnation, agentType, task }: TaskSpanOptions,
    run: (parent: TraceParent | undefined) => Promise<Output>,
  ): Promise<Output> {
    const span = this.#tracer.startSpan(`task ${task}`, {
      kind: SpanKind.INTERNAL,
      attributes: {
        'mabeam.agent.id': agentId,
        ...(agentType === undefined ? {} : { 'mabeam.agent.type': agentType }),
        ...(incarnation === undefined ? {} : { 'mabeam.agent.incarnation': incarnation }),
        'mabeam.task': task,
      },
    });
    if (!span.isRecording()) return run(undefined);
    const { traceId, spanId, traceFlags } = span.spanContext();
    return spanning(span, run({ traceId, spanId, traceFlags }));
  }

  /**
   * Runs a pool's task as a span over its wait in the queue and its work, and measures both: no event reports the time
   * of a task that ends in the queue.
   */
  poolTask<Output>(
    { pool, task, clock }: { readonly pool: string; readonly task: string; readonly clock: SteadyClock },
    run: () => Promise<Output>,
  ): Promise<Output> {
    const attributes = { 'mabeam.pool': pool, 'mabeam.task': task };
    const span = this.#tracer.startSpan(`pool task ${task}`, { kind: SpanKind.INTERNAL, attributes });
    const durations = this.#poolDurations;
    const isRecording = span.isRecording();
    if (!isRecording && durations === undefined) return run();
    const askedAt = clock.elapsed();
    const output = isRecording
      ? spanning(span, context.with(trace.setSpan(context.active(), span), run))
      : run();
    const measure = (as: object) =>
      durations?.record((clock.elapsed() - askedAt) / 1_000, { pool, task, ...as });
    return output.then(
      (value) => {
        measure({ as: 'completed' });
        return value;
      },
      (thrown: unknown) => {
        measure({ as: 'failed', ...(thrown instanceof AgentSystemError ? { code: thrown.code } : {}) });
        throw thrown;
      },
    );
  }

  /**
   * Counts what happens. Returns the listener for the events and how to stop being asked for a census, or
   * `undefined` where nobody would read it.
   *
   * @throws AgentSystemError `AGENT_SPEC_INVALID` for an invalid meter
   */
  count(fleet: TelemetryFleet): Counting | undefined {
    if (this.#meter === createNoopMeter()) return undefined;
    try {
      return this.#count(fleet);
    } catch (thrown) {
      const message = `telemetry.meter: expected a Meter of OpenTelemetry: ${errorInfoOf(thrown).message}`;
      throw new AgentSystemError('AGENT_SPEC_INVALID', `createAgentSystem: ${message}`, { cause: thrown });
    }
  }

  #count(fleet: TelemetryFleet): Counting {
    const meter = this.#meter;
    const agents = meter.createObservableGauge('mabeam.agents', { description: 'Agents by type and status' });
    const starts = meter.createCounter('mabeam.agent.starts', { description: 'Bodies that became ready' });
    const failures = meter.createCounter('mabeam.agent.start_failures');
    const ends = meter.createCounter('mabeam.agent.ends', { description: 'Bodies that ended, by how' });
    const restarts = meter.createCounter('mabeam.agent.restarts', {
      description: 'Restarts that were scheduled',
    });
    const tasks = meter.createCounter('mabeam.tasks', { description: 'Tasks that ended, by how' });
    const waits = meter.createHistogram('mabeam.task.wait', {
      unit: 's',
      description: 'From acceptance to start',
    });
    const runs = meter.createHistogram('mabeam.task.duration', {
      unit: 's',
      description: 'From start to answer',
    });
    this.#poolDurations = meter.createHistogram('mabeam.pool.task.duration', {
      unit: 's',
      description: 'Of a task of a pool, from being asked for to its answer, its time in the queue included',
    });
    const parks = meter.createCounter('mabeam.task.parks', {
      description: 'Tasks that ran into a limit, and wait',
    });
    const retries = meter.createCounter('mabeam.task.retries', {
      description: 'Attempts that failed and were followed by another',
    });
    const used = meter.createCounter('mabeam.budget.used', {
      description: 'What was used of each budget, by unit; money in units of its own',
    });
    const alerts = meter.createCounter('mabeam.alerts', { description: 'Alerts that were raised' });
    const observe: Parameters<typeof agents.addCallback>[0] = (result) => {
      const tell = (counts: Iterable<CountedAgents>): void => {
        for (const { type, status, count } of counts) result.observe(count, { type, status });
      };
      const counts = fleet.counts();
      return Symbol.iterator in counts ? tell(counts) : counts.then(tell);
    };
    agents.addCallback(observe);
    const typeOf = (agentId: string | undefined) => ({
      type: (agentId === undefined ? undefined : fleet.typeOf(agentId)) ?? 'unknown',
    });
    const listener = (event: SystemEvent): void => {
      switch (event.type) {
        case 'agent.started':
          return starts.add(1, typeOf(event.agentId));
        case 'agent.start_failed':
          return failures.add(1, typeOf(event.agentId));
        case 'agent.stopped':
        case 'agent.completed':
        case 'agent.crashed':
          return ends.add(1, { ...typeOf(event.agentId), as: event.type.slice('agent.'.length) });
        case 'agent.restart_scheduled':
          return restarts.add(1, typeOf(event.agentId));
        case 'task.completed':
        case 'task.failed': {
          const code = event.type === 'task.failed' ? { code: event.code } : {};
          const labels = { ...typeOf(event.agentId), task: event.task };
          const ended = { ...labels, as: event.type.slice('task.'.length), ...code };
          waits.record(event.waitedMs / 1_000, labels);
          runs.record(event.ranMs / 1_000, ended);
          return tasks.add(1, ended);
        }
        case 'task.timed_out':
        case 'task.abandoned':
        case 'task.unknown':
          return tasks.add(1, {
            ...typeOf(event.agentId),
            task: event.task,
            as: event.type.slice('task.'.length),
          });
        case 'task.parked':
          return parks.add(1, { ...typeOf(event.agentId), task: event.task });
        case 'task.retry_scheduled':
          return retries.add(1, { ...typeOf(event.agentId), task: event.task, code: event.code });
        case 'budget.settled': {
          const labels = { ...typeOf(event.agentId), budget: event.budget };
          for (const [unit, amount] of Object.entries(event.amount)) used.add(amount, { ...labels, unit });
          return;
        }
        case 'alert.raised':
          return alerts.add(1, { alert: event.alert });
        default:
      }
    };
    return { listener, close: () => agents.removeCallback(observe) };
  }
}

/** Ends a span with its work, as that ends. */
function spanning<Output>(span: Span, work: Promise<Output>): Promise<Output> {
  return work.then(
    (output) => {
      span.end();
      return output;
    },
    (thrown: unknown) => {
      const { message } = errorInfoOf(thrown);
      if (thrown instanceof AgentSystemError) span.setAttribute('mabeam.error.code', thrown.code);
      span.recordException(thrown instanceof Error ? thrown : message);
      span.setStatus({ code: SpanStatusCode.ERROR, message });
      span.end();
      throw thrown;
    },
  );
}

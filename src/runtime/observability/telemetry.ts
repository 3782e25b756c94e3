/**
 * Spans and metrics through the OpenTelemetry API: nothing of it costs more than a call until an SDK is there.
 *
 * Every task is a span, a child of its caller's; what the agent does in it is a child of the task, in whatever host.
 * Metrics come from the event stream: agents by status, starts, ends, restarts, tasks with their durations, what they
 * park for and spend, alerts.
 *
 * I1  Labels are bounded: types, task names, statuses and codes, never ids.
 * I2  Nothing that a tracer or a meter does changes what is measured: what it throws, or a promise of it that is
 *     rejected, is reported, the first time alone. A meter that cannot make its instruments is refused at once.
 */
import {
  type Attributes,
  createNoopMeter,
  type Meter,
  type MetricOptions,
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
import { AgentSystemError, errorInfoOf, isError } from '../values/errors.ts';
import type { TraceParent } from '../hosting/host.ts';
import { traceOf, withinContext } from '../hosting/trace-parent.ts';
import type { SystemEvent } from '../journal/system-event.ts';
import { having } from '../values/malformed.ts';
import { attempt, ignoreRejection } from '../values/thenable.ts';
import { DURATION_BUCKETS_SECONDS } from './duration-buckets.ts';

/** Where traces and metrics go. */
export interface TelemetryOptions {
  /** Default: the global tracer named `mabeam`. */
  readonly tracer?: Tracer | undefined;
  /** Default: the global meter named `mabeam`. */
  readonly meter?: Meter | undefined;
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

/** A counter's `add`, or a histogram's `record`. */
type Instrument = (value: number, attributes: Attributes) => void;

const NAME = 'mabeam';

export class Telemetry {
  readonly #report: (message: string, thrown: unknown) => void;
  /** There is none where the global ones cannot be asked for. */
  readonly #tracer: Tracer | undefined;
  readonly #meter: Meter | undefined;
  /** What the global tracer's spans are handed to once an SDK is there; until then. */
  #idle: ProxyTracerProvider | undefined;
  #poolDurations: Instrument | undefined;
  #hasFailed = false;

  /** @param report is told of the first failure of a tracer or meter */
  constructor(
    { tracer, meter }: TelemetryOptions = {},
    report: (message: string, thrown: unknown) => void = () => undefined,
  ) {
    this.#report = report;
    const provider = this.#try(() => trace.getTracerProvider());
    this.#idle = tracer === undefined && provider instanceof ProxyTracerProvider ? provider : undefined;
    this.#tracer = tracer ?? this.#try(() => trace.getTracer(NAME));
    this.#meter = meter ?? this.#try(() => metrics.getMeter(NAME));
  }

  /** Whether somebody may see a span: without an SDK none is made. */
  get isTracing(): boolean {
    // Asked for each task, so without a function of its own.
    try {
      if (this.#idle?.getDelegateTracer(NAME) !== undefined) this.#idle = undefined;
    } catch (thrown) {
      this.#failed(thrown);
    }
    return this.#idle === undefined;
  }

  /** Runs a task as a span; `run` is given what the agent's own spans are to be children of. */
  task<Output>(
    { agentId, incarnation, agentType, task }: TaskSpanOptions,
    run: (parent: TraceParent | undefined) => Promise<Output>,
  ): Promise<Output> {
    const span = this.#begin(`task ${task}`, {
      'mabeam.agent.id': agentId,
      ...(agentType === undefined ? {} : { 'mabeam.agent.type': agentType }),
      ...(incarnation === undefined ? {} : { 'mabeam.agent.incarnation': incarnation }),
      'mabeam.task': task,
    });
    if (span === undefined) return run(undefined);
    return this.#spanning(span, run(traceOf(this.#try(() => span.spanContext()))));
  }

  /**
   * Runs a pool's task as a span over its wait in the queue and its work, and measures both: no event reports the time
   * of a task that ends in the queue.
   */
  poolTask<Output>(
    { pool, task, clock }: { readonly pool: string; readonly task: string; readonly clock: SteadyClock },
    run: () => Promise<Output>,
  ): Promise<Output> {
    const span = this.#begin(`pool task ${task}`, { 'mabeam.pool': pool, 'mabeam.task': task });
    const durations = this.#poolDurations;
    if (span === undefined && durations === undefined) return run();
    const askedAt = clock.elapsed();
    const output = span === undefined ? run() : this.#spanning(span, withinSpan(span, run));
    const measure = (as: Attributes) =>
      durations?.((clock.elapsed() - askedAt) / 1_000, { pool, task, ...as });
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
    const meter = this.#meter;
    if (meter === undefined || meter === createNoopMeter()) return undefined;
    try {
      return this.#count(meter, fleet);
    } catch (thrown) {
      const message = `telemetry.meter: expected a Meter of OpenTelemetry: ${errorInfoOf(thrown).message}`;
      throw new AgentSystemError('AGENT_SPEC_INVALID', `createAgentSystem: ${message}`, { cause: thrown });
    }
  }

  /** A span that somebody may see; `undefined` where nothing records it. */
  #begin(name: string, attributes: Attributes): Span | undefined {
    const span = this.#try(() => this.#tracer?.startSpan(name, { kind: SpanKind.INTERNAL, attributes }));
    return span !== undefined && this.#try(() => span.isRecording()) === true ? span : undefined;
  }

  /** Ends a span with its work, as that ends. */
  #spanning<Output>(span: Span, work: Promise<Output>): Promise<Output> {
    return work.then(
      (output) => {
        this.#try(() => span.end());
        return output;
      },
      (thrown: unknown) => {
        const { message } = errorInfoOf(thrown);
        if (thrown instanceof AgentSystemError)
          this.#try(() => span.setAttribute('mabeam.error.code', thrown.code));
        this.#try(() => span.recordException(isError(thrown) ? thrown : message));
        this.#try(() => span.setStatus({ code: SpanStatusCode.ERROR, message }));
        this.#try(() => span.end());
        throw thrown;
      },
    );
  }

  #try<Value>(work: () => Value): Value | undefined {
    return attempt(work, (thrown) => this.#failed(thrown));
  }

  #failed(thrown: unknown): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#report('a tracer or meter has failed, which is told once', thrown);
  }

  #count(meter: Meter, fleet: TelemetryFleet): Counting {
    const counter = (name: string, options?: MetricOptions): Instrument => {
      const made = meter.createCounter(name, options);
      return (value, attributes) => this.#try(() => made.add(value, attributes));
    };
    // An SDK divides by bounds for milliseconds unless it is told others.
    const advice = { explicitBucketBoundaries: [...DURATION_BUCKETS_SECONDS] };
    const seconds = (name: string, description: string): Instrument => {
      const made = meter.createHistogram(name, { unit: 's', description, advice });
      return (value, attributes) => this.#try(() => made.record(value, attributes));
    };
    const agents = meter.createObservableGauge('mabeam.agents', { description: 'Agents by type and status' });
    const starts = counter('mabeam.agent.starts', { description: 'Bodies that became ready' });
    const failures = counter('mabeam.agent.start_failures');
    const ends = counter('mabeam.agent.ends', { description: 'Bodies that ended, by how' });
    const restarts = counter('mabeam.agent.restarts', {
      description: 'Restarts that were scheduled',
    });
    const tasks = counter('mabeam.tasks', { description: 'Tasks that ended, by how' });
    const waits = seconds('mabeam.task.wait', 'From acceptance to start');
    const runs = seconds('mabeam.task.duration', 'From start to answer');
    this.#poolDurations = seconds(
      'mabeam.pool.task.duration',
      'Of a task of a pool, from being asked for to its answer, its time in the queue included',
    );
    const parks = counter('mabeam.task.parks', {
      description: 'Tasks that ran into a limit, and wait',
    });
    const retries = counter('mabeam.task.retries', {
      description: 'Attempts that failed and were followed by another',
    });
    const used = counter('mabeam.budget.used', {
      description: 'What was used of each budget, by unit; money in units of its own',
    });
    const alerts = counter('mabeam.alerts', { description: 'Alerts that were raised' });
    const observe: Parameters<typeof agents.addCallback>[0] = (result) => {
      const tell = (counts: Iterable<CountedAgents>): void => {
        for (const { type, status, count } of counts) result.observe(count, { type, status });
      };
      const counts = fleet.counts();
      if (Symbol.iterator in counts) return tell(counts);
      const told = counts.then(tell);
      // A meter may leave it alone.
      ignoreRejection(told);
      return told;
    };
    agents.addCallback(observe);
    const typeOf = (agentId: string | undefined) => ({
      type: (agentId === undefined ? undefined : fleet.typeOf(agentId)) ?? 'unknown',
    });
    const listener = (event: SystemEvent): void => {
      switch (event.type) {
        case 'agent.started':
          return starts(1, typeOf(event.agentId));
        case 'agent.start_failed':
          return failures(1, typeOf(event.agentId));
        case 'agent.stopped':
        case 'agent.completed':
        case 'agent.crashed':
          return ends(1, { ...typeOf(event.agentId), as: event.type.slice('agent.'.length) });
        case 'agent.restart_scheduled':
          return restarts(1, typeOf(event.agentId));
        case 'task.completed':
        case 'task.failed': {
          const code = event.type === 'task.failed' ? { code: event.code } : {};
          const labels = { ...typeOf(event.agentId), task: event.task };
          const ended = { ...labels, as: event.type.slice('task.'.length), ...code };
          waits(event.waitedMs / 1_000, labels);
          runs(event.ranMs / 1_000, ended);
          return tasks(1, ended);
        }
        case 'task.timed_out':
        case 'task.abandoned':
        case 'task.unknown':
          return tasks(1, {
            ...typeOf(event.agentId),
            task: event.task,
            as: event.type.slice('task.'.length),
          });
        case 'task.parked':
          return parks(1, { ...typeOf(event.agentId), task: event.task });
        case 'task.retry_scheduled':
          return retries(1, { ...typeOf(event.agentId), task: event.task, code: event.code });
        case 'budget.settled': {
          const labels = { ...typeOf(event.agentId), budget: event.budget };
          for (const [unit, amount] of Object.entries(event.amount)) used(amount, { ...labels, unit });
          return;
        }
        case 'alert.raised':
          return alerts(1, { alert: event.alert });
        default:
      }
    };
    return { listener, close: () => this.#try(() => agents.removeCallback(observe)) };
  }
}

function withinSpan<Result>(span: Span, work: () => Result): Result {
  return withinContext((active) => trace.setSpan(active, span), work);
}

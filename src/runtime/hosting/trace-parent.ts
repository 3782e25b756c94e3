/**
 * What links an agent's own spans to the task they belong to, across threads and processes.
 *
 * I1  Work is done once, and ends as it ends, whatever the program's tracing does around it.
 */
import { type Context, context, type SpanContext, trace } from '@opentelemetry/api';
import { attempt } from '../values/thenable.ts';
import type { TraceParent } from './host.ts';

/** Runs `work` so that spans it starts are children of `parent`, which may live in another process. */
export function withinTrace<Result>(parent: TraceParent | undefined, work: () => Result): Result {
  if (parent === undefined) return work();
  return withinContext((active) => trace.setSpanContext(active, { ...parent, isRemote: true }), work);
}

/** Runs `work` in a context made of the active one. */
export function withinContext<Result>(contextOf: (active: Context) => Context, work: () => Result): Result {
  let ended: (() => Result) | undefined;
  const once = (): Result => (ended ??= endOf(work))();
  // A promise that it gives is its caller's to handle.
  attempt(() => context.with(contextOf(context.active()), () => void once()));
  return once();
}

/** Does the work. What it returns says how that ended, as often as it is asked. */
function endOf<Result>(work: () => Result): () => Result {
  try {
    const result = work();
    return () => result;
  } catch (thrown) {
    return () => {
      throw thrown;
    };
  }
}

/** What spans that are started now are children of; `undefined` where nothing records. */
export function activeTrace(): TraceParent | undefined {
  const span = attempt(() => trace.getActiveSpan());
  if (span === undefined || attempt(() => span.isRecording()) !== true) return undefined;
  return traceOf(attempt(() => span.spanContext()));
}

/** What the children of a span name as their parent; `undefined` for what is no span's context. */
export function traceOf(given: Partial<SpanContext> | undefined): TraceParent | undefined {
  return attempt(() => {
    const { traceId, spanId, traceFlags } = given ?? {};
    // It crosses into threads, processes and machines.
    const isData =
      typeof traceId === 'string' && typeof spanId === 'string' && typeof traceFlags === 'number';
    return isData ? { traceId, spanId, traceFlags } : undefined;
  });
}

/** What links an agent's own spans to the task they belong to, across threads and processes. */
import { context, trace } from '@opentelemetry/api';
import type { TraceParent } from './host.ts';

/** Runs `work` so that spans it starts are children of `parent`, which may live in another process. */
export function withinTrace<Result>(parent: TraceParent | undefined, work: () => Result): Result {
  if (parent === undefined) return work();
  return context.with(trace.setSpanContext(context.active(), { ...parent, isRemote: true }), work);
}

/** What spans that are started now are children of; `undefined` where nothing records. */
export function activeTrace(): TraceParent | undefined {
  const span = trace.getActiveSpan();
  if (span?.isRecording() !== true) return undefined;
  const { traceId, spanId, traceFlags } = span.spanContext();
  return { traceId, spanId, traceFlags };
}

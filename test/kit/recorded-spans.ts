/** Records the spans of a test file through OpenTelemetry's own SDK, from its first test to its last. */
import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { afterAll, beforeAll } from 'vitest';

/** Call it at the top level of a test file. @returns the spans that have ended, and their provider */
export function recordedSpans(): { readonly spans: InMemorySpanExporter; readonly tracers: TracerProvider } {
  const spans = new InMemorySpanExporter();
  const tracers = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter: spans })] });
  beforeAll(() => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    trace.setGlobalTracerProvider(tracers);
  });
  afterAll(async () => {
    trace.disable();
    context.disable();
    await tracers.shutdown();
  });
  return { spans, tracers };
}

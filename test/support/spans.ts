import * as api from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";

/** A host's OpenTelemetry, of the real SDK, that keeps what it would export. */
export function openTelemetry() {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({
    spanProcessors: [new SimpleSpanProcessor({ exporter })],
  });
  const manager = new AsyncLocalStorageContextManager();
  manager.enable();
  api.trace.setGlobalTracerProvider(provider);
  api.context.setGlobalContextManager(manager);
  api.propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  const all = () => exporter.getFinishedSpans();
  return {
    api,
    all,
    named: (name: string) => all().filter((span) => span.name === name),
    /** The only one of its name. */
    one: (name: string): ReadableSpan => {
      const found = all().filter((span) => span.name === name);
      if (found.length !== 1)
        throw new Error(
          `${found.length} spans named ${name} among: ${all()
            .map((span) => span.name)
            .join(", ")}`,
        );
      return found[0]!;
    },
    reset: () => exporter.reset(),
    async close() {
      await provider.shutdown();
      api.trace.disable();
      api.context.disable();
      api.propagation.disable();
    },
  };
}

export const isChild = (span: ReadableSpan, parent: ReadableSpan): boolean =>
  span.parentSpanContext?.spanId === parent.spanContext().spanId &&
  span.spanContext().traceId === parent.spanContext().traceId;

/** Milliseconds, to a microsecond. */
export const durationMs = ({ duration: [seconds, nanos] }: ReadableSpan): number =>
  Math.round(seconds * 1e6 + nanos / 1e3) / 1e3;
export const startMs = ({ startTime: [seconds, nanos] }: ReadableSpan): number =>
  Math.round(seconds * 1e6 + nanos / 1e3) / 1e3;

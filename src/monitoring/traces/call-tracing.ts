import {
  type CallSpan,
  type CallTracer,
  type Clock,
  systemClock,
  type TracedCall,
  type EventBus,
} from "../../core/index.ts";
import { subscribe } from "../observe-events.ts";
import { isRecorded, OpenTelemetryCallSpan, type RunningAttempt, spanMaker, type SpanMaker } from "./call-span.ts";
import { type OpenTelemetryApi, type SpanAttributes } from "./opentelemetry-api.ts";
import { serviceAttributes } from "./service-attributes.ts";

export interface CallTracingOptions {
  /** The module `@opentelemetry/api`, or what has its shape. */
  readonly api: OpenTelemetryApi;
  /** The version that spans name as their instrumentation's. */
  readonly version?: string | undefined;
  /** Times the spans. @defaultValue the system's */
  readonly clock?: Clock | undefined;
  /** Takes secrets out of what services said, before it becomes a status. @defaultValue nothing is taken out */
  readonly redact?: ((text: string) => string) | undefined;
}

/** The ids that join a log line to its trace. @see https://opentelemetry.io/docs/specs/otel/compatibility/logging_trace_context/ */
export interface TraceFields {
  readonly trace_id?: string;
  readonly span_id?: string;
  /** Of the call inside which the line is written. */
  readonly callId?: string;
}

/** Where the context keeps the attempt that runs in it. */
const runningKey = Symbol.for("enhanced-integration.attempt");

/**
 * Spans for OpenTelemetry: one of kind client per call, below the host's active one; in it one per attempt and per wait.
 * An attempt's span is active while the attempt works, so that the host's own instrumentation nests in it.
 *
 * @example
 * const tracing = new CallTracing({ api: await import("@opentelemetry/api") });
 * const pipeline = createPipeline({ tracer: tracing });
 */
export class CallTracing implements CallTracer {
  readonly #api: OpenTelemetryApi;
  readonly #clock: Clock;
  readonly #make: SpanMaker;
  readonly #redact: (text: string) => string;

  constructor({ api, version, clock = systemClock, redact = (text) => text }: CallTracingOptions) {
    this.#api = api;
    this.#clock = clock;
    this.#redact = redact;
    this.#make = spanMaker(api, version);
  }

  begin(call: TracedCall): CallSpan {
    const api = this.#api;
    const active = api.context.active();
    // Who caused what nobody waits for is linked: its trace may be over long before.
    const cause = call.behind ? api.trace.getSpan(active)?.spanContext() : undefined;
    return new OpenTelemetryCallSpan({
      api,
      make: this.#make,
      redact: this.#redact,
      call,
      parent: call.behind ? api.trace.deleteSpan(active) : active,
      links: cause ? [cause] : [],
      attributes: serviceAttributes(call.service, call.operation, call.callId),
      // One reading of the calendar per call: within it all times come from the clock that never jumps.
      epochMs: this.#clock.wallNow() - this.#clock.now(),
      runningKey,
    });
  }

  /** What is known of the attempt in whose context we are, told to its span and its call's. */
  describe(attributes: SpanAttributes): void {
    const running = this.#running;
    running?.span.setAttributes(attributes);
    running?.call.setAttributes(attributes);
  }

  /** Only to the attempt's span: what may differ from one attempt to the next. */
  describeAttempt(attributes: SpanAttributes): void {
    this.#running?.span.setAttributes(attributes);
  }

  /** The fields of log lines that are written now. Empty outside of spans. */
  fields(): TraceFields {
    const active = this.#api.context.active();
    const span = this.#api.trace.getSpan(active)?.spanContext();
    const running = active.getValue(runningKey) as RunningAttempt | undefined;
    return {
      ...(running && { callId: running.callId }),
      ...(span && isRecorded(span.traceId) && { trace_id: span.traceId, span_id: span.spanId }),
    };
  }

  /**
   * Takes from events what only the clients know: rows, tokens, waits for connections. Events come in the context of who
   * emits them. @returns a function that unsubscribes
   */
  observe(events: EventBus): () => void {
    return subscribe(events, {
      "query.finished": ({ statement, rows, transport }) =>
        this.describe({
          "db.query.summary": statement,
          "db.response.returned_rows": rows,
          "enhanced_integration.db.transport": transport,
        }),
      "query.failed": ({ statement, transport, sqlState }) =>
        this.describe({
          "db.query.summary": statement,
          "enhanced_integration.db.transport": transport,
          ...(sqlState !== undefined && { "db.response.status_code": sqlState }),
        }),
      "model.failed": ({ model }) => this.describe({ "gen_ai.request.model": model }),
      "model.finished": ({ model, inputTokens, outputTokens }) =>
        this.describe({
          "gen_ai.request.model": model,
          "gen_ai.usage.input_tokens": inputTokens,
          "gen_ai.usage.output_tokens": outputTokens,
        }),
      "pool.connection_returned": ({ waitedMs }) =>
        this.describeAttempt({ "enhanced_integration.pool.waited_ms": waitedMs }),
      "pool.acquire_failed": ({ waitedMs, kind }) =>
        this.describeAttempt({
          "enhanced_integration.pool.waited_ms": waitedMs,
          "enhanced_integration.pool.failure": kind,
        }),
    });
  }

  get #running(): RunningAttempt | undefined {
    return this.#api.context.active().getValue(runningKey) as RunningAttempt | undefined;
  }
}

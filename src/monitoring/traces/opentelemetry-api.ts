import { createRequire } from "node:module";

/** What a span's attribute can be. */
export type SpanValue = string | number | boolean;
export type SpanAttributes = Record<string, SpanValue>;

/** Milliseconds since the epoch, fractions possible. */
type SpanTime = number;

/** The part of OpenTelemetry's `SpanContext` that is read. */
export interface SpanContextLike {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceFlags: number;
}

/** The part of OpenTelemetry's `Span` that is used. */
export interface SpanLike {
  spanContext(): SpanContextLike;
  setAttributes(attributes: SpanAttributes): unknown;
  addEvent(name: string, attributes: SpanAttributes, time: SpanTime): unknown;
  setStatus(status: { code: number; message?: string }): unknown;
  isRecording(): boolean;
  end(time?: SpanTime): void;
}

/** OpenTelemetry's immutable context. */
export interface OtelContext {
  getValue(key: symbol): unknown;
  setValue(key: symbol, value: unknown): OtelContext;
  deleteValue(key: symbol): OtelContext;
}

/** The part of `@opentelemetry/api` that is used, so that its types are needed by nobody who does not trace. */
export interface OpenTelemetryApi {
  readonly trace: {
    getTracer(
      name: string,
      version?: string,
    ): {
      startSpan(
        name: string,
        options: {
          kind: number;
          startTime: SpanTime;
          attributes: SpanAttributes;
          links: { context: SpanContextLike }[];
        },
        context: OtelContext,
      ): SpanLike;
    };
    setSpan(context: OtelContext, span: SpanLike): OtelContext;
    deleteSpan(context: OtelContext): OtelContext;
    getSpan(context: OtelContext): SpanLike | undefined;
  };
  readonly context: {
    active(): OtelContext;
    with(context: OtelContext, fn: () => unknown): unknown;
  };
  readonly propagation: {
    inject(context: OtelContext, carrier: unknown): void;
  };
}

/** OpenTelemetry's numbers, which are part of its stable API. */
export const spanKind = { internal: 0, client: 2 } as const;
export const statusCode = { error: 2 } as const;

/**
 * Loads the optional peer `@opentelemetry/api`, which keeps its state on a global symbol: whoever loads it, by `import` or
 * `require`, meets the host's providers.
 *
 * @returns undefined where it is not installed
 */
export function loadOpenTelemetry(
  load: (id: string) => unknown = createRequire(import.meta.url),
): OpenTelemetryApi | undefined {
  try {
    return load("@opentelemetry/api") as OpenTelemetryApi;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "MODULE_NOT_FOUND") return undefined;
    throw cause;
  }
}

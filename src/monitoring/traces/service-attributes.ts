import { type SpanAttributes } from "./opentelemetry-api.ts";

/** OpenTelemetry's names for what the four services are. @see https://opentelemetry.io/docs/specs/semconv/ */
const known: Readonly<Record<string, (operation: string) => SpanAttributes>> = {
  neon: (operation) => ({ "db.system.name": "postgresql", "db.operation.name": operation }),
  "neon-data-api": (operation) => ({ "db.system.name": "postgresql", "db.operation.name": operation }),
  ollama: (operation) => ({
    "gen_ai.provider.name": "ollama",
    "gen_ai.operation.name": generative[operation] ?? operation,
  }),
};

/** Our operations by OpenTelemetry's well-known names. */
const generative: Readonly<Record<string, string>> = {
  chat: "chat",
  stream: "chat",
  generateObject: "chat",
  embed: "embeddings",
};

/** What a call's span says from its first moment, so that samplers can decide by it. */
export function serviceAttributes(service: string, operation: string, callId: string): SpanAttributes {
  const own = Object.hasOwn(known, service) ? known[service]?.(operation) : undefined;
  return {
    "enhanced_integration.service": service,
    "enhanced_integration.operation": operation,
    "enhanced_integration.call_id": callId,
    ...own,
  };
}

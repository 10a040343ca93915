import { type Circuit, circuitName, type EventBus, type IntegrationEvents, type Logger } from "../../core/index.ts";
import { subscribe } from "../observe-events.ts";

export interface LogEventsOptions {
  /** Also successful calls, failed attempts, queries and waits, at level debug (VERBOSE_LOGGING). @defaultValue false */
  readonly verbose?: boolean | undefined;
}

/**
 * Writes one line per notable event, each with the event's fields, `callId` and `requestId` among them.
 * @returns a function that unsubscribes
 */
export function logEvents(events: EventBus, logger: Logger, options: LogEventsOptions = {}): () => void {
  const notable = subscribe(events, {
    "call.finished": (event) => {
      if (event.outcome === "error")
        logger.warn(inTrace(event), `${event.service}.${event.operation} failed: ${event.code ?? "unknown"}`);
      else if (options.verbose) logger.debug(inTrace(event), `${event.service}.${event.operation} finished`);
    },
    "retry.scheduled": (event) =>
      logger.info(
        inTrace(event),
        `${event.service}.${event.operation} is tried again in ${Math.round(event.delayMs)} ms`,
      ),
    "circuit.opened": (event) => logger.warn(event, `the circuit of ${nameOf(event)} opened: ${event.reason}`),
    "circuit.half_opened": (event) => logger.info(event, `the circuit of ${nameOf(event)} lets probes through`),
    "circuit.closed": (event) => logger.info(event, `the circuit of ${nameOf(event)} closed`),
    "pool.connection_lost": (event) => logger.warn(event, `the pool ${event.pool} lost a connection: ${event.message}`),
    "pool.mode_changed": (event) => logger.warn(event, `the pool ${event.pool} is ${event.mode}: ${event.reason}`),
    "pool.leak_suspected": (event) =>
      logger.warn(event, `the pool ${event.pool} misses a connection, lent for ${Math.round(event.heldMs)} ms`),
    "pool.recovery_ended": (event) =>
      logger.info(event, `the pool ${event.pool} has ${event.outcome} after ${Math.round(event.degradedMs)} ms`),
    "alert.changed": (event) =>
      logger[alertLevel(event)](event, `alert ${event.name} is ${event.state}: ${event.message}`),
    "operator.acted": (event) =>
      logger.warn({ audit: true, ...event }, `${event.who}: ${event.action} ${event.target}`),
    "config.warned": (event) => logger.warn(event, `${event.name}: ${event.message}`),
  });
  if (!options.verbose) return notable;
  const verbose = subscribe(events, {
    "attempt.failed": (event) =>
      logger.debug(inTrace(event), `${event.service}.${event.operation}, attempt ${event.attempt}: ${event.message}`),
    "query.finished": (event) =>
      logger.debug(inTrace(event), `query over ${event.transport} returned ${event.rows} rows`),
    "limit.refused": (event) => logger.debug(inTrace(event), `the limit ${event.limit} refused`),
    "limit.waited": (event) => logger.debug(inTrace(event), `waited for the limit ${event.limit}`),
    "request.finished": (event) => logger.debug(event, `${event.method} ${event.route} ${event.status}`),
    "tool.finished": (event) => logger.debug(event, `tool ${event.tool}: ${event.outcome}`),
  });
  return () => {
    notable();
    verbose();
  };
}

/** A call's event under OpenTelemetry's name for its trace. The line may be written in the context of another span. */
function inTrace<E extends { readonly traceId?: string }>(event: E): object {
  if (event.traceId === undefined) return event;
  const { traceId, ...facts } = event;
  return { ...facts, trace_id: traceId, span_id: undefined };
}

function alertLevel(event: IntegrationEvents["alert.changed"]): "info" | "warn" | "error" {
  if (event.state !== "firing") return "info";
  return event.severity === "critical" ? "error" : "warn";
}

const nameOf = ({ service, part }: Circuit) => circuitName(service, part);

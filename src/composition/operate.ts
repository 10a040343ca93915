import { type EventBus, IntegrationError } from "../core/index.ts";
import { type MonitoringSystem, type Silence } from "../monitoring/index.ts";
import { type CircuitBreaker, type Pipeline } from "../resilience/index.ts";

/** What an operator may do by hand. */
export type OperatorAction =
  /** Nothing goes to the service until its circuit is closed again. */
  | { readonly action: "isolate"; readonly service: string }
  /** Lets everything through, whatever was counted. */
  | { readonly action: "close"; readonly service: string }
  /** Nobody is told of the alert for a while, 1 to 10,080 minutes (a week); it goes on being evaluated and shown. */
  | { readonly action: "silence"; readonly alert: string; readonly minutes: number }
  /** Ends a silence early. */
  | { readonly action: "unsilence"; readonly silence: string };

const MAX_MINUTES = 10_080;

interface Parts {
  readonly pipeline: Pipeline;
  readonly monitoring: MonitoringSystem;
  readonly events: EventBus;
}

/**
 * Does it, and tells who did what as `operator.acted`, which the log writes down.
 * @param by who; shown in the log, in events and in silences
 * @throws IntegrationError NOT_FOUND naming what is known, INVALID_INPUT for anything else than an action
 */
export function operate(parts: Parts, action: OperatorAction, by: string): void {
  const who = by
    .replace(/\p{C}+/gu, " ")
    .trim()
    .slice(0, 100);
  if (who === "") throw invalid("say who acts");
  const target = act(parts, action, who);
  parts.events.emit("operator.acted", {
    ...{ who, action: action.action, target },
    ...(action.action === "silence" && { minutes: action.minutes }),
  });
}

/** @returns what it was done to */
function act(parts: Parts, action: OperatorAction, who: string): string {
  switch (action.action) {
    case "isolate":
      breakerOf(parts, action.service).isolate();
      return action.service;
    case "close":
      breakerOf(parts, action.service).close();
      return action.service;
    case "silence":
      silence(parts, action, who);
      return action.alert;
    case "unsilence":
      if (!parts.monitoring.notifications.silences.end(action.silence))
        throw notFound("there is no such silence any more");
      return action.silence;
    default:
      throw invalid("action must be isolate, close, silence or unsilence");
  }
}

/** Of a known service alone: the pipeline would make an unknown one known by being asked. */
function breakerOf({ pipeline }: Parts, service: string): CircuitBreaker {
  const known = pipeline.breakers().map((breaker) => breaker.service);
  const breaker = known.includes(service) ? pipeline.breaker(service) : undefined;
  if (breaker) return breaker;
  throw notFound(`there is no circuit of ${JSON.stringify(service)}; there are: ${known.join(", ")}`);
}

function silence({ monitoring }: Parts, { alert, minutes }: { alert: string; minutes: number }, who: string): Silence {
  const known = monitoring.alerts().map(({ name }) => name);
  if (!known.includes(alert))
    throw notFound(`there is no alert ${JSON.stringify(alert)}; there are: ${known.join(", ")}`);
  if (!(minutes >= 1 && minutes <= MAX_MINUTES)) throw invalid(`minutes must be a number from 1 to ${MAX_MINUTES}`);
  return monitoring.notifications.silences.add({
    matchers: `alertname=${JSON.stringify(alert)}`,
    durationMs: minutes * 60_000,
    author: who,
    comment: "from the status page",
  });
}

function invalid(message: string): IntegrationError {
  return new IntegrationError({ code: "INVALID_INPUT", message: `operate: ${message}` });
}

function notFound(message: string): IntegrationError {
  return new IntegrationError({ code: "NOT_FOUND", message: `operate: ${message}` });
}

import { circuitName, type EventBus, IntegrationError } from "../core/index.ts";
import { type MonitoringSystem, type Silence } from "../monitoring/index.ts";
import { type CircuitBreaker, type Pipeline } from "../resilience/index.ts";

/** What an operator may do by hand. */
export type OperatorAction =
  /** Nothing goes to the service, or to one part of it, until its circuit is closed again. */
  | { readonly action: "isolate"; readonly service: string; readonly part?: string }
  /** Lets everything through, whatever was counted: to the service with all of its parts, or to one of them. */
  | { readonly action: "close"; readonly service: string; readonly part?: string }
  /** Nobody is told of the alert for a while, 1 to 10,080 minutes (a week); it goes on being evaluated and shown. */
  | { readonly action: "silence"; readonly alert: string; readonly minutes: number }
  /** Ends a silence early. */
  | { readonly action: "unsilence"; readonly silence: string };

type CircuitOf = Pick<OperatorAction & { readonly action: "close" }, "service" | "part">;

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
      // A service's own circuit holds back its parts, too: those as well that nobody has called yet.
      circuitsOf(parts, action)[0].isolate();
      return circuitName(action.service, action.part);
    case "close":
      close(parts, action);
      return circuitName(action.service, action.part);
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

function close(parts: Parts, action: CircuitOf): void {
  const circuits = circuitsOf(parts, action);
  if (action.part !== undefined && parts.pipeline.breaker(action.service)?.isIsolated)
    throw invalid(`${action.service} is isolated as a whole; close it, not a part of it`);
  for (const circuit of circuits) circuit.close();
}

/** That of the part; or the service's own, and behind it those of its parts. */
function circuitsOf({ pipeline }: Parts, { service, part }: CircuitOf): [CircuitBreaker, ...CircuitBreaker[]] {
  // Of known ones alone: the pipeline would make an unknown one known by being asked.
  const known = pipeline.breakers();
  const meant = known.filter((circuit) => circuit.service === service && (part ?? circuit.part) === circuit.part);
  const [first, ...others] = meant.map((circuit) => pipeline.breaker(service, circuit.part)!);
  if (first) return [first, ...others];
  const names = known.map((circuit) => circuitName(circuit.service, circuit.part));
  throw notFound(
    `there is no circuit of ${JSON.stringify(circuitName(service, part))}; there are: ${names.join(", ")}`,
  );
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

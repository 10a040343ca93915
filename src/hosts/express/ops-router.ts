import { type ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Integration } from "../../integration.ts";
import { isLoopback } from "./loopback.ts";
import { type ExpressRequest, type Handler, send, sendJson } from "./handler.ts";
import { ActionRefused, takeAction } from "./status-page/actions.ts";
import { StatusEvents } from "./status-page/events.ts";
import { sendPage } from "./status-page/page.ts";

export interface OpsRouterOptions {
  /**
   * Who may see details and metrics: true, or better the person's name, which the audit log and silences then tell. Set
   * it where a proxy runs on the same machine: one that adds no header of its own makes every caller look local. Asked for
   * each request, and every two seconds for a page that is open: whose session is revoked then sees no more.
   *
   * @defaultValue requests from this machine that no proxy passed on
   */
  authorize?(request: ExpressRequest): boolean | string | Promise<boolean | string>;
  /**
   * Whether those who may see may also act: isolate and close circuits, silence alerts. @defaultValue nobody may
   */
  readonly actions?: boolean | ((request: ExpressRequest) => boolean | Promise<boolean>);
}

interface Visit {
  readonly integration: Integration;
  readonly request: ExpressRequest;
  readonly response: ServerResponse;
  /** The visitor's name. */
  readonly who: string;
  readonly stream: StatusEvents;
  /** Asks again whether this visitor may see what is here, and is still the same. */
  readonly maySee: () => Promise<boolean>;
  readonly mayAct: () => Promise<boolean>;
}

type Endpoint = (visit: Visit) => void | Promise<void>;

/** @see https://datatracker.ietf.org/doc/html/draft-inadarei-api-health-check */
const HEALTH_JSON = "application/health+json";

/** For probes: open, and without details. */
const open: Readonly<Record<string, Endpoint>> = {
  "/live": ({ integration, response }) => sendJson(response, 200, integration.live(), HEALTH_JSON),
  "/startup": ({ integration, response }) => {
    const started = integration.started();
    sendJson(response, started ? 200 : 503, { status: started ? "up" : "down" }, HEALTH_JSON);
  },
  "/ready": async ({ integration, response }) => {
    const { ready, status } = await integration.ready();
    sendJson(response, ready ? 200 : 503, { status: ready ? status : "down" }, HEALTH_JSON);
  },
};

/** For operators. */
const guarded: Readonly<Record<string, Endpoint>> = {
  "/health": async ({ integration, response }) => {
    const report = await integration.health();
    sendJson(response, report.status === "down" ? 503 : 200, report, HEALTH_JSON);
  },
  "/metrics": async ({ integration, request, response }) => {
    const { contentType, slices } = integration.monitoring.scrape({ accept: request.get("accept") });
    response.setHeader("Content-Type", contentType);
    // A scraper that hangs up half-way is its own affair.
    await pipeline(Readable.from(slices), response).catch(() => undefined);
  },
};

/** For operators who look: those who may not are told why, because a person asks. */
const page: Readonly<Record<string, Endpoint>> = {
  "/": async ({ request, response, mayAct }) => sendPage(request, response, { actions: await mayAct() }),
  "/status.json": async ({ integration, response }) => {
    await integration.health();
    sendJson(response, 200, integration.status());
  },
  "/events": ({ request, response, stream, maySee }) => stream.send(request, response, maySee),
};

/**
 * The operators' endpoints, below the path where it is mounted: `/live`, `/ready` and `/startup` for probes; for those who are
 * authorized `/health` (details), `/metrics` (Prometheus text, or OpenMetrics when asked for) and the status page at
 * `/`, with its data at `/status.json` and, live, at `/events`. For others they do not exist; without `authorize` the
 * page tells visitors from elsewhere that it is for this machine.
 *
 * @example
 * app.use("/ops", opsRouter(integration, { authorize: (request) => operatorOf(request)?.name ?? false, actions: true }));
 */
export function opsRouter(integration: Integration, options: OpsRouterOptions = {}): Handler {
  const stream = new StatusEvents(integration);
  return async (request, response, next) => {
    const { path, method } = request;
    const endpoint = endpointOf(path, method);
    if (!endpoint) return next();
    const authorize = async () => (options.authorize ? options.authorize(request) : isFromThisMachine(request));
    const authorized = Object.hasOwn(open, path) || (await authorize());
    if (authorized === false || authorized === "") {
      // A router at the app's root must not take the host's own front page.
      const explains = !options.authorize && request.baseUrl !== "" && !Object.hasOwn(guarded, path);
      return explains ? refuseElsewhere(response) : next();
    }
    response.setHeader("Cache-Control", "no-store");
    response.setHeader("X-Content-Type-Options", "nosniff");
    const mayAct = async () =>
      typeof options.actions === "function" ? options.actions(request) : options.actions === true;
    const who = typeof authorized === "string" ? authorized : options.authorize ? "an operator" : "this machine";
    const maySee = async () => (await authorize()) === authorized;
    await endpoint({ integration, request, response, who, stream, maySee, mayAct });
  };
}

function endpointOf(path: string, method: string | undefined): Endpoint | undefined {
  if (method === "POST") return path === "/actions" ? act : undefined;
  if (method !== "GET" && method !== "HEAD") return undefined;
  for (const endpoints of [open, guarded, page]) if (Object.hasOwn(endpoints, path)) return endpoints[path];
  return undefined;
}

async function act({ integration, request, response, who, mayAct }: Visit): Promise<void> {
  try {
    if (!(await mayAct()))
      throw new ActionRefused(403, "actions are not allowed here: give opsRouter the option `actions`");
    await takeAction(integration, request, who);
    sendJson(response, 200, integration.status({ since: Infinity }));
  } catch (thrown) {
    if (!(thrown instanceof ActionRefused)) throw thrown;
    sendJson(response, thrown.status, { error: thrown.message });
  }
}

function refuseElsewhere(response: ServerResponse): void {
  response.setHeader("Cache-Control", "no-store");
  const text =
    "The status page is for requests from this machine that no proxy passed on.\n" +
    "To open it to others, say who they are: opsRouter(integration, { authorize: (request) => … }).\n";
  send(response, 403, text, "text/plain; charset=utf-8");
}

/** Whatever of these is there, somebody passed the request on. */
const proxyHeaders = ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"];

/** By the socket's own address and the name asked for: a page in a browser here can reach us, but not under our name. */
function isFromThisMachine(request: ExpressRequest): boolean {
  const { hostname = "" } = URL.parse(`http://${request.get("host") ?? ""}`) ?? {};
  return (
    isLoopback(request.socket.remoteAddress ?? "") &&
    (hostname === "localhost" || isLoopback(hostname.replace(/^\[|\]$/g, ""))) &&
    proxyHeaders.every((name) => request.headers[name] === undefined)
  );
}

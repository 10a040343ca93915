import express from "express";
import { Readable } from "node:stream";
import { afterEach, describe, expect, it } from "vitest";
import { integrationMiddleware, problemDetails } from "../../../src/hosts/express/index.ts";
import { createIntegration, type Integration, IntegrationError } from "../../../src/index.ts";
import { EventRecorder, ManualClock } from "../../../src/testing/index.ts";
import { offline, serve, stallingModel } from "../support.ts";

const open: Integration[] = [];
afterEach(async () => {
  for (const integration of open.splice(0)) await integration.close();
});

function start(overrides: Parameters<typeof createIntegration>[1] = {}, env: Record<string, string> = {}): Integration {
  const integration = createIntegration({ ...offline, ...env }, overrides);
  open.push(integration);
  return integration;
}

/** The next `request.finished`: it is told after the client has its answer. */
function finished(integration: Integration): Promise<{ route: string; status: number; method: string }> {
  return new Promise((resolve) => {
    const off = integration.events.on("request.finished", (event) => (off(), resolve(event)));
  });
}

describe("the request id", () => {
  it.each(["check-1", "4bf92f35:7", "a".repeat(128)])("is the caller's if it is harmless: %s", async (id) => {
    const integration = start();
    await using host = await serve(
      express()
        .use(integrationMiddleware(integration))
        .get("/", (request, response) => void response.send(request.integration?.requestId)),
    );
    const response = await fetch(host.url, { headers: { "x-request-id": id } });
    expect(response.headers.get("x-request-id")).toBe(id);
    expect(await response.text()).toBe(id);
  });

  it.each(["", "two words", "a".repeat(129), 'x"y', "<script>", "ä"])(
    "is replaced if it could do harm: %j",
    async (id) => {
      const integration = start();
      await using host = await serve(express().use(integrationMiddleware(integration)));
      const response = await fetch(host.url, { headers: { "x-request-id": id } });
      expect(response.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
    },
  );

  it("is in the answer of a route that was not found, and in the events of the request's calls", async () => {
    const integration = start();
    using recorder = new EventRecorder(integration.events);
    const app = express().use(integrationMiddleware(integration), express.json());
    // After a parser, which reads the body in callbacks of its own.
    app.post("/", async (_request, response) => {
      await integration.call({ service: "crm", operation: "get" }, () => Promise.resolve());
      response.end();
    });
    await using host = await serve(app);
    const headers = { "x-request-id": "req-7", "content-type": "application/json" };
    await fetch(host.url, { method: "POST", headers, body: JSON.stringify({ long: "x".repeat(50_000) }) });
    expect(recorder.of("call.finished")).toMatchObject([{ service: "crm", requestId: "req-7" }]);
    const missing = await fetch(`${host.url}/nowhere`, { headers: { "x-request-id": "req-8" } });
    expect([missing.status, missing.headers.get("x-request-id")]).toEqual([404, "req-8"]);
  });
});

describe("the deadline", () => {
  it("is inherited by the calls of the request and by nested ones, and never extended", async () => {
    const integration = start({ clock: new ManualClock() });
    const seen: number[] = [];
    const app = express().use(integrationMiddleware(integration, { deadlineMs: 500 }));
    app.get("/", async (request, response) => {
      await integration.call({ service: "a", operation: "x", deadlineMs: 60_000 }, async (outer) => {
        seen.push(outer.deadlineAt);
        await integration.call({ service: "b", operation: "y", deadlineMs: 60_000 }, async (inner) => {
          seen.push(inner.deadlineAt);
        });
        await integration.call({ service: "b", operation: "y", deadlineMs: 100 }, async (inner) => {
          seen.push(inner.deadlineAt);
        });
      });
      seen.push(request.integration!.deadlineAt);
      response.end();
    });
    await using host = await serve(app);
    await fetch(host.url);
    expect(seen).toEqual([500, 500, 100, 500]);
  });

  it("can only be shortened by mounting the middleware again, and the request is still counted once", async () => {
    const integration = start({ clock: new ManualClock() });
    using recorder = new EventRecorder(integration.events);
    const app = express().use(integrationMiddleware(integration, { deadlineMs: 500 }));
    const deadlineOf: express.RequestHandler = async (request, response) => {
      const at = await integration.call(
        { service: "a", operation: "x", deadlineMs: 60_000 },
        async (c) => c.deadlineAt,
      );
      response.json([at, request.integration!.deadlineAt]);
    };
    app.get("/quick", integrationMiddleware(integration, { deadlineMs: 50 }), deadlineOf);
    app.get("/slow", integrationMiddleware(integration, { deadlineMs: 60_000 }), deadlineOf);
    await using host = await serve(app);
    for (const [path, deadline] of [
      ["/quick", 50],
      ["/slow", 500],
    ] as const) {
      const counted = finished(integration);
      expect(await (await fetch(host.url + path)).json()).toEqual([deadline, deadline]);
      await counted;
    }
    expect(recorder.of("request.finished").map(({ route }) => route)).toEqual(["/quick", "/slow"]);
  });

  it("ends a call to a stalled service: the client gets 504 as a problem, the service sees the connection go", async () => {
    const clock = new ManualClock();
    await using model = await stallingModel();
    const integration = start({ clock }, { OLLAMA_BASE_URL: model.url });
    using recorder = new EventRecorder(integration.events);
    const app = express().use(integrationMiddleware(integration, { deadlineMs: 2_000 }));
    app.get("/", async (_request, response) => void response.json(await integration.ollama.embed(["a quiet garden"])));
    app.use(problemDetails(integration));
    await using host = await serve(app);
    const answer = fetch(host.url);
    const { path, gone } = await model.arrival();
    expect(path).toBe("/api/embed");
    await clock.advance(1_999);
    expect(recorder.names).not.toContain("call.finished");
    await clock.advance(1);
    expect(recorder.of("call.finished")).toMatchObject([{ code: "DEADLINE_EXCEEDED", durationMs: 2_000 }]);
    const response = await answer;
    expect(response.status).toBe(504);
    expect(response.headers.get("content-type")).toMatch(/^application\/problem\+json/);
    expect(await response.json()).toMatchObject({ code: "DEADLINE_EXCEEDED", status: 504 });
    await gone;
  });

  it.each([0, -1, NaN, Infinity, 2 ** 31, "5s" as unknown as number])("is refused as an option: %s", (deadlineMs) => {
    const integration = start();
    expect(() => integrationMiddleware(integration, { deadlineMs })).toThrow(
      expect.objectContaining({ code: "INVALID_INPUT", message: expect.stringContaining("deadlineMs") as string }),
    );
  });
});

describe("a client that goes away", () => {
  it("aborts the work: the signal reaches the service that was being asked", async () => {
    await using model = await stallingModel();
    const integration = start({}, { OLLAMA_BASE_URL: model.url });
    const outcome = Promise.withResolvers<unknown>();
    const app = express().use(integrationMiddleware(integration));
    app.get("/", async (request, response) => {
      try {
        response.json(await integration.ollama.embed(["a quiet garden"]));
      } catch (error) {
        outcome.resolve([IntegrationError.isInstance(error) && error.code, request.integration!.signal.aborted]);
        throw error;
      }
    });
    app.use(problemDetails(integration));
    await using host = await serve(app);
    const client = new AbortController();
    const answer = fetch(host.url, { signal: client.signal });
    const counted = finished(integration);
    const { gone } = await model.arrival();
    client.abort();
    await expect(answer).rejects.toThrow();
    await gone;
    expect(await outcome.promise).toEqual(["ABORTED", true]);
    expect(await counted).toMatchObject({ status: 499, route: "/" });
  });

  it("is not seen where the answer was complete", async () => {
    const integration = start();
    const counted = finished(integration);
    let signal: AbortSignal | undefined;
    const app = express().use(integrationMiddleware(integration));
    app.get("/", (request, response) => {
      signal = request.integration!.signal;
      Readable.from(["a", "b"]).pipe(response);
    });
    await using host = await serve(app);
    expect(await (await fetch(host.url)).text()).toBe("ab");
    expect(await counted).toMatchObject({ status: 200 });
    expect(signal?.aborted).toBe(false);
  });
});

describe("the route's label", () => {
  const labelOf = async (path: string, build: (app: express.Express) => void) => {
    const integration = start();
    const app = express().use(integrationMiddleware(integration));
    build(app);
    app.use(problemDetails(integration));
    await using host = await serve(app);
    const counted = finished(integration);
    await (await fetch(host.url + path)).text();
    return (await counted).route;
  };
  const ok: express.RequestHandler = (_request, response) => void response.end();
  const fail: express.RequestHandler = () => {
    throw new Error("boom");
  };
  const api = (handler: express.RequestHandler) =>
    express.Router().use("/houses", express.Router().get("/:id", handler));

  it("is the pattern, with the mount paths of its routers", async () => {
    expect(await labelOf("/houses/7", (app) => app.get("/houses/:id", ok))).toBe("/houses/:id");
    expect(await labelOf("/api/houses/7", (app) => app.use("/api", api(ok)))).toBe("/api/houses/:id");
  });

  it("keeps the mount path when the route fails", async () => {
    expect(await labelOf("/api/houses/7", (app) => app.use("/api", api(fail)))).toBe("/api/houses/:id");
  });

  it("holds no value of a parameter, even of a router's mount path", async () => {
    const build = (app: express.Express) => app.use("/tenants/:tenant", api(ok));
    expect(await labelOf("/tenants/ac%20me/houses/7", build)).toBe("/tenants/:tenant/houses/:id");
    expect(await labelOf("/tenants/acme/anything", (app) => app.use("/tenants/:tenant", ok))).toBe("/tenants/:tenant");
  });

  it("is shared by everything that was not found, and by what a middleware answered", async () => {
    expect(await labelOf("/one/7", () => undefined)).toBe("(none)");
    expect(await labelOf("/two/8", (app) => app.use("/api", api(ok)))).toBe("(none)");
    expect(await labelOf("/any/path", (app) => app.use(ok))).toBe("(middleware)");
    expect(await labelOf("/files/a/b", (app) => app.use("/files", ok))).toBe("/files");
  });

  it("tells expressions and lists of paths apart by their source", async () => {
    expect(await labelOf("/b", (app) => app.get(["/a", "/b"], ok))).toBe("/a,/b");
    expect(await labelOf("/x9", (app) => app.get(/^\/x\d$/, ok))).toBe("/^\\/x\\d$/");
  });

  it("leaves the route's parameters as Express gives them", async () => {
    const integration = start();
    const app = express().use(integrationMiddleware(integration));
    const inner = express.Router({ mergeParams: true });
    inner.get("/houses/:id", (request, response) => void response.json(request.params));
    app.use("/tenants/:tenant", inner);
    app.get("/files/*path", (request, response) => void response.json(request.params));
    await using host = await serve(app);
    const get = async (path: string) => (await fetch(host.url + path)).json();
    expect(await get("/tenants/acme/houses/7")).toEqual({ tenant: "acme", id: "7" });
    expect(await get("/files/a/b")).toEqual({ path: ["a", "b"] });
  });
});

describe("metrics", () => {
  it("count requests by method, pattern and status, and know no paths", async () => {
    const integration = start();
    const app = express().use(integrationMiddleware(integration));
    app.get("/houses/:id", (_request, response) => void response.end());
    await using host = await serve(app);
    for (const path of ["/houses/11111", "/houses/22222", "/secret-33333"]) {
      const counted = finished(integration);
      await fetch(host.url + path);
      await counted;
    }
    const text = await integration.monitoring.metrics();
    expect(text).toMatch(/http_server_request_duration_seconds_count\{[^}]*http_route="\/houses\/:id"[^}]*\} 2/);
    expect(text).toMatch(/http_server_request_duration_seconds_count\{[^}]*http_route="\(none\)"[^}]*\} 1/);
    for (const value of ["11111", "22222", "33333"]) expect(text).not.toContain(value);
  });
});

describe("beside others", () => {
  it("works in one app with another integration: each has its deadline and counts, the request has one id", async () => {
    const clock = new ManualClock();
    const [first, second] = [start({ clock }), start({ clock })];
    using firsts = new EventRecorder(first.events);
    using seconds = new EventRecorder(second.events);
    const app = express();
    app.use(integrationMiddleware(first, { deadlineMs: 700 }), integrationMiddleware(second, { deadlineMs: 300 }));
    const spec = { service: "a", operation: "x", deadlineMs: 60_000 };
    app.get("/houses/:id", async (request, response) => {
      const deadlines = [first, second].map((each) => each.call(spec, async (context) => context.deadlineAt));
      response.json([...(await Promise.all(deadlines)), request.integration!.requestId]);
    });
    await using host = await serve(app);
    const counted = Promise.all([finished(first), finished(second)]);
    const response = await fetch(`${host.url}/houses/7`);
    const requestId = response.headers.get("x-request-id");
    expect(await response.json()).toEqual([700, 300, requestId]);
    expect((await counted).map(({ route }) => route)).toEqual(["/houses/:id", "/houses/:id"]);
    for (const each of [firsts, seconds])
      expect(each.of("call.finished").map((call) => call.requestId)).toEqual([requestId]);
  });

  it("leaves headers of other middleware alone and works inside a sub-router only", async () => {
    const integration = start();
    const app = express().disable("x-powered-by");
    app.use((_request, response, next) => {
      response.setHeader("Content-Security-Policy", "default-src 'self'");
      response.setHeader("Strict-Transport-Security", "max-age=31536000");
      next();
    });
    app.get("/plain", (request, response) => void response.json(request.integration === undefined));
    const inner = express.Router().use(integrationMiddleware(integration));
    inner.get("/fails", () => {
      throw new IntegrationError({ code: "NOT_FOUND", message: "there is no house 7" });
    });
    inner.use(problemDetails(integration));
    app.use("/api", inner);
    await using host = await serve(app);
    expect(await (await fetch(`${host.url}/plain`)).json()).toBe(true);
    const counted = finished(integration);
    const problem = await fetch(`${host.url}/api/fails`);
    expect(problem.status).toBe(404);
    expect(problem.headers.get("content-security-policy")).toBe("default-src 'self'");
    expect(problem.headers.get("strict-transport-security")).toBe("max-age=31536000");
    expect(await problem.json()).toMatchObject({ detail: "there is no house 7" });
    expect((await counted).route).toBe("/api/fails");
  });
});

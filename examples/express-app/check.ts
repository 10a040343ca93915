// Drives after.ts as its users would: a process of its own, over HTTP.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { addedLines } from "../support/additive.ts";
import { startStackWithListings } from "../support/stack-with-listings.ts";

const before = new URL("./before.ts", import.meta.url);
const after = new URL("./after.ts", import.meta.url);
const added = addedLines(before, after);
assert.ok(added <= 12, `adding the integration takes ${added} lines`);

const { stack, accessToken } = await startStackWithListings(40);
const env = {
  ...process.env,
  ...stack.env,
  PORT: "0",
  LOG_LEVEL: "error",
  RATE_LIMIT_SEARCH_REQUESTS: "60",
  RATE_LIMIT_SEARCH_BURST: "3",
};
const program = spawn(process.execPath, [after.pathname], { env, stdio: ["ignore", "pipe", "inherit"] });
try {
  const base = await address();
  const authorization = `Bearer ${accessToken}`;
  const get = (path: string, headers: Record<string, string> = {}) => fetch(base + path, { headers });

  // The host's own routes work as before.
  const posted = await fetch(`${base}/favourites/ada`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"listing":"kc-1"}',
  });
  assert.equal(posted.status, 201);
  assert.deepEqual(await (await get("/favourites/ada")).json(), ["kc-1"]);

  // A user's search, by meaning.
  const found = await get("/search?q=older+home+with+a+big+lot", { authorization, "x-request-id": "check-1" });
  assert.equal(found.status, 200);
  assert.equal(found.headers.get("x-request-id"), "check-1");
  assert.match(found.headers.get("ratelimit-policy") ?? "", /^"search";q=60;w=60$/);
  assert.match(found.headers.get("ratelimit") ?? "", /^"search";r=2;t=\d+$/);
  const hits = (await found.json()) as { title: string; score: number }[];
  assert.equal(hits.length, 5);
  assert.ok(hits[0]!.score > 0);

  // Strangers are refused with a problem (RFC 9457), and a forged token is no better than none.
  for (const headers of [undefined, { authorization: `${authorization}x` }]) {
    const refused = await get("/search?q=garden", headers);
    assert.equal(refused.status, 401);
    assert.equal(refused.headers.get("content-type")?.split(";")[0], "application/problem+json");
    const problem = (await refused.json()) as { code: string; status: number };
    assert.equal(problem.code, "UNAUTHENTICATED");
    assert.equal(problem.status, 401);
  }

  // Past the burst of three, the limit answers, and says when to come back.
  const burst = await Promise.all(Array.from({ length: 6 }, () => get("/search?q=garden", { authorization })));
  const limited = burst.find((response) => response.status === 429);
  assert.ok(limited, "six requests at once should pass a burst of three");
  assert.ok(Number(limited.headers.get("retry-after")) >= 1);
  assert.match(((await limited.json()) as { type: string }).type, /quota-exceeded$/);

  // Broken JSON is the client's mistake, told without a stack.
  const broken = await fetch(`${base}/favourites/ada`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{",
  });
  assert.equal(broken.status, 400);
  assert.ok(!(await broken.text()).includes("node_modules"));

  // Operators see health and metrics, other machines' users do not.
  assert.equal((await get("/ops/live")).status, 200);
  assert.equal((await get("/ops/ready")).status, 200);
  const health = (await (await get("/ops/health")).json()) as { status: string; checks: Record<string, unknown> };
  assert.equal(health.status, "up");
  assert.ok("neon" in health.checks && "supabase" in health.checks);
  assert.equal((await get("/ops/health", { "x-forwarded-for": "203.0.113.7" })).status, 404);
  const metrics = await (await get("/ops/metrics")).text();
  assert.match(metrics, /enhanced_integration_calls_total\{[^}]*service="neon"[^}]*\} [1-9]/);

  program.kill("SIGTERM");
  const [code] = (await once(program, "exit")) as [number | null];
  assert.equal(code, 0, "the program ends by itself on SIGTERM");
  console.log(`express-app ok: ${added} lines added`);
} finally {
  program.kill("SIGKILL");
  await stack.close();
}

async function address(): Promise<string> {
  for await (const line of createInterface({ input: program.stdout })) {
    const port = /"port":(\d+)/.exec(line)?.[1];
    if (port) return `http://127.0.0.1:${port}`;
  }
  throw new Error("the program ended before it listened");
}

// Makes the pictures of docs/status-page.md: node scripts/picture-status-page.ts [MINUTES, default 16]
// Real calls against a local stack, of which some are made to fail, until the plots have something to show.
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { type AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { createIntegration } from "enhanced-integration";
import { opsRouter } from "enhanced-integration/express";
import { startLocalStack } from "enhanced-integration/local";
import express from "express";
import { startBrowser } from "../test/support/browser.ts";

const minutes = Number(process.argv[2] ?? 16);
if (!(minutes > 0)) throw new Error(`MINUTES must be a number above 0, but is "${process.argv[2]}"`);
const folder = new URL("../docs/images/", import.meta.url);
mkdirSync(folder, { recursive: true });

await using stack = await startLocalStack();
await using integration = createIntegration({ ...stack.env, NODE_ENV: "production", LOG_LEVEL: "error" });
const { neon, supabase, tinyfish, ollama, limits, monitoring, outbound } = integration;
await neon.migrate();
await integration.start();
const credentials = { email: "ada@example.com", password: "correct-horse-battery-staple" };
const { session } = await supabase.auth.signUp(credentials);
monitoring.trackMetric("scrape_backlog", "gauge").set(412);
monitoring.addAlert("scrape_backlog_high", {
  condition: "scrape_backlog > 300",
  severity: "warning",
  message: "{{ $value }} pages wait to be scraped",
});

const calls = {
  neon: () => neon.query`select count(*) from pg_class, generate_series(1, ${Math.ceil(40 * Math.random())})`,
  auth: () => supabase.auth.signIn(credentials),
  storage: () => supabase.storage.list({ bucket: "documents", token: session?.accessToken }),
  tinyfish: () => tinyfish.search({ query: "houses" }),
  ollama: () => ollama.embed([`a quiet house with a garden, number ${Math.random()}`]),
  limits: async () => void limits.check("search", Math.random() < 0.7 ? "ada" : "bob"),
};
const perSecond = { neon: 3, auth: 0.4, storage: 0.8, tinyfish: 0.8, ollama: 1, limits: 3 };
const startedAt = performance.now();
const endsAt = startedAt + minutes * 60_000;
let isOver = false;
const share = () => (performance.now() - startedAt) / (endsAt - startedAt);

const shop = express().get("/", (_request, response) =>
  response.set({ "RateLimit-Policy": '"hour";q=1000;w=3600', RateLimit: '"hour";r=460;t=1800' }).send("ok"),
);
const ops = express().use("/ops", opsRouter(integration, { authorize: () => "ada", actions: true }));
const servers = [shop, ops].map((app) => app.listen(0, "127.0.0.1"));
await Promise.all(servers.map((server) => once(server, "listening")));
const [shopUrl, opsUrl] = servers.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`);

/** Arrivals by chance, more of them in some minutes than in others. */
async function traffic(name: keyof typeof calls): Promise<void> {
  while (!isOver) {
    const wave = 1 + 0.6 * Math.sin((2 * Math.PI * performance.now()) / 180_000);
    await sleep((-Math.log(1 - Math.random()) * 1_000) / (perSecond[name] * wave));
    void calls[name]().catch(() => undefined); // that some fail is what the page is to show
  }
}
const running = (Object.keys(calls) as (keyof typeof calls)[]).map(traffic);
while (share() < 0.55) await sleep(1_000);
for (const kind of ["reset", "stall"] as const)
  stack.faults.inject("tinyfish", { kind }, { times: 1e6, match: /search/, skip: kind === "stall" ? 20 : 0 });
while (share() < 0.9) await sleep(1_000);
await outbound.learn(fetch, () => "maps")(shopUrl!);
integration.operate({ action: "isolate", service: "supabase", part: "storage" }, "ada");
monitoring.checkAlerts();
while (share() < 1) await sleep(1_000);

const browser = await startBrowser();
const pictures = [
  { name: "status-desktop-light", colorScheme: "light", width: 1_280, height: 1_650 },
  { name: "status-desktop-dark", colorScheme: "dark", width: 1_280, height: 1_650 },
  { name: "status-phone", colorScheme: "light", width: 390, height: 1_400 },
] as const;
for (const { name, colorScheme, ...viewport } of pictures) {
  const page = await browser.newPage({ colorScheme, viewport });
  await page.goto(`${opsUrl}/ops`);
  await page.getByText("live", { exact: true }).waitFor();
  await sleep(3_000); // the first snapshots
  await page.screenshot({ path: new URL(`${name}.png`, folder).pathname });
  console.log(`docs/images/${name}.png`);
}
await browser.close();
isOver = true;
await Promise.all(running);
for (const server of servers) server.close().closeAllConnections();

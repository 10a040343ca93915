import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import express from "express";
import { type Browser, type BrowserContextOptions, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { opsRouter } from "../../../src/hosts/express/index.ts";
import { createIntegration, type Integration, IntegrationError } from "../../../src/index.ts";
import { hasBrowser, startBrowser } from "../../support/browser.ts";
import { offline, recordingLogger, serve, type Served } from "../support.ts";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

describe.skipIf(!hasBrowser())("the status page in a browser", () => {
  const logger = recordingLogger();
  const complaints: string[] = [];
  let operator: string | undefined = "ada";
  let integration: Integration;
  let host: Served;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    const fetch = () => Promise.reject(new TypeError("fetch failed"));
    const env = { ...offline, NEON_CONNECTION_STRING: "postgresql://app:canary-password@127.0.0.1:1/app" };
    integration = createIntegration(env, { fetch, logger });
    const app = express().use("/ops", opsRouter(integration, { authorize: () => operator ?? false, actions: true }));
    host = await serve(app);
    browser = await startBrowser();
    integration.monitoring.trackMetric("jobs", "gauge").set(7);
    integration.monitoring.addAlert("busy", { condition: "jobs > 1", severity: "warning", message: "many jobs" });
    integration.monitoring.checkAlerts();
    integration.status();
    await call("get", 3);
    await integration
      .call({ service: "crm", operation: "put" }, async () => {
        throw new IntegrationError({ code: "UPSTREAM_STATUS", message: "crm answered 500", status: 500 });
      })
      .catch(() => undefined);
  }, 120_000);
  afterEach(async () => {
    await page?.context().close();
    expect(complaints.splice(0)).toEqual([]);
  });
  afterAll(async () => {
    await browser?.close();
    await host?.[Symbol.asyncDispose]();
    await integration?.close();
  });

  const call = (operation: string, times: number) =>
    Promise.all(
      Array.from({ length: times }, () => integration.call({ service: "crm", operation }, async () => "answer")),
    );

  async function open(options: BrowserContextOptions = {}): Promise<void> {
    const context = await browser.newContext(options);
    page = await context.newPage();
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(error.message));
    await page.goto(`${host.url}/ops`);
    await page.getByText("live", { exact: true }).waitFor();
  }

  const crm = () => page.getByRole("article", { name: "crm" });
  const callsOf = async () => Number(await crm().getByRole("definition").first().textContent());

  it("shows services, alerts and calls, and moves with them", async () => {
    await open();
    expect(await page.title()).toMatch(/enhanced-integration$/);
    const before = await callsOf();
    await call("get", 5);
    await expect.poll(callsOf, { timeout: 15_000 }).toBe(before + 5);
    const traffic = crm().getByRole("img", { name: /^Calls per second of crm: \d+ calls, 1 failed/ });
    expect(await traffic.locator("canvas").count()).toBe(1);
    const alerts = page.getByRole("table", { name: "Alerts that are pending or firing" });
    expect(await alerts.getByRole("row").nth(1).textContent()).toContain("busyfiringwarningmany jobs");
    await page.getByText("crm.put").first().click();
    await page.getByText("attempt 1: error UPSTREAM_STATUS").first().waitFor();
  });

  it("keeps a timeline that is read though newer failures take its place", { timeout: 60_000 }, async () => {
    const fail = (times: number) =>
      Promise.all(
        Array.from({ length: times }, () =>
          integration
            .call({ service: "shop", operation: "reserveOrder" }, async () => {
              throw new IntegrationError({ code: "NOT_FOUND", message: "no such order" });
            })
            .catch(() => undefined),
        ),
      );
    await fail(1);
    await open();
    const line = page.locator("summary", { hasText: "shop.reserveOrder" }).first();
    await line.click();
    const words = await page.locator("details[open] > p").textContent();
    await fail(25);
    await expect
      .poll(() => page.locator("summary", { hasText: "shop.reserveOrder" }).count(), { timeout: 15_000 })
      .toBeGreaterThan(9);
    expect(await page.locator("details[open] > p").textContent()).toBe(words);
    expect(await page.evaluate("document.activeElement.tagName")).toBe("SUMMARY");
  });

  it("shows what is used of each limit and retry budget, what services impose, and who waits", async () => {
    const { limits, outbound } = integration;
    const { burst } = limits.limits.find(({ name }) => name === "upload")!;
    for (let i = 0; i <= burst; i += 1) limits.check("upload", "ann");
    const told = { "x-ratelimit-limit": "100", "x-ratelimit-remaining": "40", "x-ratelimit-reset": "600" };
    outbound.observe("maps", { status: 200, headers: new Headers(told) });
    await open();
    const rowOf = (table: string, name: string) =>
      page.getByRole("table", { name: table }).getByRole("row", { name: new RegExp(`^${name}\\b`) });
    const upload = rowOf("Limits, how far", "upload");
    const [used, keys, waited, refused] = await upload.getByRole("cell").allTextContents();
    expect(used).toMatch(new RegExp(`^[${burst - 1}${burst}] of ${burst}, free again in \\d+ s$`));
    expect([keys, waited, refused]).toEqual(["1", "0", "1"]);
    const widthOf = (row: typeof upload) =>
      row.locator(".level").evaluate((bar: { style: { width: string } }) => parseFloat(bar.style.width));
    expect(await widthOf(upload)).toBeGreaterThan(60);
    const maps = rowOf("Imposed by services", "maps");
    expect(await maps.textContent()).toMatch(/40 of 100 left, new ones in (10 min|\d+ s)/);
    expect(await widthOf(maps)).toBe(60);
    expect(
      await crm()
        .getByText(/^\d+ of 100$/)
        .count(),
    ).toBe(1);
    expect(await rowOf("Lines of the services", "crm").getByRole("cell").allTextContents()).toEqual([
      "0",
      "no bound",
      "0",
    ]);
  });

  it("acts by keyboard alone, asks before it isolates, and tells what was done", { timeout: 60_000 }, async () => {
    await open();
    await page.keyboard.press("Tab");
    expect(await page.evaluate("document.activeElement.textContent")).toBe("Skip to the content");
    await page.keyboard.press("Enter");
    await tabTo("Isolate crm");
    const outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle");
    expect(outline).toBe("solid");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    expect(integration.describe().breakers["crm"]).toBe("closed");
    await page.keyboard.press("Enter");
    await tabTo("Yes");
    await page.keyboard.press("Enter");
    await page.getByText("crm is isolated.").waitFor();
    await crm().getByText("circuit isolated").waitFor();
    expect(await page.locator("#overall").textContent()).toMatch(/, 1 circuit open$/);
    expect(await page.title()).toMatch(/, 1 circuit open – /);
    expect(integration.describe().breakers["crm"]).toBe("isolated");
    await crm().getByRole("button", { name: "Close circuit of crm" }).click();
    await page.getByRole("button", { name: "Yes" }).click();
    await crm().getByText("circuit closed").waitFor();
    const audit = logger.lines.filter(({ fields }) => fields["audit"] === true).map(({ fields }) => fields);
    expect(audit).toMatchObject([
      { who: "ada", action: "isolate", target: "crm" },
      { who: "ada", action: "close", target: "crm" },
    ]);
  });

  it("shows the parts of a service, and isolates and closes them by themselves", { timeout: 60_000 }, async () => {
    await open();
    const supabase = page.getByRole("article", { name: "supabase" });
    const lines = supabase.getByRole("list", { name: "Parts of supabase" }).getByRole("listitem");
    const states = () => lines.allTextContents();
    const act = async (button: string) => {
      await supabase.getByRole("button", { name: button, exact: true }).click();
      await page.getByRole("button", { name: "Yes" }).click();
    };
    expect(await states()).toEqual(["authclosedIsolate", "storageclosedIsolate"]);
    await act("Isolate supabase.auth");
    await page.getByText("supabase.auth is isolated.").waitFor();
    expect(await states()).toEqual(["authisolatedClose", "storageclosedIsolate"]);
    expect(await page.locator("#overall").textContent()).toMatch(/, 1 circuit open$/);
    expect(await supabase.getByText("circuit isolated").count()).toBe(1);
    await act("Close circuit of supabase.auth");
    await supabase.getByText("circuit closed").waitFor();
    await act("Isolate supabase");
    await page.getByText("supabase is isolated.").waitFor();
    expect(await page.locator("#overall").textContent()).toMatch(/, 2 circuits open$/);
    expect(await lines.getByRole("button").count()).toBe(0);
    expect(integration.describe().breakers).toMatchObject({ supabase: "isolated", "supabase.storage": "isolated" });
    await act("Close circuit of supabase");
    await supabase.getByText("circuit closed").waitFor();
    expect(await lines.getByRole("button").count()).toBe(2);
  });

  it("silences an alert, and ends the silence", async () => {
    await open();
    await page.getByLabel("How long busy is silenced").selectOption({ label: "1 hour" });
    await page.getByRole("button", { name: "Silence" }).click();
    await page.getByText("firing, silenced").waitFor();
    const [silence] = integration.monitoring.notifications.silences.list();
    expect(silence).toMatchObject({ author: "ada", until: silence!.startsAt + 3_600_000 });
    await page.getByRole("button", { name: /^End silence/ }).click();
    await page.getByText("busy is heard again.").waitFor();
    expect(integration.monitoring.notifications.silences.list()).toEqual([]);
  });

  it("says so when its visitor may not see it any more", { timeout: 60_000 }, async () => {
    await open();
    operator = undefined;
    await page.getByText(/^you may not see this any more/).waitFor();
    operator = "ada";
    await page.getByText("live", { exact: true }).waitFor();
    complaints.splice(0, complaints.length, ...complaints.filter((text) => !/404|EventSource/.test(text)));
  });

  it("says that it is disconnected, and comes back by itself", { timeout: 60_000 }, async () => {
    await open();
    await page.route("**/events", (route) => route.abort());
    // The stream that runs is cut, and the next is refused.
    host.cut();
    await page.getByText(/^disconnected/).waitFor();
    await page.unroute("**/events");
    await page.getByText("live", { exact: true }).waitFor();
    complaints.splice(0, complaints.length, ...complaints.filter((text) => !/ERR_|Failed to load/.test(text)));
  });

  it.each([
    ["light", 1280],
    ["dark", 1280],
    ["light", 320],
    ["dark", 320],
  ] as const)(
    "has nothing for axe to find: %s, %i px wide, with details open",
    { timeout: 60_000 },
    async (colorScheme, width) => {
      // The check itself is foreign script; the page was tried without this in the other tests.
      await open({ bypassCSP: true, colorScheme, viewport: { width, height: 800 } });
      await page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))");
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width);
      await page.evaluate(axe);
      const violations = await page.evaluate(
        "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes[0].html]))",
      );
      expect(violations).toEqual([]);
    },
  );

  async function tabTo(name: string): Promise<void> {
    for (let i = 0; i < 40; i += 1) {
      await page.keyboard.press("Tab");
      const focused = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent";
      if ((await page.evaluate(focused)) === name) return;
    }
    throw new Error(`${name} was not reached by the keyboard`);
  }
});

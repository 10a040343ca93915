import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { alertmanagerNotifier, MonitoringSystem } from "../../../src/monitoring/index.ts";
import { freePort } from "../../support/free-port.ts";
import { type Figure } from "../../support/report.ts";

const ALERTS = 5;

/** A real Prometheus scrapes us; a real Alertmanager takes, groups and resolves our alerts. */
export async function live(): Promise<Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), "ei-live-"));
  const children: ChildProcess[] = [];
  const monitoring = new MonitoringSystem({ planAlerts: false });
  const depth = monitoring.trackMetric("queue_depth", "gauge", { labels: ["queue"] });
  const names = Array.from({ length: ALERTS }, (_, i) => `q${i}`);
  monitoring.addAlert("deep", {
    condition: "queue_depth > 10",
    severity: "warning",
    message: "{{ $labels.queue }} is deep",
  });
  const received: Delivery[] = [];
  const ours = createServer((request, response) => {
    if (request.method === "POST") {
      let body = "";
      request
        .on("data", (chunk) => (body += chunk))
        .on("end", () => {
          received.push(JSON.parse(body) as Delivery);
          response.end();
        });
      return;
    }
    const { contentType, slices } = monitoring.scrape({ accept: request.headers.accept });
    response.setHeader("content-type", contentType);
    void pipeline(Readable.from(slices), response).catch(() => undefined);
  });
  await new Promise<void>((resolve) => ours.listen(0, "127.0.0.1", resolve));
  const own = `127.0.0.1:${(ours.address() as AddressInfo).port}`;
  try {
    const [prometheus, alertmanager] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
    children.push(startPrometheus(folder, prometheus, own, monitoring.prometheusRules()));
    children.push(startAlertmanager(folder, alertmanager, `http://${own}/hook`));
    await until(() => answers(`http://${prometheus}/-/ready`), "Prometheus is ready");
    await until(() => answers(`http://${alertmanager}/-/ready`), "Alertmanager is ready");
    monitoring.notifications.add(alertmanagerNotifier({ url: `http://${alertmanager}` }));

    for (const queue of names) depth.set(11, { queue });
    monitoring.checkAlerts();
    await monitoring.notifications.settled();
    const held = await json<unknown[]>(`http://${alertmanager}/api/v2/alerts`);
    await until(async () => received.some(({ status }) => status === "firing"), "the group is told as firing");
    const query = `http://${prometheus}/api/v1/query?query=${encodeURIComponent('ALERTS{alertstate="firing"}')}`;
    const firingThere = async () => (await json<{ data: { result: unknown[] } }>(query)).data.result.length;
    await until(async () => (await firingThere()) === ALERTS, "Prometheus fires the same alerts from its scrape");
    const there = await firingThere();

    for (const queue of names) depth.set(0, { queue });
    monitoring.checkAlerts();
    await monitoring.notifications.settled();
    await until(async () => received.some(({ status }) => status === "resolved"), "the group is told as resolved");
    const [firing, resolved] = ["firing", "resolved"].map((status) => received.filter((one) => one.status === status));
    const most = (list: readonly Delivery[] | undefined) =>
      Math.max(0, ...(list ?? []).map(({ alerts }) => alerts.length));
    return [
      {
        name: "alerts that Prometheus fires from its scrape of us",
        value: there,
        unit: "alerts",
        atLeast: ALERTS,
        atMost: ALERTS,
      },
      { name: "alerts that Alertmanager took", value: held.length, unit: "alerts", atLeast: ALERTS, atMost: ALERTS },
      { name: "alerts in its one group", value: most(firing), unit: "alerts", atLeast: ALERTS, atMost: ALERTS },
      { name: "alerts that it resolved", value: most(resolved), unit: "alerts", atLeast: ALERTS, atMost: ALERTS },
    ];
  } finally {
    for (const child of children) child.kill("SIGKILL");
    await new Promise((resolve) => ours.close(resolve).closeAllConnections());
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

interface Delivery {
  readonly status: string;
  readonly alerts: readonly unknown[];
}

function startPrometheus(folder: string, address: string, target: string, rules: string): ChildProcess {
  const config = {
    global: { scrape_interval: "1s", evaluation_interval: "1s" },
    rule_files: [join(folder, "rules.yml")],
    scrape_configs: [{ job_name: "us", static_configs: [{ targets: [target] }] }],
  };
  writeFileSync(join(folder, "rules.yml"), rules);
  writeFileSync(join(folder, "prometheus.yml"), JSON.stringify(config));
  const args = [`--config.file=${join(folder, "prometheus.yml")}`, `--storage.tsdb.path=${join(folder, "tsdb")}`];
  return spawn("prometheus", [...args, `--web.listen-address=${address}`], { stdio: "ignore" });
}

function startAlertmanager(folder: string, address: string, hook: string): ChildProcess {
  const route = {
    receiver: "us",
    group_by: ["alertname"],
    group_wait: "1s",
    group_interval: "1s",
    repeat_interval: "1h",
  };
  const receivers = [{ name: "us", webhook_configs: [{ url: hook, send_resolved: true }] }];
  writeFileSync(join(folder, "alertmanager.yml"), JSON.stringify({ route, receivers }));
  const args = [`--config.file=${join(folder, "alertmanager.yml")}`, `--storage.path=${join(folder, "am")}`];
  const alone = ["--cluster.listen-address=", `--web.listen-address=${address}`];
  return spawn("prometheus-alertmanager", [...args, ...alone], { stdio: "ignore" });
}

async function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );
}

async function json<T>(url: string): Promise<T> {
  return (await (await fetch(url)).json()) as T;
}

async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt += 1) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`waited 30 s in vain: ${what}`);
}

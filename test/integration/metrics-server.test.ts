import { afterEach, describe, expect, it } from "vitest";
import { MetricsServer } from "../../src/composition/metrics-server.ts";
import { loadConfig } from "../../src/config/index.ts";
import { MonitoringSystem } from "../../src/monitoring/index.ts";
import { minimalEnv } from "../config/minimal-env.ts";

describe("the metrics on a port of their own", () => {
  let server: MetricsServer | undefined;
  afterEach(() => server?.stop());

  const started = async (env: Record<string, string>) => {
    const { metrics } = loadConfig({ ...minimalEnv, METRICS_PORT: "0", ...env });
    server = new MetricsServer(new MonitoringSystem({ defaultMetrics: false }), {
      ...metrics,
      port: metrics.port ?? 0,
    });
    await server.start();
    return async (host: string, path = "/metrics") =>
      fetch(`http://${host}:${server?.port}${path}`).then(
        ({ status }) => status,
        () => "refused",
      );
  };

  // All of 127.0.0.0/8 is this machine there, and only there.
  it.runIf(process.platform === "linux")("are this machine's alone, unless METRICS_HOST says otherwise", async () => {
    const ask = await started({});
    expect([await ask("127.0.0.1"), await ask("127.0.0.2"), await ask("127.0.0.1", "/")]).toEqual([
      200,
      "refused",
      404,
    ]);
    await server?.stop();
    const askAnywhere = await started({ METRICS_HOST: "0.0.0.0", METRICS_PATH: "/m" });
    expect([await askAnywhere("127.0.0.2", "/m"), await askAnywhere("127.0.0.2")]).toEqual([200, 404]);
  });

  it("refuse a METRICS_HOST that is no address", () => {
    expect(() => loadConfig({ ...minimalEnv, METRICS_HOST: "http://prometheus" })).toThrow(/METRICS_HOST/);
  });
});

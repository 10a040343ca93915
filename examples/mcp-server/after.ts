// The same server with enhanced-integration: three tools more, with limits, deadlines, cancellation and metrics.
import { McpServer } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { z } from "zod";
import { createIntegration, loadEnv } from "enhanced-integration";
import { registerTools } from "enhanced-integration/mcp";

// Standard output belongs to the protocol, so logs go to standard error.
const integration = createIntegration(loadEnv(), { logTo: "stderr" });
process.stdin.once("end", () => void integration.close());

serveStdio(() => {
  const server = new McpServer({ name: "mortgage", version: "1.0.0" });
  server.registerTool(
    "monthly_payment",
    {
      description: "The monthly payment of a loan",
      inputSchema: z.object({ loan: z.number(), yearlyRate: z.number(), years: z.number() }),
    },
    ({ loan, yearlyRate, years }) => {
      const rate = yearlyRate / 12;
      const payment = (loan * rate) / (1 - (1 + rate) ** (-12 * years));
      return { content: [{ type: "text", text: payment.toFixed(2) }] };
    },
  );
  registerTools(server, integration);
  return server;
});

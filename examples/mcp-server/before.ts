// A small MCP server that knows nothing of enhanced-integration.
import { McpServer } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { z } from "zod";

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
  return server;
});

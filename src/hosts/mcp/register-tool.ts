import { randomUUID } from "node:crypto";
import { type ErrorCode, IntegrationError, toIntegrationError } from "../../core/index.ts";
import { type Integration } from "../../integration.ts";
import { isCallersDoing } from "../caller-facing.ts";
import { type Tool } from "./tool.ts";
import { failure, success, type ToolResult } from "./tool-result.ts";

/** The part of an official SDK's server that is used; v1 (`@modelcontextprotocol/sdk`) and v2 (`…/server`) both fit. */
export interface ToolServer {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the two generations' generics share no type but this
  registerTool(name: string, config: any, handler: any): unknown;
}

/** Registers one tool: limit, deadline, cancellation, metrics and errors are the same for all. */
export function registerTool(server: ToolServer, integration: Integration, tool: Tool, tenant?: string): void {
  const { name, title, description, input: inputSchema, output: outputSchema, annotations } = tool;
  const { clock, events, logger, scopes } = integration;
  const config = { title, description, inputSchema, outputSchema, annotations };
  server.registerTool(name, config, async (input: Record<string, unknown>, extra: unknown): Promise<ToolResult> => {
    const { signal, requestId } = requestOf(extra);
    const startedAt = clock.now();
    const scope = { signal, requestId, deadlineAt: startedAt + tool.deadlineMs };
    let code: ErrorCode | undefined;
    try {
      const value = await scopes.run(scope, async () => {
        if (tool.limit) await charge(integration, tool.limit, { tenant, requestId });
        return tool.output.parse(await tool.run(input, { signal, tenant }));
      });
      return success(value, tool);
    } catch (thrown) {
      const error = toIntegrationError(thrown, { code: "INVALID_OUTPUT", message: `${name} failed unexpectedly` });
      code = error.code;
      if (!isCallersDoing(error))
        logger.error({ err: thrown, tool: name, requestId, callId: error.callId }, "tool failed");
      return failure(name, error);
    } finally {
      const outcome = code === undefined ? ({ outcome: "ok" } as const) : ({ outcome: "error", code } as const);
      events.emit("tool.finished", { tool: name, ...outcome, durationMs: clock.now() - startedAt, requestId });
    }
  });
}

async function charge(
  { limits }: Integration,
  limit: string,
  { tenant, requestId }: { readonly tenant: string | undefined; readonly requestId: string },
): Promise<void> {
  const key = tenant === undefined ? "mcp" : `mcp:${tenant}`;
  const { allowed, retryAfterMs, policy } = await limits.checkAsync(limit, key, {}, { requestId });
  if (allowed) return;
  const message = `the ${limit} limit is used up.`;
  const details = { limit, ...(policy !== undefined && { policy }) };
  throw new IntegrationError({ code: "RATE_LIMITED", message, retryAfterMs, details });
}

/** v1 hands the request's facts over flat, v2 below `mcpReq`. */
function requestOf(extra: unknown): { readonly signal: AbortSignal; readonly requestId: string } {
  const { mcpReq, signal, requestId } = (extra ?? {}) as {
    mcpReq?: { signal?: AbortSignal; id?: unknown };
    signal?: AbortSignal;
    requestId?: unknown;
  };
  const id = mcpReq?.id ?? requestId;
  const known = typeof id === "string" || typeof id === "number";
  return {
    signal: mcpReq?.signal ?? signal ?? new AbortController().signal,
    requestId: known ? `mcp-${id}` : randomUUID(),
  };
}

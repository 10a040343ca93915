import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { InMemoryTransport as InMemoryTransportV1 } from "@modelcontextprotocol/sdk/inMemory.js";
import { McpServer as McpServerV1 } from "@modelcontextprotocol/sdk/server/mcp.js";
import { Client as ClientV2 } from "@modelcontextprotocol/client";
import { InMemoryTransport as InMemoryTransportV2, McpServer as McpServerV2 } from "@modelcontextprotocol/server";
import { type ToolServer } from "../../../src/hosts/mcp/index.ts";

export interface ListedTool {
  readonly name: string;
  readonly title?: string | undefined;
  readonly description?: string | undefined;
  readonly inputSchema: { readonly type: string; readonly properties?: Readonly<Record<string, unknown>> | undefined };
  readonly outputSchema?: { readonly type?: unknown; readonly required?: unknown } | undefined;
  readonly annotations?: Readonly<Record<string, unknown>> | undefined;
}

export interface Called {
  readonly isError: boolean;
  /** The text of the only content block. */
  readonly text: string;
  readonly structured: unknown;
}

/** A client that is connected to a server, whatever their generation. */
export interface Session extends AsyncDisposable {
  list(): Promise<readonly ListedTool[]>;
  call(name: string, input?: Record<string, unknown>, options?: { signal?: AbortSignal }): Promise<Called>;
}

export interface Sdk {
  readonly name: string;
  readonly connect: (register: (server: ToolServer) => void) => Promise<Session>;
}

const info = { name: "test", version: "1.0.0" };

function called(result: object): Called {
  const { content, isError, structuredContent } = result as Readonly<Record<string, unknown>>;
  const blocks = content as readonly { readonly type: string; readonly text: string }[];
  if (blocks.length !== 1 || blocks[0]?.type !== "text") throw new Error("a tool answers with one block of text");
  return { isError: isError === true, text: blocks[0].text, structured: structuredContent };
}

const v1: Sdk = {
  name: "v1, @modelcontextprotocol/sdk",
  async connect(register) {
    const server = new McpServerV1(info);
    register(server);
    const client = new ClientV1(info);
    const [ours, theirs] = InMemoryTransportV1.createLinkedPair();
    await Promise.all([server.connect(theirs), client.connect(ours)]);
    return {
      list: async () => (await client.listTools()).tools,
      call: async (name, input = {}, options) =>
        called(await client.callTool({ name, arguments: input }, undefined, options)),
      [Symbol.asyncDispose]: () => client.close(),
    };
  },
};

const v2: Sdk = {
  name: "v2, @modelcontextprotocol/server",
  async connect(register) {
    const server = new McpServerV2(info);
    register(server);
    const client = new ClientV2(info);
    const [ours, theirs] = InMemoryTransportV2.createLinkedPair();
    await Promise.all([server.connect(theirs), client.connect(ours)]);
    return {
      list: async () => (await client.listTools()).tools as ListedTool[],
      call: async (name, input = {}, options) => called(await client.callTool({ name, arguments: input }, options)),
      [Symbol.asyncDispose]: () => client.close(),
    };
  },
};

/** Both generations of the official SDK: what is true of one must be true of the other. */
export const sdks: readonly Sdk[] = [v1, v2];

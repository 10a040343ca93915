import { type NeonClientOptions } from "../../../../src/clients/neon/index.ts";
import { FaultPlan } from "../../../../src/local/faults.ts";
import { startNeonStandIn } from "../../../../src/local/neon/index.ts";
import { createDatabase, type TestDatabase } from "../../../support/postgres.ts";

/** A database of a suite's own, and how to reach it. */
export interface Target {
  readonly options: NeonClientOptions & { readonly connectionString: string };
  close(): Promise<void>;
}

/** On a server where one may look from outside, and kill. */
export interface PostgresTarget extends Target, Pick<TestDatabase, "admin"> {}

/** Real PostgreSQL in its own protocol. */
export async function postgresOverTcp(): Promise<PostgresTarget> {
  const database = await createDatabase();
  const { connectionString } = database;
  return {
    options: { connectionString, max: 5 },
    admin: (text, params) => database.admin(text, params),
    close: () => database.drop(),
  };
}

/** Real PostgreSQL as the hosted Neon is reached: single statements over HTTP, the rest over WebSockets. */
export async function postgresOverNeon(): Promise<PostgresTarget> {
  const database = await createDatabase();
  const postgresUrl = database.connectionString;
  const server = await startNeonStandIn({ faults: new FaultPlan(), engine: "postgres", postgresUrl });
  return {
    options: { connectionString: server.connectionString, transport: "websocket", max: 5 },
    admin: (text, params) => database.admin(text, params),
    async close() {
      await server.close();
      await database.drop();
    },
  };
}

/** The local Neon in PostgreSQL's own protocol. */
export const standInOverTcp = (): Promise<Target> => standIn("tcp");

/** The local Neon as the hosted one is reached: single statements over HTTP, the rest over WebSockets. */
export const standInOverNeon = (): Promise<Target> => standIn("websocket");

async function standIn(transport: "tcp" | "websocket"): Promise<Target> {
  const server = await startNeonStandIn({ faults: new FaultPlan() });
  const { connectionString } = server;
  return { options: { connectionString, transport, max: 5 }, close: () => server.close() };
}

/** Every suite of a contract runs over these. */
export const targets: readonly (readonly [string, () => Promise<Target>])[] = [
  ["TCP on PostgreSQL", postgresOverTcp],
  ["HTTP and WebSockets on PostgreSQL", postgresOverNeon],
  ["TCP on the local Neon", standInOverTcp],
  ["HTTP and WebSockets on the local Neon", standInOverNeon],
];

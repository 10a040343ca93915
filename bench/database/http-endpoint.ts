// A process of its own: SQL over HTTP as Neon speaks it, for one statement a request, before a PostgreSQL. Prints its
// port. Ends with the process that started it.
import { createServer } from "node:http";
import { type AddressInfo } from "node:net";
import pg from "pg";

const pool = new pg.Pool({ connectionString: process.argv[2], max: 20 });
/** As text, which is how the endpoint hands values on. */
const types = { getTypeParser: () => (text: unknown) => text } as unknown as pg.CustomTypesConfig;

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const { query, params } = JSON.parse(Buffer.concat(chunks).toString()) as { query: string; params: unknown[] };
    pool.query({ text: query, values: params, rowMode: "array", types }).then(
      ({ fields, rows, command, rowCount }) => {
        response.setHeader("content-type", "application/json");
        response.end(JSON.stringify({ fields, rows, command, rowCount, rowAsArray: true }));
      },
      (error: Error) => response.writeHead(400).end(JSON.stringify({ message: error.message })),
    );
  });
});
server.listen(0, "127.0.0.1", () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`));
process.stdin.resume().on("end", () => process.exit());
